# needs: numpy
"""Arrays without a copy: loans, over every transport; what is read-only arrives so; which memory is whose, on shm."""

import gc

import numpy as np

from corps import Conc, Corps, LocType, create_Concs, create_Corps, loan
from helpers import expect, room

BYTES = 1 << 20


class Worker(Conc):
    def keep(self, array):
        self.array = array
        return bool(array.flags.writeable), float(array.sum()), array.nbytes

    def first(self):
        return float(self.array.flat[0])

    def write(self):
        self.array[0] = -1.0

    def drop(self):
        self.array = None


class Service(Corps):
    def __init__(self):
        super().__init__()
        self.worker, = create_Concs(Worker, LocType=LocType.EnvId, LocVal=1)

    def name(self):
        return self.worker

    def between(self):
        self.worker.drop().Ret                                          # a loan does not connect
        return lent(self.worker)


def lent(worker):
    """An array in a loan: what the Worker sees of what is written to it after it was sent."""
    array = np.frombuffer(loan(worker, BYTES), dtype='f8')
    array[:] = 2.0
    array.flags.writeable = False
    told = worker.keep(array).Ret
    assert told == (False, 2.0 * len(array), BYTES), told
    assert expect(ValueError, lambda: worker.write().Ret)               # it is read-only there
    array.flags.writeable = True
    array[0] = 7.0
    return worker.first().Ret


def check_copies(worker, shared):
    ours = np.full(BYTES // 8, 3.0)
    assert worker.keep(ours).Ret[0] is True                             # a copy, and the receiver's own
    ours[0] = 9.0
    assert worker.first().Ret == 3.0
    worker.write().Ret
    assert worker.first().Ret == -1.0 and ours[0] == 9.0
    ours.flags.writeable = False
    assert worker.keep(ours).Ret[0] is False
    assert lent(worker) == (7.0 if shared else 2.0)


def check_loans(worker):
    for bytes in (0, 1, 4096, 5 << 20, 200 << 20):                      # the last is more than a link lends
        memory = loan(worker, bytes)
        assert memory.nbytes == bytes and not memory.readonly
    memory = loan(worker, BYTES)
    part = np.frombuffer(memory, dtype='f8')[100:2000].reshape(19, 100)  # a part of a loan, in a structure
    part[:] = np.arange(1900.0).reshape(19, 100)
    assert worker.keep(part).Ret[1] == float(np.arange(1900.0).sum())
    del memory, part
    gc.collect()
    assert worker.first().Ret == 0.0                                    # it lives as long as the receiver has it
    for number in range(100):                                           # what was dropped is lent again
        array = np.frombuffer(loan(worker, 4 << 20), dtype='f8')
        array[0] = number
        worker.keep(array).Ret
        assert worker.first().Ret == number
    worker.drop().Ret
    expect(ValueError, loan, worker, -1)
    expect(TypeError, loan, 'worker', 1)


def main():
    for transport, shared in (('shm', True), ('unix', False), ('tcp', False), ('pipe', False), ('mqueue', False)):
        with room(transport), create_Corps(Service, NumEnvs=2, Transport=transport) as service:
            worker = service.name().Ret
            array = np.frombuffer(loan(worker, 80), dtype='f8')         # no call has gone before: ordinary memory
            assert worker.keep(array).Ret[2] == 80
            check_copies(worker, shared)
            check_loans(worker)
            assert service.between().Ret == (7.0 if shared else 2.0)
    with create_Corps(Service, NumEnvs=2, Transport='shm', Buffer_Bytes=8 << 20) as service:
        worker = service.name().Ret
        worker.drop().Ret
        array = np.frombuffer(loan(worker, 64 << 20), dtype='f8')       # a larger link lends larger pieces
        worker.keep(array).Ret
        array[0] = 5.0
        assert worker.first().Ret == 5.0
        worker.drop().Ret
    print('OK')


if __name__ == '__main__':
    main()
