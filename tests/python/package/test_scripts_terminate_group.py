# expect-stdout: OK
"""A signal for all processes of a program, as service managers send it and a terminal that closes: the Envs end by it, and callers are told so.
Where the program ends by it too, no directory of the Corps is left."""

import os
import signal
import subprocess
import sys
import tempfile

from corps import Corps, WorkerLost, create_Corps
from helpers import nothing_left


class Service(Corps):
    def back(self, thing):
        return thing


def inner(number):
    signal.signal(number, lambda *_: None)
    signal.pthread_sigmask(signal.SIG_BLOCK, {number})
    with create_Corps(Service, NumEnvs=1) as service:
        print('ready', flush=True)
        signal.sigwait({number})
        try:
            while True:
                service.back(1).Ret
        except WorkerLost as error:
            print(error)
        try:
            service.exit()
        except WorkerLost:
            pass
    with create_Corps(Service, NumEnvs=1) as service:  # who starts Envs is there yet
        print(service.back('again').Ret)


def stand_still():
    with create_Corps(Service, NumEnvs=2) as service:
        print(service.back('ready').Ret, flush=True)
        signal.pause()


def all_at_once(number):
    with tempfile.TemporaryDirectory(prefix='c') as runtime:
        process = subprocess.Popen([sys.executable, os.path.abspath(__file__), 'still'], stdout=subprocess.PIPE, text=True, start_new_session=True,
                                   env={**os.environ, 'XDG_RUNTIME_DIR': runtime})
        assert process.stdout.readline() == 'ready\n'
        assert len(os.listdir(os.path.join(runtime, 'corps'))) == 1
        os.killpg(process.pid, number)
        process.communicate()
        assert process.returncode == -number and nothing_left(process.pid), (number, process.returncode)
        assert os.listdir(os.path.join(runtime, 'corps')) == [], number


if __name__ == '__main__':
    if sys.argv[1:]:
        stand_still() if sys.argv[1] == 'still' else inner(int(sys.argv[1]))
        sys.exit()
    for number in signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT:
        all_at_once(number)
    for number in signal.SIGTERM, signal.SIGHUP:
        process = subprocess.Popen([sys.executable, os.path.abspath(__file__), str(int(number))], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                                   text=True, start_new_session=True)
        assert process.stdout.readline() == 'ready\n'
        os.killpg(process.pid, number)
        out = process.communicate()[0]
        assert process.returncode == 0 and f'killed by signal {int(number)} ({number.name})' in out and 'again' in out, (process.returncode, out)
    print('OK')
