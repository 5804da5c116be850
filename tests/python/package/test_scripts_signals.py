"""Signals to a script that waits for a Worker: SIGTERM and SIGKILL; nothing is left."""

import os
import signal
import subprocess
import sys
import time

from helpers import PATIENCE, nothing_left, script, session_of, start_python

PROGRAM = '''
import os, sys, time
from corps import Conc, Corps, LocType, create_Concs, create_Corps, wait_all, wait_next

class Worker(Conc):
    def later(self, seconds):
        time.sleep(seconds)

class Service(Corps):
    def __init__(self):
        super().__init__()
        self.worker, = create_Concs(Worker, LocType=LocType.EnvId, LocVal=1)

    def later(self, seconds):
        time.sleep(seconds)

    def wait(self, seconds):
        return self.worker.later(seconds).Ret

def run(how):
    service = create_Corps(Service, ConfigDicts=[{'NumEnvs': 2}])
    future = service.wait(1000) if how == 'nested' else service.later(1000)
    print('waiting', flush=True)
    if how == 'all':
        wait_all([future], InitDelay=1000)
    elif how == 'next':
        list(wait_next([future], InitDelay=1000))
    elif how == 'result':
        future.result(60)
    elif how == 'block':
        with service:
            future.Ret
    else:
        future.Ret

if __name__ == '__main__':
    run(sys.argv[1])
'''


def check(path, how, number, statuses, to_all=False):
    process = start_python(path, how)
    assert process.stdout.readline() == 'waiting\n', process.communicate()
    assert len(session_of(process.pid)) >= 3
    time.sleep(0.1)
    begin = time.monotonic()
    (os.killpg if to_all else os.kill)(process.pid, number)
    try:
        out, err = process.communicate(timeout=PATIENCE)
    except subprocess.TimeoutExpired:
        for pid in session_of(process.pid):
            os.kill(pid, signal.SIGKILL)
        raise AssertionError('{}: no end after {} ({})'.format(how, signal.Signals(number).name, process.communicate()))
    seconds = time.monotonic() - begin
    assert process.returncode in statuses, (how, number, process.returncode, err)
    assert nothing_left(process.pid), (how, number, session_of(process.pid))
    print('note: {} {} after {:.1f} s'.format(how, signal.Signals(number).name, seconds))
    if number == signal.SIGINT:
        assert 'KeyboardInterrupt' in err and 'Traceback' in err, err
        assert err.count('KeyboardInterrupt') == 1, err


def main():
    with script(PROGRAM) as path:
        check(path, 'ret', signal.SIGTERM, (-signal.SIGTERM,))
        check(path, 'ret', signal.SIGKILL, (-signal.SIGKILL,))
        check(path, 'nested', signal.SIGKILL, (-signal.SIGKILL,))
    print('OK')


if __name__ == '__main__':
    sys.exit(main())
