"""Ctrl-C while a script waits for a Worker: KeyboardInterrupt at once, and nothing is left, whatever the Worker does."""

import signal
import sys

from helpers import script
from test_scripts_signals import PROGRAM, check


def main():
    wrong = []
    with script(PROGRAM) as path:
        for how in ('ret', 'result', 'nested', 'all', 'next', 'block'):
            try:
                check(path, how, signal.SIGINT, (-signal.SIGINT, 130), to_all=how == 'nested')
            except AssertionError as error:
                wrong.append(str(error))
    assert not wrong, '\n'.join(wrong)
    print('OK')


if __name__ == '__main__':
    sys.exit(main())
