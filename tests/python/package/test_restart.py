"""Envs that die are started again, and their Workers with them: the same Names answer, in the program and in other Envs."""

import os
import signal

from corps import Conc, Corps, LocType, WorkerLost, create_Concs, create_Corps
from helpers import expect, wait_until


class Store(Conc):
    def __init__(self, start, **more):
        super().__init__()
        self.value, self.more = start, more

    def add(self, number):
        self.value += number
        return self.value

    def what(self):
        return self.value, self.more

    def pid(self):
        return os.getpid()

    def leave(self, status):
        os._exit(status)

    def make_own(self):
        return create_Concs(Store, 7, LocType=LocType.EnvId, LocVal=1)[0]

    def ask(self, other):
        return other.add(1).result(60)


class Fragile(Conc):
    """Its __init__ fails from the second time on."""

    def __init__(self, path):
        super().__init__()
        self.path = path
        if os.path.exists(path):
            raise LookupError('the store is not there any more')
        with open(path, 'w'):
            pass

    def pid(self):
        return os.getpid()


class Service(Corps):
    def __init__(self):
        super().__init__()
        self.stores = create_Concs(Store, 10, LocType=LocType.PerEnv, key=['a', {1: (2, 3)}])

    def names(self):
        return self.stores

    def make_many(self, count):
        return create_Concs(Store, 5, LocType=LocType.EnvId, LocVal=1, Num=count)

    def make(self, cls, *args):
        return create_Concs(cls, *args, LocType=LocType.EnvId, LocVal=1)[0]


def kill(name):
    """Kill the Env of a Worker, and return the pid that it had."""
    pid = name.pid().result(60)
    os.kill(pid, signal.SIGKILL)
    return pid


def restarted(name, pid):
    """The first answer of a Worker after its Env was killed: what was under way may be lost."""
    seen = []

    def answers():
        try:
            seen.append(name.pid().result(60))
        except WorkerLost:
            return False
        return seen[-1] != pid

    assert wait_until(answers)
    return seen[-1]


def check_names_stay():
    with create_Corps(Service, NumEnvs=3, Restart='on_failure', Restart_Intensity=50) as service:
        zero, one, two = service.names().result(60)
        runtime = type('Runtime', (Store,), {})                # a class that only its definition tells of
        made = service.make(runtime, 3).result(60)
        for _ in range(5):
            assert one.add(5).result(60) >= 15 and made.add(1).result(60) >= 4
            own = one.make_own().result(60)
            assert own.add(1).result(60) == 8
            pid = kill(one)
            assert restarted(one, pid) != pid
            assert one.what().result(60) == (10, {'key': ['a', {1: (2, 3)}]})
            assert made.what().result(60) == (3, {})
            assert zero.ask(one).result(60) == 11 and two.ask(made).result(60) == 4
            assert one.add(0).result(60) == 11
            expect(WorkerLost, lambda: own.add(1).result(60))               # its maker has died with it
            late = service.make(Store, 1).result(60)
            assert late.add(1).result(60) == 2
            expect(WorkerLost, lambda: own.add(1).result(60))               # and nobody else has its Name


def check_exited():
    """A Worker that has ended of its own accord does not come back, and its siblings do."""
    with create_Corps(Service, NumEnvs=2, Restart='on_failure') as service:
        one, two, three = [service.make(Store, number).result(60) for number in (1, 2, 3)]
        many = service.make_many(3).result(60)
        for name in (two, many[1]):
            name.exit().result(60)
        pid = kill(one)
        assert restarted(one, pid) != pid
        assert [name.what().result(60)[0] for name in (one, three, many[0], many[2])] == [1, 3, 5, 5]
        for name in (two, many[1]):
            expect(WorkerLost, lambda name=name: name.what().result(60))


def check_ends():
    with create_Corps(Service, NumEnvs=2, Restart='on_failure') as service:
        _, one = service.names().result(60)
        pid = one.pid().result(60)
        expect(WorkerLost, lambda: one.leave(3).result(60))
        assert restarted(one, pid) != pid
        expect(WorkerLost, lambda: one.leave(0).result(60))                 # an end in order is none to mend
        error = expect(WorkerLost, lambda: one.pid().result(60))
        assert 'exited with status 0' in str(error), error
    with create_Corps(Service, NumEnvs=2, Restart='always') as service:
        _, one = service.names().result(60)
        pid = one.pid().result(60)
        expect(WorkerLost, lambda: one.leave(0).result(60))
        assert restarted(one, pid) != pid


def check_gives_up(path):
    """An __init__ that fails whenever it runs again: the first error is told, and the others go on."""
    service = create_Corps(Service, NumEnvs=3, Restart='always', Restart_Intensity=2, Restart_Backoff=0.01)
    zero, one, two = service.names().result(60)
    fragile = service.make(Fragile, path).result(60)
    kill(fragile)
    seen = []

    def is_lost():
        seen.append(str(expect(WorkerLost, lambda: fragile.pid().result(60))))
        return 'is not started again' in seen[-1]

    assert wait_until(is_lost)
    assert 'SIGKILL' in seen[-1] and 'the store is not there any more' in seen[-1], seen[-1]
    assert two.add(1).result(60) == 11 and zero.add(1).result(60) == 11
    expect(WorkerLost, lambda: one.pid().result(60))
    service.exit()


def check_wrong():
    for words, wrong in (('there is no Restart', {'Restart': 'sometimes'}), ('Intensity', {'Restart': 'always', 'Restart_Intensity': 0}),
                         ('Period', {'Restart': 'always', 'Restart_Period': -1}), ('set restart too', {'Restart_Intensity': 3}),
                         ('100', {'Restart': 'always', 'Restart_Intensity': 1000})):
        error = expect(ValueError, create_Corps, Service, NumEnvs=2, **wrong)
        assert words in str(error), error


def main():
    import tempfile
    check_wrong()
    check_names_stay()
    check_exited()
    check_ends()
    with tempfile.TemporaryDirectory() as directory:
        check_gives_up(os.path.join(directory, 'made'))


if __name__ == '__main__':
    main()
    print('OK')
