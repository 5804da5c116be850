"""The Concs that are called, and the front of the Corps. Their methods are those of the classes in C (workloads/*.c),
so that either language can call either."""

import os
import re

from corps import Conc, Corps, LocType, create_Concs

import lab_meter


class Lab(Corps):
    """The front: creates Concs where the program wants them."""

    def make(self, where, name, env):
        """A Conc in that Env: of the class `name` in module `where`, or of one written in C when `where` is empty."""
        return create_Concs(_class_of(where, name), LocType=LocType.EnvId, LocVal=env)[0]

    def make_per_env(self, where, name):
        return create_Concs(_class_of(where, name), LocType=LocType.PerEnv)


def _class_of(where, name):
    return getattr(__import__(where), name) if where else name


class Probe(Conc):
    """Tells about its Env."""

    def look(self):
        """The process, and the number of processors that it may use."""
        return os.getpid(), len(os.sched_getaffinity(0))


class Echo(Conc):
    """Gives back what it gets."""

    def echo(self, *message):
        return message


class Sink(Conc):
    """Takes a stream, which must come whole, once and in order."""

    def __init__(self):
        super().__init__()
        self.message = None
        self.number = 0
        self.error = ''  # the first fault

    def expect(self, params):
        self.message = lab_meter.Message(params)

    def put(self, *message):
        if not self.error:
            try:
                self.message.check(self.number, message, self.number % lab_meter.FULL_CHECK_EVERY == 0)
            except lab_meter.Mismatch as mismatch:
                self.error = str(mismatch)
        self.number += 1

    def count(self):
        return [self.number, self.error]


class Searcher(Conc):
    """Counts the lines of a file that match, as grep -c does."""

    def __init__(self):
        super().__init__()
        self.pattern = self.matches = None

    def search(self, path, pattern):
        if pattern != self.pattern:
            self.pattern, self.matches = pattern, re.compile(pattern).search
        with open(path, 'rb') as file:
            lines = file.read().split(b'\n')
        if not lines[-1]:
            lines.pop()  # what follows the last newline is no line
        matches = self.matches
        return sum(1 for line in lines if matches(line))
