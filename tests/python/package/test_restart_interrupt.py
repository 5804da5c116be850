"""Ctrl-C while an Env, or the whole Corps, is being started again: KeyboardInterrupt at once, and nothing is left."""

import os
import signal
import sys
import tempfile

from helpers import script
from test_scripts_signals import check

PROGRAM = '''
import os, signal, sys, threading, time
from corps import Conc, Corps, LocType, WorkerLost, create_Concs, create_Corps

class Worker(Conc):
    def __init__(self, path):
        super().__init__()
        if os.path.exists(path):
            open(path + '.again', 'w').close()
            time.sleep(1000)

    def pid(self):
        return os.getpid()

class Service(Corps):
    def __init__(self, path):
        super().__init__()
        self.worker, = create_Concs(Worker, path, LocType=LocType.EnvId, LocVal=1)

    def name(self):
        return self.worker

    def pid(self):
        return os.getpid()

def tell(path):
    while 'again' in path and not os.path.exists(path):
        time.sleep(0.001)
    print('waiting', flush=True)

def run(how, path):
    more = dict(Restart_Backoff=100.0, Restart_Max_Backoff=100.0) if 'backoff' in how else {}
    service = create_Corps(Service, path, NumEnvs=2, Restart='on_failure', **more)
    whom = service if 'corps' in how else service.name().Ret
    pid = whom.pid().Ret
    if 'init' in how:
        open(path, 'w').close()
    os.kill(pid, signal.SIGKILL)
    if 'backoff' in how:            # the second one in a row waits
        while True:
            try:
                os.kill(whom.pid().Ret, signal.SIGKILL)
                break
            except WorkerLost:
                pass
    threading.Thread(target=tell, args=(path + '.again' if 'init' in how else path + '.never',), daemon=True).start()
    while True:
        try:
            whom.pid().Ret
        except WorkerLost:
            pass

if __name__ == '__main__':
    run(*sys.argv[1].split())
'''


def main():
    wrong = []
    with script(PROGRAM) as path, tempfile.TemporaryDirectory() as folder:
        for how in ('env-early', 'env-init', 'env-backoff', 'corps-early', 'corps-init', 'corps-backoff'):
            try:
                check(path, how + ' ' + os.path.join(folder, how), signal.SIGINT, (-signal.SIGINT, 130), to_all=True)
            except AssertionError as error:
                wrong.append(how + ': ' + str(error))
    assert not wrong, '\n'.join(wrong)
    print('OK')


if __name__ == '__main__':
    sys.exit(main())
