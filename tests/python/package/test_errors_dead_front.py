"""The front Env is killed: the whole Corps ends, calls raise WorkerLost, and the program can create another."""

import os
import signal
import time

from corps import Conc, Corps, LocType, WorkerLost, create_Concs, create_Corps
from helpers import expect, is_alive, wait_until


class Worker(Conc):
    def pid(self):
        return os.getpid()

    def later(self, seconds):
        time.sleep(seconds)


class Service(Corps):
    def __init__(self):
        super().__init__()
        self.workers = create_Concs(Worker, LocType=LocType.PerEnv)

    def names(self):
        return self.workers

    def pid(self):
        return os.getpid()

    def later(self, seconds):
        time.sleep(seconds)


def main():
    for _ in range(2):
        service = create_Corps(Service, ConfigDicts=[{'NumEnvs': 3}])
        workers = service.names().Ret
        pids = [worker.pid().Ret for worker in workers]
        assert service.pid().Ret == pids[0] and len(set(pids)) == 3
        futures = [service.later(1.5)] + [worker.later(1.5) for worker in workers]
        time.sleep(0.1)
        begin = time.monotonic()
        os.kill(pids[0], signal.SIGKILL)
        for future in futures:
            expect(WorkerLost, future.result, 5)
        for name in [service] + workers:
            expect(WorkerLost, lambda: name.pid().result(5))
        expect(WorkerLost, lambda: service.exit().result(5))
        assert time.monotonic() - begin < 3
        assert wait_until(lambda: not any(is_alive(pid) for pid in pids)), pids
    with create_Corps(Service, ConfigDicts=[{'NumEnvs': 1}]) as service:
        assert service.pid().Ret
    print('OK')


if __name__ == '__main__':
    main()
