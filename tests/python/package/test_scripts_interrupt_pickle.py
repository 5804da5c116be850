"""Ctrl-C that comes while a value is turned into bytes, or loaded, is KeyboardInterrupt, and not an error of that value; the Corps goes on."""

from helpers import run_python, script

PROGRAM = '''
import signal, sys
from corps import Corps, create_Corps

class Odd:
    def __init__(self, when):
        self.when = when

    def __reduce__(self):
        if self.when == 'encoding':
            signal.raise_signal(signal.SIGINT)
        return load, (self.when,)

in_program = False

def load(when):
    if when == 'loading' and in_program:
        signal.raise_signal(signal.SIGINT)
    return Odd('never')

class Service(Corps):
    def take(self, value):
        return 'taken'

    def give(self):
        return Odd('loading')

def expect_interrupt(function, *arguments):
    try:
        function(*arguments)
    except KeyboardInterrupt:
        print('interrupted', flush=True)

if __name__ == '__main__':
    in_program = True
    with create_Corps(Service, NumEnvs=1, Serializer=sys.argv[1]) as service:
        expect_interrupt(service.take, Odd('encoding'))
        expect_interrupt(service.take, [1, {'deep': [Odd('encoding')]}])
        expect_interrupt(lambda: service.give().Ret)
        print(service.take(1).Ret)
'''


def main():
    with script(PROGRAM) as path:
        for serializer in 'auto', 'pickle':
            status, out, err = run_python(path, serializer)
            assert (status, out) == (0, 'interrupted\ninterrupted\ninterrupted\ntaken\n'), (serializer, status, out, err)
    print('OK')


if __name__ == '__main__':
    main()
