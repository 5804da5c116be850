"""A Corps whose Env 0 dies is started anew: its Name answers again, in the program and elsewhere."""

import os
import signal
import tempfile

from corps import Conc, Corps, LocType, WorkerLost, create_Concs, create_Corps
from helpers import expect, is_alive, wait_until


class Worker(Conc):
    def __init__(self, value):
        super().__init__()
        self.value = value

    def add(self, number):
        self.value += number
        return self.value

    def pid(self):
        return os.getpid()

    def ask(self, name):
        return name.add(1).result(60)


class Service(Corps):
    def __init__(self, value, path='', more=None):
        super().__init__()
        if path and os.path.exists(path):
            raise LookupError('the store is not there any more')
        if path:
            with open(path, 'w'):
                pass
        self.value, self.more = value, more
        self.workers = create_Concs(Worker, 10 * value, LocType=LocType.PerEnv)

    def names(self):
        return self.workers

    def add(self, number):
        self.value += number
        return self.value, self.more

    def pid(self):
        return os.getpid()

    def leave(self, status):
        os._exit(status)

    def end(self):
        self.exit()


class Keeper(Conc):
    """Has a Corps of its own."""

    def __init__(self):
        super().__init__()
        self.own = create_Corps(Service, 3, NumEnvs=2, Restart='on_failure', Restart_Intensity=20)

    def add(self, number):
        return self.own.add(number).result(60)

    def own_pid(self):
        return self.own.pid().result(60)


class Outer(Corps):
    def __init__(self):
        super().__init__()
        self.keeper = create_Concs(Keeper, LocType=LocType.EnvId, LocVal=1)[0]

    def names(self):
        return self.keeper


def restarted(function, pid):
    """The first pid that is another one: what was under way may be lost."""
    seen = []

    def answers():
        try:
            seen.append(function())
        except WorkerLost:
            return False
        return seen[-1] != pid

    assert wait_until(answers)
    return seen[-1]


def check_names_stay():
    argument = {'key': ['a', {1: (2, 3)}]}
    with create_Corps(Service, 7, NumEnvs=3, Restart='on_failure', Restart_Intensity=20, more=argument) as service, \
            create_Corps(Service, 1, NumEnvs=2) as other:
        stranger = other.names().result(60)[1]
        former = []
        for _ in range(4):
            workers = service.names().result(60)
            assert [worker.add(1).result(60) for worker in workers] == [71, 71, 71]
            assert service.add(1).result(60)[0] == 8
            assert stranger.ask(service).result(60) == (9, argument)
            for name in former:                 # of an earlier life: it finds nobody, and nobody else
                expect(WorkerLost, lambda name=name: name.add(1).result(60))
            former = workers
            pids = [worker.pid().result(60) for worker in workers]
            under_way = workers[1].pid()
            os.kill(pids[0], signal.SIGKILL)
            try:
                assert under_way.result(60) == pids[1]
            except WorkerLost as error:
                assert 'started anew' in str(error) or 'closed' in str(error), error
            assert restarted(lambda: service.pid().result(60), pids[0]) != pids[0]
            assert not any(is_alive(pid) for pid in pids)
            assert service.add(0).result(60) == (7, argument)


def check_nested():
    with create_Corps(Outer, NumEnvs=2) as outer:
        keeper = outer.names().result(60)
        for _ in range(2):
            assert keeper.add(1).result(60) == (4, None)
            pid = keeper.own_pid().result(60)
            os.kill(pid, signal.SIGKILL)
            restarted(lambda: keeper.own_pid().result(60), pid)


def check_ends():
    with create_Corps(Service, 7, NumEnvs=2, Restart='always') as service:
        pid = service.pid().result(60)
        expect(WorkerLost, lambda: service.leave(0).result(60))
        assert restarted(lambda: service.pid().result(60), pid) != pid
    service = create_Corps(Service, 7, NumEnvs=1, Restart='always')
    pid = service.pid().result(60)
    os.kill(pid, signal.SIGKILL)
    assert restarted(lambda: service.pid().result(60), pid) != pid
    service.end().result(60)                    # this is no failure
    assert wait_until(lambda: 'exited' in str(expect(WorkerLost, lambda: service.pid().result(60))))


def check_gives_up(path):
    service = create_Corps(Service, 7, path, NumEnvs=2, Restart='on_failure', Restart_Intensity=2, Restart_Backoff=0.01)
    pid = service.pid().result(60)
    os.kill(pid, signal.SIGKILL)
    seen = []

    def is_lost():
        seen.append(str(expect(WorkerLost, lambda: service.pid().result(60))))
        return 'is not started anew' in seen[-1]

    assert wait_until(is_lost)
    assert 'SIGKILL' in seen[-1] and 'the store is not there any more' in seen[-1], seen[-1]
    error = expect(WorkerLost, lambda: service.exit().result(60))
    assert 'is not started anew' in str(error), error


def main():
    check_names_stay()
    check_nested()
    check_ends()
    with tempfile.TemporaryDirectory() as directory:
        check_gives_up(os.path.join(directory, 'made'))


if __name__ == '__main__':
    main()
    print('OK')
