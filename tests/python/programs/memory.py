#!/usr/bin/env python3
"""Memory that runs out: the nth allocation of Python fails, for every n, in what a program and a Worker do: a MemoryError, or the
outcome, and everything works afterwards."""

# STRIDE in the environment: every so manieth alone. Not in CI: in some runs an Env dies of SIGSEGV on a thread that has no Python frame
# yet, which is not explained (docs/platforms.md).

import collections
import faulthandler
import os
import pickle
import sys
import threading

import _testcapi

from corps import Conc, Corps, create_Concs, create_Corps, loan, wait_all, wait_next

STRIDE = int(os.environ.get('STRIDE', 1))


class Wrong(Exception):
    pass


class Point:
    def __init__(self, x):
        self.x = x

    def __eq__(self, other):
        return self.x == other.x


class Worker(Conc):
    def back(self, thing, **more):
        return more or thing

    def wrong(self):
        raise Wrong('so')

    async def later(self, thing):
        return thing

    def failing(self, number, deed):
        """Do it with memory that runs out: the answer is what came of it."""
        return tried(number, DEEDS[deed], self.other)

    def answers(self, number, thing):
        _testcapi.set_nomemory(number, number + 1)
        return thing  # which has to be put into a reply

    def raises(self, number):
        _testcapi.set_nomemory(number, number + 1)
        raise Wrong(number)


class Service(Corps):
    def __init__(self):
        super().__init__()
        self.workers = create_Concs(Worker, Num=2)
        for worker, other in zip(self.workers, reversed(self.workers)):
            worker.other = other

    def names(self):
        return self.workers


def call(name):
    assert name.back(1).Ret == 1


def call_keywords(name):
    assert name.back(1, a=2, b='c').Ret == {'a': 2, 'b': 'c'}


def call_objects(name):
    assert name.back([Point(1), {'a': (1, 2.5, None, b'x')}]).Ret[0] == Point(1)


def call_large(name):
    assert name.back(LARGE).Ret == LARGE


def send(name):
    name.back(1, NoReply=True)


def raise_there(name):
    try:
        name.wrong().Ret
    except Wrong:
        pass


def coroutine(name):
    assert name.later(3).Ret == 3


def wait(name):
    futures = [name.back(i) for i in range(3)]
    assert wait_all(futures) and sorted(wait_next(futures)) == [0, 1, 2]


def callback(name):
    done = threading.Event()
    future = name.back(1)
    future.add_done_callback(lambda _: done.set())
    assert future.Ret == 1


def cancel(name):
    future = name.back(1)
    future.cancel()
    future.done()


def attributes(name):
    name.kept = 5
    assert name.kept.Ret == 5


def carry(name):
    assert pickle.loads(pickle.dumps(name)) == name and str(name)


def lend(name):
    with loan(name, 10000) as memory:
        memory[:3] = b'abc'


def create(name):
    new, = create_Concs(Worker)
    assert new.back(1).Ret == 1
    new.exit()


def create_corps(name):
    with create_Corps(Service, NumEnvs=1) as service:
        assert len(service.names().Ret) == 2


LARGE = b'x' * 100000
DEEDS = {deed.__name__: deed for deed in (call, call_keywords, call_objects, call_large, send, raise_there, coroutine, wait, callback, cancel,
                                          attributes, carry, lend, create, create_corps)}


def tried(number, deed, name):
    """None, or what was raised, where the allocation of that number fails."""
    said = None
    _testcapi.set_nomemory(number, number + 1)
    try:
        deed(name)
    except BaseException as error:
        said = error
    _testcapi.remove_mem_hooks()
    return said


def is_told(error):
    """Does it say that there was no memory, or what the method raised?"""
    return (error is None or isinstance(error, (MemoryError, Wrong)) or getattr(error, 'TypeName', None) in ('MemoryError', 'Wrong', 'PicklingError')
            # The interpreter's own words for it.
            or isinstance(error, pickle.PicklingError) or str(error) in ("can't allocate lock", 'error return without exception set'))


def numbers(key, offset):
    count, step = (1500, 25 * STRIDE) if key == 'create_corps' else (130, STRIDE)
    return range(1 + offset % step, count, step)


def outcome(function):
    try:
        function()
    except BaseException as error:
        return error


def main():
    faulthandler.enable()
    sys.unraisablehook = lambda _: None  # of callbacks and generators: they are many, and fail as they would anywhere
    tally, wrong = collections.Counter(), []

    def note(key, number, error):
        tally[error is not None] += 1
        if not is_told(error):
            wrong.append((key, number, error))

    with create_Corps(Service, NumEnvs=2) as service:
        names = service.names().Ret
        for offset, (key, deed) in enumerate(DEEDS.items()):
            if key != 'create':  # in Envs alone
                for number in numbers(key, offset):
                    note(key, number, tried(number, deed, names[0]))
                deed(names[0])
            for number in numbers(key, offset):
                note('in an Env: ' + key, number, outcome(lambda: note(key, number, names[0].failing(number, key).Ret)))
            assert names[0].failing(1 << 30, key).Ret is None, key
        for number in numbers('reply', 0):
            note('reply', number, outcome(lambda: names[1].answers(number, [Point(1), 2]).Ret))
            note('failure', number, outcome(lambda: names[1].raises(number).Ret))
        assert wait_all([name.back(1) for name in names])
    print('note: {} allocations failed, {} deeds with an exception'.format(sum(tally.values()), tally[True]))
    assert not wrong, wrong
    print('OK')


if __name__ == '__main__':
    sys.exit(main())
