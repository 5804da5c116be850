"""Envs are added to a running Corps and taken from it: by the program, by Workers, and by a program that knows it by a Name."""

import asyncio
import os
import pickle
import subprocess
import sys
import tempfile
import threading

from corps import Conc, Corps, LocType, WorkerLost, add_Env, create_Concs, create_Corps, take_Env
from helpers import expect, is_alive, wait_until


class Counter(Conc):
    def __init__(self, path=None):
        super().__init__()
        self.value, self.path = 0, path

    def add(self, number):
        self.value += number
        return self.value

    def pid(self):
        return os.getpid()

    async def wait_for(self, path):
        while not os.path.exists(path):
            await asyncio.sleep(0.001)
        return 'late'

    def take_own(self):
        take_Env(self.ConcAddr.LocEnvId)

    def grow(self):
        return add_Env()

    def ask(self, other, number):
        return other.add(number).result(60)

    def cleanup(self):
        if self.path is not None:
            with open(self.path, 'a') as file:
                file.write(f'{self.ConcAddr.ConcId}\n')


class Service(Corps):
    def make(self, env, num=1, path=None):
        return create_Concs(Counter, path, LocType=LocType.EnvId, LocVal=env, Num=num)

    def everywhere(self, num):
        return create_Concs(Counter, LocType=LocType.PerEnv, Num=num)

    def anywhere(self, num):
        return create_Concs(Counter, Num=num)

    def grow(self):
        return add_Env()

    def shrink(self, env):
        take_Env(env, timeout=60)


def envs_of(names):
    return [name.ConcAddr.Ret.LocEnvId for name in names]


def check_places():
    with create_Corps(Service, NumEnvs=2) as service:
        assert add_Env(service) == 2
        assert service.grow().result(60) == 3
        first = service.make(1).result(60)[0]
        assert first.grow().result(60) == 4
        two, = service.make(2).result(60)
        four, = service.make(4).result(60)
        assert first.ask(four, 5).result(60) == 5 and four.ask(two, 6).result(60) == 6 and four.add(1).result(60) == 6
        assert envs_of(service.everywhere(2).result(60)) == [0, 1, 2, 3, 4] * 2
        pid = two.pid().result(60)
        assert take_Env(2, 60, service) is None
        assert not is_alive(pid)
        error = expect(WorkerLost, lambda: two.add(1).result(60))
        assert 'Env 2 was taken from the Corps' in str(error), error
        service.shrink(3).result(60)
        assert envs_of(service.everywhere(1).result(60)) == [0, 1, 4]
        assert sorted(envs_of(service.anywhere(6).result(60))) == [0, 0, 1, 1, 4, 4]
        assert 'there is no Env 5' in str(expect(IndexError, lambda: service.make(5).result(60)))


def check_asked_before(folder):
    """What runs, what waits in the mailbox, and a coroutine are answered; cleanups run, the latest first."""
    gate, noted = os.path.join(folder, 'gate'), os.path.join(folder, 'noted')
    with create_Corps(Service, NumEnvs=1) as service:
        env = add_Env(service)
        counters = service.make(env, 3, noted).result(60)
        behind = [counters[1].add(1) for _ in range(100)]
        late = counters[2].wait_for(gate)
        assert counters[0].add(1).result(60) == 1
        taking = threading.Thread(target=take_Env, args=(env, 60, service))
        taking.start()
        assert [answer.result(60) for answer in behind] == list(range(1, 101))
        assert wait_until(lambda: os.path.exists(noted) and len(open(noted).read().split()) == 3)
        assert taking.is_alive()
        with open(gate, 'w'):
            pass
        assert late.result(60) == 'late'
        taking.join(60)
        numbers = [int(line) for line in open(noted).read().split()]
        assert numbers == sorted(numbers, reverse=True), numbers


def check_refused():
    with create_Corps(Service, NumEnvs=2) as service:
        counter, = service.make(1).result(60)
        assert 'from within' in str(expect(ValueError, lambda: counter.take_own().result(60)))
        assert 'Env 0' in str(expect(ValueError, take_Env, 0, 60, service))
        assert 'does not exist' in str(expect(ValueError, take_Env, 7, 60, service))
        expect(ValueError, take_Env, -1, 60, service)
        expect(ValueError, take_Env, 1, -1, service)
        expect(TypeError, take_Env, '1', 60, service)
        expect(TypeError, take_Env, 1, 'soon', service)
        expect(TypeError, add_Env, 5)
        expect(RuntimeError, add_Env)
        take_Env(1, 60, service)
        assert 'was taken already' in str(expect(ValueError, take_Env, 1, 60, service))
    assert 'has ended' in str(expect(WorkerLost, add_Env, service))
    with create_Corps(Service, Transport='queue') as alone:
        assert 'transport queue' in str(expect(ValueError, add_Env, alone))


STRANGER = '''
import pickle, sys
from corps import add_Env, take_Env
service = pickle.loads(bytes.fromhex(sys.argv[1]))
env = add_Env(service)
name, = service.make(env).result(60)
assert name.add(3).result(60) == 3
take_Env(env, 60, service)
print(env)
'''


def check_stranger():
    with create_Corps(Service, NumEnvs=1) as service:
        answer = subprocess.run([sys.executable, '-c', STRANGER, pickle.dumps(service).hex()], capture_output=True, text=True, timeout=120)
        assert answer.stdout == '1\n', answer
        assert add_Env(service) == 2


def main():
    with tempfile.TemporaryDirectory() as folder:
        check_asked_before(folder)
    check_places()
    check_refused()
    check_stranger()
    print('OK')


if __name__ == '__main__':
    main()
