"""Children that a program forks, in all the ways there are: they call its Corps and create their own, and take part in nothing of
their parent's."""

import asyncio
import concurrent.futures
import multiprocessing
import os
import subprocess
import sys
import threading
import time
import warnings

from corps import Corps, WorkerLost, create_Corps, wait_all

from gate import gates
from helpers import exit_code, expect, in_turn, run_python, script, wait_until

TRANSPORTS = 'shm', 'unix', 'tcp', 'pipe', 'mqueue'
service = None


class Service(Corps):
    def ask(self, number):
        return number

    def held(self, gate, number):
        gate.wait()
        return number

    def pid(self):
        return os.getpid()


def make(transport='shm'):
    return create_Corps(Service, ConfigDicts=[{'NumEnvs': 1}], Transport=transport)


def in_child(function):
    """The exit status of a child that runs the function, and ends as programs do."""
    child = os.fork()
    if child == 0:
        try:
            function()
        except BaseException:
            sys.excepthook(*sys.exc_info())
            os._exit(99)
        sys.exit(7)  # leaves with blocks, runs what is registered with atexit
    status = None

    def ended():
        nonlocal status
        pid, status = os.waitpid(child, os.WNOHANG)
        return pid == child

    if not wait_until(ended):
        os.kill(child, 9)
        os.waitpid(child, 0)
        raise AssertionError('the child does not end')
    return exit_code(status)


def call_as_child():
    assert [service.ask(i).Ret for i in range(100, 130)] == list(range(100, 130))


def create_as_child():
    with make() as own:
        assert own.ask(1).Ret == 1 and own.pid().Ret != service.pid().Ret
    left = make()  # ends with the child
    assert left.ask(2).Ret == 2


def use_everything():
    done = threading.Event()
    with gates() as (gate,):
        future = service.held(gate, 3)
        future.add_done_callback(lambda _: done.set())
    assert done.wait(60) and future.Ret == 3

    async def both():
        return await asyncio.gather(service.ask(1), service.ask(2))

    assert asyncio.run(both()) == [1, 2]
    assert wait_all([service.ask(i) for i in range(50)])


def check_plain(transport):
    global service
    with make(transport) as service:
        with gates() as (gate,):
            first = service.held(gate, 5)

            def ask_first():
                assert 'forked' in str(expect(WorkerLost, lambda: first.Ret))
                gate.open()
                call_as_child()

            assert in_child(ask_first) == 7
        assert first.Ret == 5
        assert in_child(call_as_child) == 7
        assert [service.ask(i).Ret for i in range(20)] == list(range(20))
        if transport == 'shm':
            assert in_child(use_everything) == 7
            assert in_child(create_as_child) == 7
        assert service.ask(9).Ret == 9


def pooled(number):
    return service.ask(number).Ret, os.getpid()


def check_multiprocessing():
    global service
    with make() as service:
        assert service.ask(1).Ret == 1
        context = multiprocessing.get_context('fork')
        with context.Pool(3) as pool:
            answers = pool.map(pooled, range(60), chunksize=5)
        assert [answer for answer, _ in answers] == list(range(60)) and os.getpid() not in {pid for _, pid in answers}
        with concurrent.futures.ProcessPoolExecutor(2, mp_context=context) as pool:
            assert [answer for answer, _ in pool.map(pooled, range(20))] == list(range(20))
        process = context.Process(target=call_as_child)
        process.start()
        process.join(60)
        assert process.exitcode == 0
        assert service.ask(2).Ret == 2


def check_others():
    """preexec_fn, a terminal, and threads that call while the process forks."""
    global service
    with make() as service:
        assert service.ask(1).Ret == 1
        subprocess.run([sys.executable, '-c', ''], preexec_fn=call_as_child, check=True, timeout=60)
        child, terminal = os.forkpty()
        if child == 0:
            call_as_child()
            os._exit(5)
        assert exit_code(os.waitpid(child, 0)[1]) == 5
        os.close(terminal)
        ending = threading.Event()
        answers = []

        def call():
            while not ending.is_set():
                answers.append(service.ask(4).Ret)

        threads = [threading.Thread(target=call) for _ in range(3)]
        for thread in threads:
            thread.start()
        for _ in range(10):
            assert in_child(call_as_child) == 7
        ending.set()
        for thread in threads:
            thread.join()
        assert set(answers) == {4}


class Speller(Corps):
    pass


for letter in 'abcdefgh':
    setattr(Speller, letter, eval(f'lambda self: {letter!r}'))


def check_names():
    """Peers that come and go name methods in different orders: each call reaches the method that it names."""
    with create_Corps(Speller, ConfigDicts=[{'NumEnvs': 1}], Transport='unix') as speller:
        for first in range(24):
            letters = 'abcdefgh'[first % 8:] + 'abcdefgh'[:first % 8]
            child = os.fork()
            if child == 0:
                os._exit([getattr(speller, letter)().Ret for letter in letters] != list(letters))
            assert os.waitpid(child, 0)[1] == 0, letters


DAEMON = """
import os, sys, time
from corps import *

class Service(Corps):
    def hi(self):
        return 'hi'

if __name__ == '__main__':
    service = create_Corps(Service, ConfigDicts=[{'NumEnvs': 2}])
    assert service.hi().Ret == 'hi'
    read, write = os.pipe()
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            os.close(write)
            os.read(read, 1)
            end = time.monotonic() + 60
            while time.monotonic() < end:
                try:
                    service.hi().result(60)
                except WorkerLost:
                    print('gone', flush=True)
                    break
                time.sleep(0.05)
            with create_Corps(Service, ConfigDicts=[{'NumEnvs': 2}]) as own:
                print(own.hi().Ret, flush=True)
            sys.exit()
        os._exit(0)
    os.wait()
    os._exit(0)  # as those do who become daemons
"""


def main():
    warnings.simplefilter('ignore', DeprecationWarning)  # Python 3.12: processes with threads should not fork
    for transport in in_turn(TRANSPORTS):
        check_plain(transport)
    check_multiprocessing()
    check_others()
    check_names()
    with script(DAEMON) as path:
        status, out, err = run_python(path)
        assert (status, out, err) == (0, 'gone\nhi\n', '') or 'DeprecationWarning' in err, (status, out, err)
    print('OK')


if __name__ == '__main__':
    main()
