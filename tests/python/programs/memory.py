#!/usr/bin/env python3
"""Memory that runs out: the nth allocation of a process fails, for every n, in what a program and an Env do.   memory.py LIBFAILING [option …]

Each must give the outcome or an error that says what it is, and everything works afterwards. Where the interpreter or the C library ends the
process by abort (they do where they cannot make the state of a thread), the callers of an Env get WorkerLost with the signal's name; any other
end is a fault, and so is a wait without end. --stride N: every nth alone.
"""

# Python's own allocators are turned off, so that the library that is preloaded sees every allocation, and fails it on whichever thread it is.
# _testcapi.set_nomemory is no help here: it exchanges the allocators while other threads use them, and they jump through half of each.

import argparse
import collections
import ctypes
import os
import pickle
import signal
import subprocess
import sys
import tempfile
import threading
import time

QUIET_S = 120.0  # a life that says nothing for so long hangs; it says something many times a second


class Wrong(Exception):
    pass


class Point:
    def __init__(self, x):
        self.x = x

    def __eq__(self, other):
        return self.x == other.x


ENDS = ('Fatal Python error', 'Fatal glibc error', 'cannot allocate memory for thread-local data: ABORT', 'libuv.so',
        'a link to this process is closed: no memory')
"""What is said by whoever ends a process, or a link, for lack of memory."""


def failing_next(number):
    """The allocation of that number fails, 0: none."""
    try:
        return PRELOADED.failing_next(number)
    except ctypes.ArgumentError:  # it was one of this call's own
        return PRELOADED.failing_next(number)


if __name__ != '__main__' or '--life' in sys.argv:
    from corps import Conc, Corps, LocType, create_Concs, create_Corps, loan, wait_all, wait_next, WorkerLost

    PRELOADED = ctypes.PyDLL(os.environ['LD_PRELOAD'])
    PRELOADED.failing_next.argtypes, PRELOADED.failing_next.restype = (ctypes.c_long,), ctypes.c_long

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
            failing_next(number)
            return thing  # which has to be put into a reply

        def calm(self):
            failing_next(0)

        def raises(self, number):
            failing_next(number)
            raise Wrong(number)

        def blocks(self, number):
            """So that its Env needs one more thread, which begins without memory."""
            failing_next(number)
            time.sleep(0.02)
            failing_next(0)

        def ä(self, number, thing):  # whose name costs memory at each call
            failing_next(number)
            return thing

    class Service(Corps):
        def __init__(self):
            super().__init__()
            self.workers = create_Concs(Worker, Num=2)
            for worker, other in zip(self.workers, reversed(self.workers)):
                worker.other = other
            self.blocked = create_Concs(Worker, LocType=LocType.EnvId, LocVal=0, Num=12)

        def names(self):
            return self.workers, self.blocked


def call(name):
    assert name.back(1).Ret == 1


def call_keywords(name):
    assert name.back(1, a=2, b='c').Ret == {'a': 2, 'b': 'c'}


def call_objects(name):
    assert name.back([Point(1), {'a': (1, 2.5, None, b'x')}]).Ret[0] == Point(1)


def call_many_objects(name):
    assert name.back([Point(i) for i in range(12)]).Ret[11] == Point(11)


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


def redefine(name):
    """What is kept of a class is out of date each time that its instances are made here."""
    Point.x = object()
    assert name.back([Point(i) for i in range(12)]).Ret[11] == Point(11)


def create(name):
    new, = create_Concs(Worker)
    assert new.back(1).Ret == 1
    new.exit()


def create_corps(name):
    with create_Corps(Service, NumEnvs=1) as service:
        assert len(service.names().Ret) == 2


LARGE = b'x' * 100000
DEEDS = {deed.__name__: deed for deed in (call, call_keywords, call_objects, call_many_objects, call_large, send, raise_there, coroutine, wait,
                                          callback, cancel, attributes, carry, lend, redefine, create, create_corps)}
IN_ENVS = {'reply': lambda names, n: names[1].answers(n, [Point(1), 2]).Ret, 'failure': lambda names, n: names[1].raises(n).Ret,
           'name of a method': lambda names, n: names[1].ä(n, 1).Ret}


def tried(number, deed, name):
    """None, or what was raised, where the allocation of that number fails."""
    said = None
    failing_next(number)
    try:
        deed(name)
    except BaseException as error:
        said = error
    failing_next(0)
    return said


def is_told(error):
    """Does it say that there was no memory, or what the method raised?"""
    return (error is None or isinstance(error, (MemoryError, Wrong)) or getattr(error, 'TypeName', None) in ('MemoryError', 'Wrong', 'PicklingError')
            or isinstance(error, pickle.PicklingError)
            # The interpreter's own words for it.
            or str(error) in ("can't allocate lock", "can't start new thread", 'error return without exception set')
            or any(word in str(error) for word in ('memory', 'NO_MEMORY')))


def steps(stride):
    """Everything that is tried: (place, key, number)."""
    for offset, key in enumerate(DEEDS):
        count, step = (2200, 60 * stride) if key == 'create_corps' else (140, stride)  # of all that each asks for
        step = 1 if key == 'redefine' else step  # where one of a hundred ended the process once
        for place in ('program', 'Env'):
            if place == 'Env' or key != 'create':
                for number in range(1 + offset % step, count, step):
                    yield place, key, number
    for key in IN_ENVS:
        for number in range(1, 130, stride):
            yield 'reply', key, number
    for number in range(1, 60, stride):
        yield 'thread', 'blocks', number


class Life:
    """In a process of its own, since it may be ended."""

    def __init__(self):
        self.service = None

    def names(self):
        if self.service is None:
            self.service = create_Corps(Service, NumEnvs=2, Max_Threads=300)
        return self.service.names().Ret

    def leave(self):
        """A Corps of which an Env was ended."""
        service, self.service = self.service, None
        try:
            if service is not None:
                service.exit()
        except WorkerLost:
            pass

    def calm(self):
        """Memory does not fail any more, in no Env: what was to fail may be what says so."""
        for at in range(2):
            for _ in range(3):
                try:
                    self.names()[0][at].calm().Ret
                except BaseException as error:
                    if not is_told(error):
                        raise

    def one(self, place, key, number):
        """What came of it."""
        names, blocked = self.names()
        if place == 'program':
            return tried(number, DEEDS[key], names[0])
        if place == 'Env':
            return names[0].failing(number, key).Ret
        if place == 'reply':
            return IN_ENVS[key](names, number) and None
        # Each keeps a thread; the last is served by a new one.
        futures = [worker.blocks(number) for worker in blocked]
        for future in futures:
            future.Ret

    def step(self, place, key, number):
        try:
            error = self.one(place, key, number)
        except WorkerLost:
            raise
        except BaseException as raised:
            error = raised
        if error is not None:
            print('told' if is_told(error) else f'wrong {type(error).__name__}: {str(error)!r:.300}', flush=True)
        if place in ('reply', 'thread'):  # what was to fail may not have come yet
            self.calm()
        if place == 'reply':  # then nothing fails any more, and the same works
            try:
                IN_ENVS[key](self.names()[0], 0)
            except Wrong:
                pass
        if wait_all([name.back(1) for name in self.names()[0]]) is not True:
            print('wrong: a Worker does not answer afterwards', flush=True)

    def run(self, all_steps, start):
        for at, step in enumerate(all_steps):
            if at >= start:
                print('at', at, flush=True)
                try:
                    self.step(*step)
                except WorkerLost as lost:
                    print('lost', lost, flush=True)
                    self.leave()
        self.leave()
        print('end', flush=True)


class Lives:
    def __init__(self, options):
        self.options = options
        self.all_steps = list(steps(options.stride))
        self.tally = collections.Counter()
        self.faults = []

    def fault(self, at, what, err):
        print('fault: {} {} {}: {}'.format(*self.all_steps[at], what), err[-6000:], sep='\n', flush=True)
        self.faults.append(at)

    def ended(self, at, status, err):
        """A life or an Env was ended: by whom?"""
        frames = [line for line in err.rpartition('ends by SIGSEGV at')[2].splitlines()[3:4] if 'PyThreadState_New' in line]
        said = [words for words in ENDS if words in err]
        if status == 'SIGSEGV' and frames and sys.version_info < (3, 12):
            self.tally['ended by a fault of PyThreadState_New'] += 1
        elif said and status != 'SIGSEGV':
            self.tally['lost, and said: ' + said[0]] += 1
        else:
            self.fault(at, f'ended by {status}', err)

    def one(self, start):
        """From a step on; the step where it was ended, or None."""
        environment = dict(os.environ, LD_PRELOAD=os.path.abspath(self.options.preload), PYTHONMALLOC='malloc', FAILING_ENDS='1')
        with open(self.options.errors, 'w+') as errors:
            process = subprocess.Popen([self.options.python, __file__, '--life', str(self.options.stride), str(start)], stdout=subprocess.PIPE, stderr=errors,
                                       text=True, env=environment, start_new_session=True)
            timer, at, seen = None, start, 0

            def news():
                nonlocal seen
                with open(self.options.errors) as file:
                    file.seek(seen)
                    text = file.read()
                    seen = file.tell()
                return text

            def stop():
                subprocess.run(['gdb', '-q', '-batch', '-p', str(process.pid), '-ex', 'thread apply all bt 12'], stdout=errors, stderr=errors)
                os.killpg(process.pid, signal.SIGKILL)

            for line in process.stdout:
                timer and timer.cancel()
                timer = threading.Timer(QUIET_S, stop)
                timer.start()
                word, _, rest = line.strip().partition(' ')
                self.tally[word.rstrip(':')] += 1
                if word == 'at':
                    at = int(rest)
                elif word == 'lost':
                    self.ended(at, next((name for name in ('SIGABRT', 'SIGSEGV') if name in rest), rest), news())
                elif word.startswith('wrong'):
                    self.fault(at, line.strip(), news())
            timer and timer.cancel()
            status = process.wait()
            if status == 0:
                return None
            self.ended(at, signal.Signals(-status).name if status < 0 else f'exit status {status}', news())
            return at

    def all(self):
        start = self.options.start
        while start is not None and start < len(self.all_steps):
            at = self.one(start)
            start = None if at is None else at + 1


def main():
    if '--life' in sys.argv:
        sys.unraisablehook = lambda _: None  # of callbacks and generators: they are many, and fail as they would anywhere
        stride, start = map(int, sys.argv[2:])
        return Life().run(steps(stride), start)
    parser = argparse.ArgumentParser(description=__doc__.split('\n')[0])
    parser.add_argument('preload')
    parser.add_argument('--python', default=sys.executable, help='the interpreter to try')
    parser.add_argument('--stride', type=int, default=1)
    parser.add_argument('--start', type=int, default=0, help='the step to begin with')
    options = parser.parse_args()
    lives = Lives(options)
    with tempfile.NamedTemporaryFile() as errors:
        options.errors = errors.name
        lives.all()
    print(', '.join(f'{count} {what}' for what, count in sorted(lives.tally.items())), f'{len(lives.faults)} faults', sep='; ')
    return 1 if lives.faults or not lives.tally['end'] else 0


if __name__ == '__main__':
    sys.exit(main())
