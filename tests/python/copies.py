"""Large arrays cross by one copy over shared memory, all of a call's or result's: copies are counted in both processes by a
preloaded library (copies.c).   LD_PRELOAD=libcopies.so copies.py

Skipped, with status 77, where numpy is missing.
"""

import ctypes
import importlib.util
import sys

if importlib.util.find_spec('numpy') is None:
    print('skipped: needs numpy')
    sys.exit(77)

import numpy as np

from corps import Conc, Corps, LocType, create_Concs, create_Corps

MIB = 1 << 20
count_copied = ctypes.CDLL(None).copied_bytes
count_copied.restype = ctypes.c_uint64


class Worker(Conc):
    def copied(self):
        return count_copied()

    def take(self, things):
        return [float(part[-1]) for part in parts_of(things)]

    def make(self, kind):
        self.things = dict(given())[kind]

    def give(self):
        return self.things


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
    yield 'many in containers', {'a': (array(MIB, 1), array(72 << 10, 2)), 'b': [array(2 * MIB, 3), {'c': array(MIB + 8, 4)}], 'd': np.arange(3.0)}
    yield 'a part and the whole', [whole[:1000], whole]
    yield 'three', [array(8 * MIB, number) for number in range(3)]


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


def main():
    with create_Corps(Service, NumEnvs=2) as service:
        worker = service.name().Ret
        for name, things in given():
            check_request(worker, name, things)
            check_reply(worker, name, things)
    print('OK')


if __name__ == '__main__':
    main()
