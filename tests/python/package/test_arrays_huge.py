# expect-stdout: OK
# needs: numpy
"""Arrays in loans of 1 GiB and more over shm: sent without a copy, memory only where something was written, given back
when nobody refers to it. Little of them is written here."""

import gc

import numpy as np

from corps import AsyncLocalMaxRetries, Conc, Corps, LocType, create_Concs, create_Corps, loan
from helpers import expect

GIB, MIB = 1 << 30, 1 << 20


class Worker(Conc):
    def keep(self, array):
        self.array = array
        return array.nbytes, bool(array.flags.writeable)

    def at(self, *where):
        return [float(self.array[place]) for place in where]

    def drop(self):
        self.array = None

    def memory(self):
        return shared_memory()


class Service(Corps):
    def __init__(self):
        super().__init__()
        self.worker, = create_Concs(Worker, LocType=LocType.EnvId, LocVal=1)

    def name(self):
        return self.worker


def shared_memory():
    """MiB of it that are there and mapped here"""
    with open('/proc/self/status') as status:
        return next(int(line.split()[1]) for line in status if line.startswith('RssShmem:')) >> 10


def lent(worker, bytes):
    array = np.frombuffer(loan(worker, bytes), dtype='f8')
    array[0], array[-1] = 1.0, 2.0
    return array


def read_only(array):
    array.flags.writeable = False
    return array


def check_in_place(worker):
    array = lent(worker, GIB)
    for view in (array, array[8:-8], array[: GIB // 16]):               # the whole, and parts of it (at multiples of 64 bytes)
        assert worker.keep(read_only(view[:])).Ret == (view.nbytes, False)
        view[0] += 10.0                                                 # what it sees is this memory
        assert worker.at(0, -1).Ret == [view[0], view[-1]]
    assert shared_memory() < 64 and worker.memory().Ret < 64            # of two times 1 GiB


def check_given_back(worker):
    array = lent(worker, GIB)
    worker.keep(array).Ret
    array[: 128 * MIB // 8] = 3.0
    assert shared_memory() > 100
    del array
    gc.collect()
    assert worker.at(0, 100, -1).Ret == [3.0, 3.0, 2.0]                 # the Worker has it still
    worker.drop().Ret
    other = lent(worker, GIB)                                           # the next one finds that it was given back
    assert shared_memory() < 64
    assert other[1] == 0.0
    worker.keep(other).Ret
    worker.drop().Ret


def check_many(worker):
    arrays = [lent(worker, GIB + number * MIB) for number in range(8)]
    for number, array in enumerate(arrays):
        array[5] = number
    for number, array in enumerate(arrays):
        worker.keep(array).Ret
        assert worker.at(0, 5, -1).Ret == [1.0, number, 2.0]


def check_larger_than_a_message(worker):
    array = read_only(lent(worker, 3 * GIB))
    expect(AsyncLocalMaxRetries, lambda: worker.keep(array).Ret)
    half = len(array) // 2
    for part in (array[:half], array[half:]):
        worker.keep(part).Ret
        assert worker.at(0, -1).Ret == [part[0], part[-1]]


def main():
    with create_Corps(Service, NumEnvs=2, Transport='shm') as service:
        worker = service.name().Ret
        worker.drop().Ret
        for check in (check_in_place, check_given_back, check_many, check_larger_than_a_message):
            check(worker)
            worker.drop().Ret
            gc.collect()
    print('OK')


if __name__ == '__main__':
    main()
