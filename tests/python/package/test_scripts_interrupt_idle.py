"""Ctrl-C in a script whose Workers are idle, or busy for a moment only: the usual orderly end; also Ctrl-C twice."""

import signal
import sys
import time

from helpers import PATIENCE, nothing_left, script, start_python

PROGRAM = '''
import sys, time
from corps import Corps, create_Corps

class Service(Corps):
    def later(self, seconds):
        time.sleep(seconds)

    def cleanup(self):
        print('cleanup', flush=True)

if __name__ == '__main__':
    service = create_Corps(Service, ConfigDicts=[{'NumEnvs': 2}])
    print('waiting', flush=True)
    if sys.argv[1] == 'idle':
        time.sleep(1000)
    elif sys.argv[1] == 'stdin':
        sys.stdin.read()
    else:
        while True:
            service.later(0.01).Ret
'''


def check(path, how, times):
    process = start_python(path, how, stdin=-1)
    assert process.stdout.readline() == 'waiting\n'
    for _ in range(times):
        time.sleep(0.15)
        process.send_signal(signal.SIGINT)
    process.stdin = None
    out, err = process.communicate(timeout=PATIENCE)
    assert process.returncode in (-signal.SIGINT, 130), (how, process.returncode, out, err)
    assert 'KeyboardInterrupt' in err and (times > 1 or out == 'cleanup\n'), (how, out, err)
    assert nothing_left(process.pid), how


def main():
    with script(PROGRAM) as path:
        for how in ('idle', 'stdin', 'calls'):
            check(path, how, 1)
        check(path, 'calls', 2)
    print('OK')


if __name__ == '__main__':
    sys.exit(main())
