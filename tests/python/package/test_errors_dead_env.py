"""An Env that is killed: calls in flight and later ones raise WorkerLost soon, other Envs and the Corps go on."""

import os
import signal
import time

from corps import AsyncLocalMaxRetries, Conc, Corps, LocType, WorkerLost, create_Concs, create_Corps
from gate import gates
from helpers import expect, is_alive, wait_until


class Worker(Conc):
    def pid(self):
        return os.getpid()

    def hello(self):
        return 'hello'

    def held(self, gate):
        gate.wait()

    def call(self, other, gate):
        return other.held(gate).Ret


class Service(Corps):
    def __init__(self):
        super().__init__()
        self.workers = create_Concs(Worker, LocType=LocType.PerEnv)

    def names(self):
        return self.workers

    def caught(self, other, gate):
        expect(WorkerLost, lambda: other.held(gate).Ret)

    def create_there(self, env):
        return len(create_Concs(Worker, LocType=LocType.EnvId, LocVal=env))


def main():
    with create_Corps(Service, ConfigDicts=[{'NumEnvs': 3}]) as service, gates() as (gate,):
        first, second, third = service.names().Ret
        pid = second.pid().Ret
        own = second.held(gate)
        gate.wait_for_arrivals()
        others = [second.pid() for _ in range(20)]              # behind it
        through = first.call(second, gate)
        inside = service.caught(second, gate)
        time.sleep(0.1)                                         # both have called by now, on most machines
        os.kill(pid, signal.SIGKILL)
        error = expect(WorkerLost, own.result, 60)
        assert isinstance(error, AsyncLocalMaxRetries) and str(error)
        for future in others:
            expect(WorkerLost, future.result, 60)
        expect(WorkerLost, through.result, 60)
        assert inside.result(60) is None
        for _ in range(3):
            expect(WorkerLost, lambda: second.pid().result(60))
        assert isinstance(third.call(second, gate).exception(60), WorkerLost)
        assert not gate.is_open()
        try:
            second.pid(NoReply=True)                        # may be refused or dropped, must not wait
        except WorkerLost:
            pass
        assert wait_until(lambda: not is_alive(pid))
        assert first.hello().Ret == third.hello().Ret == 'hello' and service.create_there(2).Ret == 1
        expect(Exception, lambda: service.create_there(1).result(60))
        os.kill(third.pid().Ret, signal.SIGRTMIN + 3)
        assert wait_until(lambda: 'SIGRTMIN+3' in str(expect(WorkerLost, lambda: third.held(gate).result(60))))
    print('OK')


if __name__ == '__main__':
    main()
