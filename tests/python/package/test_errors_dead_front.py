"""The front Env is killed: the whole Corps ends, calls raise WorkerLost, and the program can create another."""

import os
import signal

from corps import Conc, Corps, LocType, WorkerLost, create_Concs, create_Corps
from gate import gates
from helpers import expect, is_alive, wait_until


class Worker(Conc):
    def pid(self):
        return os.getpid()

    def held(self, gate):
        gate.wait()


class Service(Corps):
    def __init__(self):
        super().__init__()
        self.workers = create_Concs(Worker, LocType=LocType.PerEnv)

    def names(self):
        return self.workers

    def pid(self):
        return os.getpid()

    def held(self, gate):
        gate.wait()


def check():
    with gates() as (gate,):
        service = create_Corps(Service, ConfigDicts=[{'NumEnvs': 3}])
        workers = service.names().Ret
        pids = [worker.pid().Ret for worker in workers]
        assert service.pid().Ret == pids[0] and len(set(pids)) == 3
        futures = [name.held(gate) for name in [service] + workers]
        gate.wait_for_arrivals(len(futures))
        os.kill(pids[0], signal.SIGKILL)
        for future in futures:
            expect(WorkerLost, future.result, 60)
        for name in [service] + workers:
            expect(WorkerLost, lambda: name.pid().result(60))
        expect(WorkerLost, lambda: service.exit().result(60))
        assert wait_until(lambda: not any(is_alive(pid) for pid in pids)) and not gate.is_open(), pids


def main():
    for _ in range(2):
        check()
    with create_Corps(Service, ConfigDicts=[{'NumEnvs': 1}]) as service:
        assert service.pid().Ret
    print('OK')


if __name__ == '__main__':
    main()
