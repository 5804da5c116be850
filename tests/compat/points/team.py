"""Worker classes that live in a module of their own."""

import os
import time

from Conc import Conc
from Corps import Corps
from EnvGlobals import my_EnvId
from Workers import create_Concs, LocType


class Worker(Conc):
    """A Conc with a few simple methods."""

    def __init__(self, label='worker'):
        super().__init__()
        self.label = label
        self.seen = []
        self.start()

    def where(self):
        return my_EnvId()

    def pid(self):
        return os.getpid()

    def get_label(self):
        return self.label

    def echo(self, thing):
        return thing

    def note(self, thing):
        self.seen.append(thing)

    def noted(self):
        return self.seen

    def nap(self, seconds):
        time.sleep(seconds)
        return seconds

    def held(self, gate, thing=None):
        gate.wait()
        return thing

    def fail(self, text):
        raise ValueError(text)

    def label_of(self, name):
        """Call another Worker."""
        return name.get_label().Ret

    def text_of(self, name):
        return f'{name}'


class Team(Corps):
    """A Corps with one Worker in every Env."""

    def __init__(self, label='team'):
        super().__init__()
        self.label = label
        self.seen = []
        self.workers = create_Concs(Worker, label, LocType=LocType.PerEnv)

    def where(self):
        return my_EnvId()

    def pids(self):
        return [worker.pid().Ret for worker in self.workers]

    def get_workers(self):
        return self.workers

    def get_label(self):
        return self.label

    def echo(self, thing):
        return thing

    def note(self, thing):
        self.seen.append(thing)

    def noted(self):
        return self.seen

    def nap(self, seconds):
        time.sleep(seconds)
        return seconds

    def held(self, gate, thing=None):
        gate.wait()
        return thing

    def fail(self, text):
        raise ValueError(text)

    def label_of(self, name):
        return name.get_label().Ret

    def labels_by_workers(self, name):
        """Let the Worker of every Env call another one."""
        return [worker.label_of(name).Ret for worker in self.workers]
