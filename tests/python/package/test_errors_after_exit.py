"""Calls after exit, exit twice, exit while calls are in flight, a with block that raises, attributes afterwards."""

import time

from corps import Conc, Corps, LocType, WorkerLost, create_Concs, create_Corps, wait_all
from helpers import expect


class Worker(Conc):
    Kind = 'worker'

    def later(self, seconds):
        time.sleep(seconds)
        return 'done'


class Service(Corps):
    def __init__(self):
        super().__init__()
        self.workers = create_Concs(Worker, LocType=LocType.PerEnv)

    def names(self):
        return self.workers

    def hello(self):
        return 'hello'

    def again(self):
        expect(WorkerLost, lambda: self.workers[1].later(0).result(60))
        return self.workers[0].later(0).Ret


def check_conc(service):
    _, worker = service.names().Ret
    first, ended, late = worker.later(0.1), worker.exit(), worker.later(0)
    assert first.Ret == 'done' and ended.Ret is True
    expect(WorkerLost, late.result, 60)
    expect(WorkerLost, lambda: worker.exit().result(60))
    expect(WorkerLost, lambda: worker.nothing.result(60))
    expect(WorkerLost, setattr, worker, 'x', 1)
    assert worker.Kind == 'worker' and 'Worker' in repr(worker)
    assert service.again().Ret == 'done'


def until_lost(call):
    """exit answers when the end begins, which takes a moment to come to every Env."""
    end = time.monotonic() + 60
    while True:
        try:
            call().result(60)
        except WorkerLost:
            return
        assert time.monotonic() < end, 'the Corps goes on'


def check_corps():
    service = create_Corps(Service, ConfigDicts=[{'NumEnvs': 2}])
    worker = service.names().Ret[1]
    flying = worker.later(0.2)
    assert service.exit().Ret is True
    until_lost(lambda: service.hello())
    until_lost(lambda: worker.later(0))
    for _ in range(2):
        expect(WorkerLost, lambda: service.hello().result(60))
        expect(WorkerLost, lambda: service.exit().result(60))
        expect(WorkerLost, lambda: worker.later(0).result(60))
        time.sleep(0.2)
    assert wait_all([flying])
    assert flying.exception() is None or isinstance(flying.exception(), WorkerLost)


def check_block():
    def raising():
        with create_Corps(Service, ConfigDicts=[{'NumEnvs': 2}]) as service:
            names.append(service)
            raise KeyError('in the block')
    names = []
    expect(KeyError, raising)
    expect(WorkerLost, lambda: names[0].hello().result(60))

    with create_Corps(Service, ConfigDicts=[{'NumEnvs': 2}]) as service:
        service.exit().Ret                              # ended inside its block: its end is no error


def main():
    with create_Corps(Service, ConfigDicts=[{'NumEnvs': 2}]) as service:
        check_conc(service)
        assert service.hello().Ret == 'hello'
    check_corps()
    check_block()
    print('OK')


if __name__ == '__main__':
    main()
