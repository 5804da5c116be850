"""Signals to a script whose call waits, before there is a Future: the exception at once, the call is not made, and nothing is left."""

import os
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor

from helpers import PATIENCE, nothing_left, script, session_of, start_python, wait_until
from test_scripts_signals import check

PROGRAM = '''
import os, signal, sys, threading, time
from corps import Conc, Corps, LocType, create_Concs, create_Corps

class Worker(Conc):
    def __init__(self):
        super().__init__()
        self.seen = []

    def pid(self):
        return os.getpid()

    def take(self, number, data=b''):
        self.seen.append((number, len(data)))

    def hold(self, path):
        while not os.path.exists(path):
            time.sleep(0.01)

    def all(self):
        return self.seen

class Service(Corps):
    def __init__(self, seconds=0):
        super().__init__()
        if seconds:
            print('waiting', flush=True)
            time.sleep(seconds)
        self.worker, = create_Concs(Worker, LocType=LocType.EnvId, LocVal=1)

    def name(self):
        return self.worker

sent = 0

def tell():                     # once the main thread has made no call for a while
    last, since = -1, time.monotonic()
    while time.monotonic() - since < 0.5:
        if sent != last:
            last, since = sent, time.monotonic()
        time.sleep(0.01)
    print('waiting', flush=True)

def send(worker, data, **more):
    global sent
    for sent in range(1000000):
        worker.take(sent, data, **more)

def wait(worker, how, path):
    """Calls until one waits."""
    if 'full' in how:
        worker.hold(path, NoReply=True)
    else:
        os.kill(worker.pid().Ret, signal.SIGSTOP)
    threading.Thread(target=tell, daemon=True).start()
    send(worker, bytes(3000000) if 'large' in how else b'', NoReply='quiet' in how)

class Raised(Exception):
    pass

def on_signal(number, frame):
    raise Raised

def run(how, path='', transport='shm'):
    if how == 'create':
        create_Corps(Service, 1000, NumEnvs=2)
    service = create_Corps(Service, NumEnvs=2, Transport=transport)
    worker = service.name().Ret
    pid = worker.pid().Ret
    if 'raises' not in how:
        wait(worker, how, path)
    signal.signal(signal.SIGALRM, on_signal)
    try:
        wait(worker, how, path)
    except Raised:
        last = sent
    else:
        raise AssertionError('no exception')
    open(path, 'w').close()
    os.kill(pid, signal.SIGCONT)
    seen = worker.all().Ret
    whole = [(number, 3000000 if 'large' in how else 0) for number in range(last)]
    if 'large' in how and len(seen) > last:         # the one that had been begun
        whole.append((last, 3000000))
    assert seen == whole, (last, seen[-3:], len(seen))
    print('OK', flush=True)

if __name__ == '__main__':
    run(*sys.argv[1:])
'''


def interrupted(process, how):
    """As check, of a program that has Envs that stand still: these end when they go on."""
    assert process.stdout.readline() == 'waiting\n', process.communicate()
    os.kill(process.pid, signal.SIGINT)
    assert wait_until(lambda: process.poll() is not None), how + ': no end after SIGINT'
    for pid in session_of(process.pid):
        os.kill(pid, signal.SIGCONT)
    out, err = process.communicate(timeout=PATIENCE)
    assert process.returncode in (-signal.SIGINT, 130), (how, process.returncode, err)
    assert err.count('KeyboardInterrupt') == 1, err
    assert nothing_left(process.pid), (how, session_of(process.pid))


def raises(process, how):
    """A handler's exception comes out of the call, and the program goes on."""
    assert process.stdout.readline() == 'waiting\n', process.communicate()
    os.kill(process.pid, signal.SIGALRM)
    out, err = process.communicate(timeout=PATIENCE)
    assert (process.returncode, out) == (0, 'OK\n'), (how, process.returncode, out, err)
    assert nothing_left(process.pid), (how, session_of(process.pid))


def attempt(wrong, what, path, how, transport):
    begin = time.monotonic()
    process = start_python(path, how, '.'.join((path, how, transport)), transport)
    try:
        what(process, how)
    except (AssertionError, subprocess.TimeoutExpired, OSError) as error:
        wrong.append('{} {}: {}'.format(how, transport, error))
        for pid in session_of(process.pid):
            os.kill(pid, signal.SIGKILL)
    print('note: {} {} {:.1f} s'.format(how, transport, time.monotonic() - begin))


def main():
    wrong = []
    with script(PROGRAM) as path:
        try:
            check(path, 'create', signal.SIGINT, (-signal.SIGINT, 130))
        except (AssertionError, IndexError) as error:
            wrong.append(str(error))
        runs = [(interrupted, how, transport) for transport, ways in (('shm', ('full', 'full-quiet', 'stopped', 'stopped-large')),
                                                                      ('unix', ('full', 'stopped-large'))) for how in ways]
        runs += [(raises, how, transport) for transport, ways in (('shm', ('full', 'stopped', 'stopped-large-quiet')),
                                                                  ('unix', ('stopped', 'stopped-large-quiet'))) for how in
                 ('raises-' + way for way in ways)]
        with ThreadPoolExecutor(3) as threads:  # each sleeps for most of its time
            for run in [threads.submit(attempt, wrong, what, path, how, transport) for what, how, transport in runs]:
                run.result()
    assert not wrong, '\n'.join(wrong)
    print('OK')


if __name__ == '__main__':
    sys.exit(main())
