"""What a method starts has the signals' dispositions that it would have if the program started it; Ctrl-C ends no Env."""

import asyncio
import multiprocessing
import os
import re
import signal
import subprocess
import sys

from corps import Conc, Corps, LocType, create_Concs, create_Corps

CODE = 'import test_children_signals as test; print(test.dispositions())'
STATUS = re.compile(r'^Sig(Ign|Blk):\s*(\w+)', re.MULTILINE)


def dispositions():
    """(ignored, blocked) signals of this process; not 32 and 33, which the C library keeps for itself."""
    with open('/proc/self/status') as file:
        masks = {name: int(mask, 16) for name, mask in STATUS.findall(file.read())}
    return [[n for n in range(1, 65) if masks[name] >> (n - 1) & 1 and n not in (32, 33)] for name in ('Ign', 'Blk')]


def tell(queue):
    queue.put((dispositions(), signal.getsignal(signal.SIGINT) is signal.default_int_handler))


def run(**options):
    return subprocess.run([sys.executable, '-c', CODE], stdout=subprocess.PIPE, check=True, **options).stdout


def spawned():
    read, write = os.pipe()
    pid = os.posix_spawn(sys.executable, [sys.executable, '-c', CODE], os.environ,
                         file_actions=[(os.POSIX_SPAWN_DUP2, write, 1)])
    os.waitpid(pid, 0)
    os.close(write)
    with open(read, 'rb') as file:
        return file.read()


def forked():
    read, write = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.write(write, repr(dispositions()).encode())
        try:
            os.kill(os.getpid(), signal.SIGINT)
        except KeyboardInterrupt:
            os._exit(7)
        os._exit(8)
    status = os.waitpid(pid, 0)[1]
    os.close(write)
    with open(read, 'rb') as file:
        return file.read(), status


def started_by_multiprocessing(method):
    context = multiprocessing.get_context(method)
    queue = context.SimpleQueue()
    process = context.Process(target=tell, args=(queue,))
    process.start()
    process.join(60)
    return process.exitcode, queue.get()


async def started_by_asyncio():
    process = await asyncio.create_subprocess_exec(sys.executable, '-c', CODE, stdout=subprocess.PIPE)
    return (await process.communicate())[0]


WAYS = {
    'subprocess': run,
    'subprocess as it is': lambda: run(restore_signals=False),
    'system': lambda: os.popen('"{}" -c "{}"'.format(sys.executable, CODE)).read(),
    'posix_spawn': spawned,
    'fork': forked,
    'multiprocessing fork': lambda: started_by_multiprocessing('fork'),
    'multiprocessing spawn': lambda: started_by_multiprocessing('spawn'),
    'multiprocessing forkserver': lambda: started_by_multiprocessing('forkserver'),
    'asyncio': lambda: asyncio.run(started_by_asyncio()),
}


class Worker(Conc):
    def start(self, way):
        return WAYS[way]()

    async def start_awaiting(self):
        return await started_by_asyncio()

    def is_interruptible(self):
        """Would asyncio.run, on the main thread, leave the Env so that Ctrl-C raises in it?"""
        return signal.getsignal(signal.SIGINT) is signal.default_int_handler

    def interrupted(self):
        """Ctrl-C, as the Env sees it."""
        os.kill(os.getpid(), signal.SIGINT)
        return os.getpid()


class Service(Worker, Corps):
    def __init__(self):
        super().__init__()
        self.worker, = create_Concs(Worker, LocType=LocType.EnvId, LocVal=1)

    def other(self):
        return self.worker


def main():
    with create_Corps(Service, ConfigDicts=[{'NumEnvs': 2}]) as service:
        worker = service.other().Ret
        for way, function in WAYS.items():
            here, there = function(), worker.start(way).Ret
            assert here == there, (way, here, there)
        assert worker.start_awaiting().Ret == here
        assert not worker.is_interruptible().Ret
        assert worker.interrupted().Ret == worker.interrupted().Ret
    print('OK')


if __name__ == '__main__':
    sys.exit(main())
