"""Ctrl-C while a script takes results of map, an Executor or a ProcessPool: KeyboardInterrupt at once, and nothing is left. Programs that make an
Executor when they are imported are told what to write."""

import os
import signal
import subprocess

from helpers import PATIENCE, nothing_left, run_python, script, session_of, start_python

PROGRAM = '''
import itertools, sys, time
import corps
from corps import Conc, Corps, Executor, LocType, ProcessPool, create_Concs, create_Corps

class Worker(Conc):
    def later(self, seconds):
        time.sleep(seconds)

class Service(Corps):
    def __init__(self):
        super().__init__()
        self.workers = create_Concs(Worker, LocType=LocType.PerEnv)

    def names(self):
        return self.workers

def seconds():
    yield 0
    print('waiting', flush=True)
    yield from itertools.repeat(1000, 50)

def run(how):
    if how == 'map':
        service = create_Corps(Service, NumEnvs=3)
        list(corps.map(service.names().Ret[1:], 'later', seconds(), Chunk=1))
    elif how == 'executor':
        with Executor(2) as executor:
            list(executor.map(time.sleep, seconds(), chunksize=1))
    elif how == 'forgotten':
        executor = Executor(2)
        [executor.submit(time.sleep, number) for number in (0, 1000, 1000, 1000)]
        print('waiting', flush=True)
        time.sleep(1000)
    elif how == 'shutdown':
        executor = Executor(2)
        executor.submit(time.sleep, 1000)
        print('waiting', flush=True)
        executor.shutdown()
    else:
        with ProcessPool(2) as pool:
            list(pool.imap(time.sleep, seconds(), 1))

if __name__ == '__main__':
    run(sys.argv[1])
'''

UNGUARDED = '''
from corps import {kind}
executor = {kind}(2)
print('made')
'''


def check(path, how):
    process = start_python(path, how)
    assert process.stdout.readline() == 'waiting\n', process.communicate()
    assert len(session_of(process.pid)) >= 4
    os.kill(process.pid, signal.SIGINT)
    try:
        out, err = process.communicate(timeout=PATIENCE)
    except subprocess.TimeoutExpired:
        for pid in session_of(process.pid):
            os.kill(pid, signal.SIGKILL)
        raise AssertionError('no end of {}: {}'.format(how, process.communicate()))
    assert process.returncode in (-signal.SIGINT, 130) and 'KeyboardInterrupt' in err, (how, process.returncode, out, err)
    assert nothing_left(process.pid), how


def main():
    signal.signal(signal.SIGINT, signal.default_int_handler)
    with script(PROGRAM) as path:
        for how in 'map', 'executor', 'forgotten', 'shutdown', 'pool':
            check(path, how)
    for kind in 'Executor', 'ProcessPool':
        with script(UNGUARDED.format(kind=kind)) as path:
            status, out, err = run_python(path)
        assert status == 1 and "if __name__ == '__main__':" in err and 'program.py, line 3' in err and out == '', (status, out, err)
        assert f'        executor = {kind}(2)' in err.splitlines(), err
    print('OK')


if __name__ == '__main__':
    main()
