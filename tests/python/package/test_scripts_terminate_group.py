# expect-stdout: OK
"""A signal for all processes of a program, as service managers send it and a terminal that closes: the Envs end by it, and callers are told so."""

import os
import signal
import subprocess
import sys

from corps import Corps, WorkerLost, create_Corps


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


if __name__ == '__main__':
    if sys.argv[1:]:
        inner(int(sys.argv[1]))
        sys.exit()
    for number in signal.SIGTERM, signal.SIGHUP:
        process = subprocess.Popen([sys.executable, os.path.abspath(__file__), str(int(number))], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                                   text=True, start_new_session=True)
        assert process.stdout.readline() == 'ready\n'
        os.killpg(process.pid, number)
        out = process.communicate()[0]
        assert process.returncode == 0 and f'killed by signal {int(number)} ({number.name})' in out and 'again' in out, (process.returncode, out)
    print('OK')
