"""Large arrays cross by one copy over shared memory, all of a call's and of any size: copies are counted in both processes by a
preloaded library (copies.c). And what memory they took comes back.   LD_PRELOAD=libcopies.so copies.py

Skipped, with status 77, where numpy is missing.
"""

import ctypes
import importlib.util
import os
import re
import signal
import sys
import time

if importlib.util.find_spec('numpy') is None:
    print('skipped: needs numpy')
    sys.exit(77)

import numpy as np

from corps import Conc, Corps, LocType, WorkerLost, create_Concs, create_Corps

MIB = 1 << 20
PATIENCE_S = 60
BEYOND_KEPT = 300 * MIB  # a link keeps 256 MiB for large arrays
count_copied = ctypes.CDLL(None).copied_bytes
count_copied.restype = ctypes.c_uint64


class Worker(Conc):
    def copied(self):
        return count_copied()

    def take(self, things):
        self.things = None
        return [float(part[-1]) for part in parts_of(things)]

    def keep(self, things):
        self.things = things
        return os.getpid()

    def make(self, kind):
        self.things = dict(given())[kind]

    def give(self):
        return self.things

    def drop(self):
        self.things = None


class Service(Corps):
    def __init__(self):
        super().__init__()
        self.worker, = create_Concs(Worker, LocType=LocType.EnvId, LocVal=1)

    def name(self):
        return self.worker


def array(bytes, last):
    made = np.ones(bytes // 8)
    made[-1] = last
    return made


def given():
    """(name, arrays in something)"""
    whole = array(8 * MIB, 3)
    yield 'one', array(8 * MIB, 1)
    yield 'two', [array(8 * MIB, 1), array(8 * MIB, 2)]
    yield 'many in containers', {'a': (array(MIB, 1), array(72 << 10, 2)), 'b': [array(20 * MIB, 3), {'c': array(MIB + 8, 4)}], 'd': np.arange(3.0)}
    yield 'a part and the whole', [whole[:1000], whole]
    yield 'large ones', [array(40 * MIB, number) for number in range(3)]
    yield 'one beyond what is kept', array(BEYOND_KEPT, 5)
    yield 'two beyond what is kept', (array(200 * MIB, 1), array(130 * MIB, 2))


def parts_of(things):
    if isinstance(things, dict):
        things = list(things.values())
    return [things] if isinstance(things, np.ndarray) else [part for thing in things for part in parts_of(thing)]


def bytes_of(things):
    """Of the memory that they lie in, as far as its copies are counted."""
    owners = {id(owner): owner.nbytes for owner in (part if part.base is None else part.base for part in parts_of(things))}
    return sum(bytes for bytes in owners.values() if bytes >= 1 << 16)


def check_request(worker, name, things):
    there, here = worker.copied().Ret, count_copied()
    told = worker.take(things).Ret
    here, there = count_copied() - here, worker.copied().Ret - there
    assert told == [part[-1] for part in parts_of(things)], (name, told)
    assert (here, there) == (bytes_of(things), 0), (name, 'as argument', here, there, bytes_of(things))


def check_reply(worker, name, things):
    worker.make(name).Ret
    there, here = worker.copied().Ret, count_copied()
    got = worker.give().Ret
    here, there = count_copied() - here, worker.copied().Ret - there
    assert [part[-1] for part in parts_of(got)] == [part[-1] for part in parts_of(things)], name
    assert (here, there) == (0, bytes_of(things)), (name, 'as result', here, there, bytes_of(things))


def shared_memory():
    """Bytes of each mapping of shared memory that are there: of the pools, the largest ones."""
    found, size = [], None
    with open('/proc/self/smaps') as file:
        for line in file:
            if re.match(r'[0-9a-f]+-[0-9a-f]+ ', line):
                size = 'memfd:corps' in line
            elif size and line.startswith('Rss:'):
                found.append(1024 * int(line.split()[1]))
    return found


def wait_until(condition):
    end = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < end, shared_memory()
        time.sleep(0.01)


def check_given_back(worker):
    """What is beyond what a link keeps is gone with the arrays that lay there."""
    large = array(BEYOND_KEPT, 1)
    worker.keep(large).Ret
    assert max(shared_memory()) >= BEYOND_KEPT
    worker.drop().Ret
    assert max(shared_memory()) <= 257 * MIB, shared_memory()


def check_killed(worker):
    """All of it is gone with the other side, but what is still looked at."""
    pid = worker.keep(array(BEYOND_KEPT, 7)).Ret
    got = worker.give().Ret
    assert got.sum() == len(got) + 6
    assert sum(bytes >= BEYOND_KEPT for bytes in shared_memory()) == 2
    os.kill(pid, signal.SIGKILL)
    try:
        worker.copied().Ret
        raise AssertionError('the Env answers')
    except WorkerLost:
        pass
    wait_until(lambda: sum(bytes >= BEYOND_KEPT for bytes in shared_memory()) == 1)
    assert got[-1] == 7.0 and got.sum() == len(got) + 6
    del got
    wait_until(lambda: max(shared_memory(), default=0) < 100 * MIB)


def main():
    with create_Corps(Service, NumEnvs=2) as service:
        worker = service.name().Ret
        for name, things in given():
            check_request(worker, name, things)
            check_reply(worker, name, things)
        check_given_back(worker)
        check_killed(worker)
    print('OK')


if __name__ == '__main__':
    main()
