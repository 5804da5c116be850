"""How a script ends: its status is kept, a forgotten exit is made up for, output of Workers is not lost."""

import os
import signal
import sys

from helpers import run_python, script

PROGRAM = '''
import atexit, os, signal, sys, threading, time
from corps import Conc, Corps, LocType, create_Concs, create_Corps

class Worker(Conc):
    def talk(self):
        print('worker', self.ConcAddr.LocEnvId)
        print('error', self.ConcAddr.LocEnvId, file=sys.stderr)
        sys.stdout.write('no newline ')

    def cleanup(self):
        print('cleanup', self.ConcAddr.LocEnvId)

class Service(Corps):
    def __init__(self):
        super().__init__()
        print('init')
        self.workers = create_Concs(Worker, LocType=LocType.PerEnv)

    def talk(self):
        for worker in self.workers:
            worker.talk().Ret

    def later(self, seconds):
        time.sleep(seconds)
        return 'late'

    def end_at_once(self):
        print('last line')
        os.kill(os.getpid(), signal.SIGKILL)

def run(how):
    service = create_Corps(Service, ConfigDicts=[{'NumEnvs': 2}])
    service.talk().Ret
    if how == 'exit 3':
        sys.exit(3)
    if how == 'text':
        sys.exit('a text')
    if how == 'raise':
        raise RuntimeError('of the script')
    if how == '_exit':
        os._exit(5)
    if how == 'abort':
        os.abort()
    if how == 'in flight':
        service.later(0.3)
    if how == 'no wait':
        service.exit(NoReply=True)
    if how == 'atexit':
        atexit.register(lambda: print('at exit', service.later(0.05).result(5)))
    if how == 'daemon':
        threading.Thread(target=lambda: [service.later(0.01).Ret for _ in range(10000)], daemon=True).start()
        time.sleep(0.1)
    if how == 'thread':
        threading.Thread(target=lambda: (time.sleep(0.2), print('thread', service.later(0.01).Ret))).start()
    if how == 'killed Env':
        service.end_at_once().exception(30)
    if how == 'two':
        create_Corps(Service, ConfigDicts=[{'NumEnvs': 2}])

if __name__ == '__main__':
    run(sys.argv[1])
'''

STATUSES = {'nothing': 0, 'exit 3': 3, 'text': 1, 'raise': 1, '_exit': 5, 'abort': -signal.SIGABRT, 'in flight': 0,
            'no wait': 0, 'atexit': 0, 'daemon': 0, 'thread': 0, 'killed Env': 0, 'two': 0}
SUDDEN = '_exit', 'abort', 'killed Env'  # what was printed without an end of line may be lost


def check(path, how):
    status, out, err = run_python(path, how)
    assert status == STATUSES[how], (how, status, out, err)
    for env in '01':
        assert 'worker ' + env in out and 'error ' + env in err, (how, out, err)
        assert 'cleanup ' + env in out or how in SUDDEN, (how, out)
    assert 'init' in out and (out.count('no newline') == 2 or how in SUDDEN), (how, out)
    for word in {'text': ['a text'], 'raise': ['of the script'], 'atexit': ['at exit late'],
                 'thread': ['thread late'], 'killed Env': ['last line', 'SIGKILL']}.get(how, []):
        assert word in out + err, (how, out, err)
    assert 'Traceback' not in err or how == 'raise' or how == 'daemon' and 'WorkerLost' in err, (how, err)


def main():
    os.environ.pop('PYTHONUNBUFFERED', None)  # with it a line and its end are two writes, between which others write
    with script(PROGRAM) as path:
        for how in STATUSES:
            check(path, how)
        status, out, _ = run_python('-u', path, 'nothing')
        assert status == 0 and 'worker 1' in out
    print('OK')


if __name__ == '__main__':
    sys.exit(main())
