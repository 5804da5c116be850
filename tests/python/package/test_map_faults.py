# expect-stdout: OK
"""map where Workers die, are made again, come from Env 0 alone, or live where no pickles are loaded."""

import os
import signal
import subprocess
import sys
import tempfile
import time

import corps
from corps import Conc, Corps, Crash, LocType, WorkerLost, create_Concs, create_Corps
from helpers import expect, wait_until


class Worker(Conc):
    def __init__(self, folder=''):
        super().__init__()
        self.folder = folder

    def pid(self):
        return os.getpid()

    def negative(self, x):
        if x == 13:
            raise KeyError('thirteen')
        return -x

    def marked(self, x):
        """Kills its process the first time that it comes to 50."""
        if x == 50:
            try:
                os.mkdir(os.path.join(self.folder, 'seen'))
            except FileExistsError:
                return -x
            os.kill(os.getpid(), signal.SIGKILL)
        return -x

    def poison(self, x):
        """What it has answered before has gone by then: an answer may be held back for a millisecond."""
        if x == 50:
            time.sleep(0.5)
            os.kill(os.getpid(), signal.SIGKILL)
        return -x

    def odd(self, x):
        return x % 2

    def broken(self, x):
        raise Crash('a part is missing')


class Service(Corps):
    def __init__(self, folder=''):
        super().__init__()
        self.workers = create_Concs(Worker, folder, LocType=LocType.PerEnv)

    def names(self):
        return self.workers


def kill(worker):
    pid = worker.pid().Ret
    os.kill(pid, signal.SIGKILL)
    assert wait_until(lambda: lost(worker))


def lost(worker):
    try:
        return not worker.pid().Ret
    except WorkerLost:
        return True


def check_lost(folder):
    with create_Corps(Service, folder, NumEnvs=4) as service:
        workers = service.names().Ret[1:]
        got = []
        error = expect(WorkerLost, lambda: [got.append(x) for x in corps.map(workers, 'poison', range(100), Chunk=10)])
        assert error.Index == 50 and got == [-x for x in range(50)], (error.Index, got)
        alive = [worker for worker in workers if not lost(worker)]
        assert len(alive) == 2
        assert expect(WorkerLost, list, corps.map(workers, 'negative', range(9), Chunk=1)).Index < 9
        assert list(corps.map(workers, 'negative', range(9), Chunk=1, Retry=True)) == [-x for x in range(9)], 'without the dead one'
        assert list(corps.map(workers, 'marked', range(100), Chunk=10, Retry=True)) == [-x for x in range(100)]
        alive = [worker for worker in workers if not lost(worker)]
        assert len(alive) == 1
        kill(alive[0])
        expect(WorkerLost, list, corps.map(workers, 'negative', range(9), Retry=True))


def check_made_again():
    with create_Corps(Service, NumEnvs=3, Restart='always', Restart_Backoff=0.01) as service:
        workers = service.names().Ret[1:]
        error = expect(WorkerLost, list, corps.map(workers, 'poison', range(100), Chunk=10, Retry=True, Ordered=False))
        assert error.Index == 50, 'what kills its Workers is not tried for ever'
        assert list(corps.map(workers, 'negative', range(9))) == [-x for x in range(9)], 'they are there again'
        expect(Crash, list, corps.map(workers, 'broken', range(3), Chunk=1))


def check_msgpack():
    """Methods by name, plain values; no pickle is loaded, also of what failed."""
    with create_Corps(Service, NumEnvs=2, Serializer='msgpack') as service:
        workers = service.names().Ret
        for source in range(1000), list(range(1000)):
            assert list(corps.filter(workers, 'odd', source)) == list(range(1, 1000, 2))
        error = expect(KeyError, list, corps.map(workers, 'negative', range(100)))
        assert error.Index == 13 and error.Value == "'thirteen'", error
        assert list(corps.map(workers, 'negative', range(13))) == [-x for x in range(13)]
        assert list(corps.starmap(workers, 'negative', [(1,), (2,)])) == [-1, -2]
        expect(corps.NotSerializable, list, corps.map(workers, abs, [1]))


def check_limited():
    """In a program of its own: what its Envs may load is said in the environment that it begins with."""
    with create_Corps(Service, NumEnvs=2) as service:
        workers = service.names().Ret
        assert list(corps.map(workers, 'negative', range(13))) == [-x for x in range(13)]
        assert expect(corps.AsyncExecutionError, list, corps.map(workers, 'negative', range(100))).Index == 13
        assert 'is not in CORPS_UNPICKLE_ALLOW' in str(expect(Exception, list, corps.map(workers[1:], os.getenv, ['HOME'])))


def main():
    check_msgpack()  # first: this program has loaded no pickles then
    with tempfile.TemporaryDirectory() as folder:
        check_lost(folder)
    check_made_again()
    limited = dict(os.environ, CORPS_UNPICKLE_ALLOW='__main__:Service, __main__:Worker')
    assert subprocess.run([sys.executable, __file__, 'limited'], env=limited).returncode == 0
    print('OK')


if __name__ == '__main__':
    check_limited() if sys.argv[1:] else main()
