# expect-stdout: OK
# needs: numpy
"""What is too large for one message is refused at the sender, with the limit; a result, at the caller. Nothing is touched: the
memory is that of zeros that nobody has written."""

import ctypes

import numpy as np

import corps
from corps import Conc, Corps, LocType, create_Concs, create_Corps
from helpers import expect

HUGE = 3 << 30
getattr(ctypes.CDLL(None), 'mallopt', lambda *_: 0)(-6, 0)  # M_PERTURB: Meson has the C library write to all memory that is taken


def zeros(size=HUGE):
    return np.zeros(size, np.uint8)


class Worker(Conc):
    def __init__(self, thing=None):
        super().__init__()

    def size(self, *things):
        return sum(thing.nbytes for thing in things)

    def give(self, parts):
        return [zeros(HUGE // parts) for _ in range(parts)] if parts > 1 else zeros()


class Service(Corps):
    def __init__(self, thing=None):
        super().__init__()
        self.worker = create_Concs(Worker, LocType=LocType.EnvId, LocVal=1)[0]

    def name(self):
        return self.worker

    def create(self):
        return str(expect(Exception, create_Concs, Worker, zeros(), LocType=LocType.EnvId, LocVal=1))


def limit_in(error):
    assert '2147' in str(error) and 'one message' in str(error), error


def check(worker):
    for things in [zeros()], [zeros(HUGE // 3) for _ in range(3)], [zeros(1 << 31)]:
        limit_in(expect(corps.AsyncLocalMaxRetries, worker.size, *things))
        assert worker.size(np.zeros(5)).Ret == 40
    for parts in (1, 3):
        limit_in(expect(corps.AsyncExecutionError, lambda parts=parts: worker.give(parts).Ret))
        assert worker.size(np.zeros(5)).Ret == 40


def main():
    for transport, serializer in (('shm', 'auto'), ('unix', 'pickle')):
        with create_Corps(Service, ConfigDicts=[{'NumEnvs': 2}], Transport=transport, Serializer=serializer) as service:
            check(service.name().Ret)
            limit_in(service.create().Ret)
        error = expect(corps.AsyncLocalMaxRetries, create_Corps, Service, zeros(), ConfigDicts=[{'NumEnvs': 2}],
                       Transport=transport, Serializer=serializer)
        assert 'one message' in str(error), error
    print('OK')


if __name__ == '__main__':
    main()
