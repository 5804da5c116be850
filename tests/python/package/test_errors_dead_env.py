"""An Env that is killed: calls in flight and later ones raise WorkerLost soon, other Envs and the Corps go on."""

import os
import signal
import time

from corps import AsyncLocalMaxRetries, Conc, Corps, LocType, WorkerLost, create_Concs, create_Corps
from helpers import expect, is_alive, wait_until


class Worker(Conc):
    def pid(self):
        return os.getpid()

    def later(self, seconds):
        time.sleep(seconds)
        return 'late'

    def call(self, other):
        return other.later(10).Ret


class Service(Corps):
    def __init__(self):
        super().__init__()
        self.workers = create_Concs(Worker, LocType=LocType.PerEnv)

    def names(self):
        return self.workers

    def caught(self, other):
        begin = time.monotonic()
        expect(WorkerLost, lambda: other.later(10).Ret)
        return time.monotonic() - begin

    def create_there(self, env):
        return len(create_Concs(Worker, LocType=LocType.EnvId, LocVal=env))


def main():
    with create_Corps(Service, ConfigDicts=[{'NumEnvs': 3}]) as service:
        first, second, third = service.names().Ret
        pid = second.pid().Ret
        own, others = second.later(10), [second.pid() for _ in range(20)]
        through = first.call(second)
        inside = service.caught(second)
        time.sleep(0.2)
        begin = time.monotonic()
        os.kill(pid, signal.SIGKILL)
        error = expect(WorkerLost, own.result, 5)
        assert isinstance(error, AsyncLocalMaxRetries) and str(error)
        for future in others:
            expect(WorkerLost, future.result, 5)
        expect(WorkerLost, through.result, 5)
        assert inside.result(5) < 3
        for _ in range(3):
            expect(WorkerLost, lambda: second.pid().result(5))
        assert isinstance(third.call(second).exception(5), WorkerLost)
        assert time.monotonic() - begin < 2, time.monotonic() - begin
        try:
            second.pid(NoReply=True)                        # may be refused or dropped, must not wait
        except WorkerLost:
            pass
        assert wait_until(lambda: not is_alive(pid))
        assert first.later(0).Ret == third.later(0).Ret == 'late' and service.create_there(2).Ret == 1
        expect(Exception, lambda: service.create_there(1).result(5))
    print('OK')


if __name__ == '__main__':
    main()
