"""Children that methods fork: what they return goes nowhere, they serve nothing, and they end when the method does."""

import concurrent.futures
import multiprocessing
import os
import subprocess
import sys
import warnings

from corps import Conc, Corps, LocType, create_Concs, create_Corps

from helpers import exit_code, in_turn, run_python, script

TRANSPORTS = 'shm', 'unix', 'tcp', 'pipe', 'mqueue'


def square(number):
    return number * number


class Worker(Conc):
    def __init__(self):
        super().__init__()
        self.init_status = self.end_of(os.fork())
        self.count = 0

    def end_of(self, child):
        """In the parent the child's exit status."""
        return exit_code(os.waitpid(child, 0)[1]) if child else None

    def pid(self):
        return os.getpid()

    def count_up(self):
        self.count += 1
        return self.count

    def returns(self):
        return self.end_of(os.fork())

    def raises(self):
        child = os.fork()
        if child == 0:
            raise ValueError('said by the child')
        return self.end_of(child)

    def leaves(self, code):
        child = os.fork()
        if child == 0:
            sys.exit(code)
        return self.end_of(child)

    async def later(self):
        return self.end_of(os.fork())

    def pools(self):
        context = multiprocessing.get_context('fork')
        with context.Pool(2) as pool:
            first = pool.map(square, range(10))
        with concurrent.futures.ProcessPoolExecutor(2, mp_context=context) as pool:
            return first, list(pool.map(square, range(10)))

    def prints(self):
        print('before', end=' ')
        status = self.end_of(os.fork())
        print('after', end=' ')
        return status

    def before_exec(self):
        return subprocess.run([sys.executable, '-c', ''], preexec_fn=lambda: None, timeout=60).returncode

    def child_calls(self, other):
        child = os.fork()
        if child == 0:
            answer = other.count_up().Ret
            os._exit(answer)
        return self.end_of(child)

    def child_creates(self):
        child = os.fork()
        if child == 0:
            with create_Corps(Other, ConfigDicts=[{'NumEnvs': 1}]) as own:
                os._exit(own.get().Ret)
        return self.end_of(child)

    def descriptors(self):
        """Those that a program would inherit."""
        return [fd for fd in map(int, os.listdir('/proc/self/fd')) if fd > 2 and os.path.exists(f'/proc/self/fd/{fd}')
                and os.get_inheritable(fd)]


class Other(Corps):
    def get(self):
        return 5


class Service(Corps):
    def workers(self):
        return create_Concs(Worker, LocType=LocType.EnvId, LocVal=0) + create_Concs(Worker, LocType=LocType.EnvId, LocVal=1)


def check(transport):
    with create_Corps(Service, ConfigDicts=[{'NumEnvs': 2}], Transport=transport) as service:
        for worker in service.workers().Ret:
            pid = worker.pid().Ret
            assert worker.init_status.Ret == 0
            assert worker.returns().Ret == 0
            assert [worker.leaves(code).Ret for code in (0, 3, None)] == [0, 3, 0]
            assert worker.later().Ret == 0
            assert {worker.pid().Ret for _ in range(30)} == {pid}
            assert [worker.count_up().Ret for _ in range(3)] == [1, 2, 3]
            assert worker.descriptors().Ret == []


def check_more():
    with create_Corps(Service, ConfigDicts=[{'NumEnvs': 2}]) as service:
        first, second = service.workers().Ret
        squares = [i * i for i in range(10)]
        assert first.pools().Ret == (squares, squares)
        assert first.before_exec().Ret == 0
        assert first.child_calls(second).Ret == 1 and second.count_up().Ret == 2
        assert first.child_creates().Ret == 5


PRINTING = """
from test_fork_methods import *

if __name__ == '__main__':
    with create_Corps(Service, ConfigDicts=[{'NumEnvs': 2}]) as service:
        worker = service.workers().Ret[0]
        assert worker.prints().Ret == 0
        assert worker.raises().Ret == 1
        assert worker.leaves('bye').Ret == 1
"""

IMPORTING = """
import os
from corps import Corps, create_Corps

class Service(Corps):
    def hi(self):
        return ended

child = os.fork() if __name__ != '__main__' else None
ended = os.waitpid(child, 0)[1] if child else None

if __name__ == '__main__':
    with create_Corps(Service, ConfigDicts=[{'NumEnvs': 2}]) as service:
        print({service.hi().Ret for _ in range(10)})
"""


def main():
    warnings.simplefilter('ignore', DeprecationWarning)
    for transport in in_turn(TRANSPORTS):
        check(transport)
    check_more()
    environment = dict(os.environ, PYTHONPATH=os.pathsep.join([os.path.dirname(os.path.abspath(__file__))] + sys.path))
    with script(PRINTING) as path:
        status, out, err = run_python(path, env=environment)
        assert status == 0 and out.split() == ['before', 'after', 'after'], (status, out, err)
        assert err.count('ValueError: said by the child') == 1 and err.count('bye') == 1, err
    with script(IMPORTING) as path:
        status, out, err = run_python(path)
        assert (status, out) == (0, '{0}\n'), (status, out, err)
    print('OK')


if __name__ == '__main__':
    main()
