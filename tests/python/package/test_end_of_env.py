"""An Env ends as an interpreter does: threads, timers, executors and coroutines that Workers left come to their end first."""

import asyncio
import atexit
import os
import signal
import sys
import tempfile
import threading
import time
import weakref
from concurrent.futures import ThreadPoolExecutor

from corps import Conc, Corps, LocType, create_Concs, create_Corps
from helpers import is_alive, nothing_left, script, session_of, start_python, wait_until

SECONDS = 0.3


class Worker(Conc):
    def __init__(self, path):
        super().__init__()
        self.path = path

    def note(self, text):
        with open(self.path, 'a') as file:
            file.write(text + '\n')

    def later(self, text):
        time.sleep(SECONDS)
        self.note(text)

    def leave(self):
        threading.Thread(target=self.later, args=('thread',)).start()
        threading.Thread(target=self.chain).start()
        threading.Thread(target=time.sleep, args=(1000,), daemon=True).start()
        threading.Timer(SECONDS, self.note, ('timer',)).start()
        self.executor = ThreadPoolExecutor(1)
        self.executor.submit(self.later, 'executor')
        self.executor.submit(self.note, 'behind it')
        atexit.register(self.note, 'atexit')
        self.finalizer = weakref.finalize(type(self), self.note, 'finalize')

    def chain(self):
        """A thread that starts another one as it ends."""
        time.sleep(SECONDS)
        threading.Thread(target=self.later, args=('chained',)).start()

    async def forever(self):
        try:
            await asyncio.sleep(1000)
        finally:
            self.note('cancelled')

    async def generator(self):
        self.left = self.items()  # as long as somebody has it nothing but the end of its loop closes it
        return await self.left.__anext__()

    async def items(self):
        try:
            yield 1
        finally:
            await asyncio.sleep(0)
            self.note('generator closed')

    async def to_thread(self):
        await asyncio.get_running_loop().run_in_executor(None, self.later, 'in the executor of the loop')


class Service(Corps):
    def __init__(self, path):
        super().__init__()
        self.worker, = create_Concs(Worker, path, LocType=LocType.EnvId, LocVal=1)

    def leave(self):
        self.worker.forever(NoReply=True)
        self.worker.to_thread(NoReply=True)
        return self.worker.generator().Ret, self.worker.leave().Ret


WANTED = ['atexit', 'behind it', 'cancelled', 'chained', 'executor', 'finalize', 'generator closed',
          'in the executor of the loop', 'thread', 'timer']

ENDLESS = '''
import os, sys, threading, time
from corps import Corps, create_Corps

class Service(Corps):
    def leave(self):
        threading.Thread(target=time.sleep, args=(1000,)).start()
        return os.getpid()

if __name__ == '__main__':
    with create_Corps(Service, ConfigDicts=[{'NumEnvs': 1}]) as service:
        print(service.leave().Ret, flush=True)
        if sys.argv[1] == 'inside':
            time.sleep(1000)
'''


def check_endless(path, where, number):
    """A thread that never ends holds up the program's end, and neither Ctrl-C nor the death of the program."""
    process = start_python(path, where)
    env = int(process.stdout.readline())
    if where == 'after':
        time.sleep(0.5)
        assert process.poll() is None and is_alive(env), process.communicate()
    os.kill(process.pid, number)
    out, err = process.communicate()
    assert wait_until(lambda: not is_alive(env)) and nothing_left(process.pid), session_of(process.pid)
    assert process.returncode == -number, (process.returncode, out, err)


def main():
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, 'notes')
        with create_Corps(Service, path, ConfigDicts=[{'NumEnvs': 2}]) as service:
            assert service.leave().Ret == (1, None)
        with open(path) as file:
            lines = file.read().splitlines()
        assert sorted(lines) == WANTED and sorted(lines[-2:]) == ['atexit', 'finalize'], lines
    with script(ENDLESS) as path:
        check_endless(path, 'after', signal.SIGINT)
        check_endless(path, 'after', signal.SIGKILL)
        check_endless(path, 'inside', signal.SIGKILL)
    print('OK')


if __name__ == '__main__':
    sys.exit(main())
