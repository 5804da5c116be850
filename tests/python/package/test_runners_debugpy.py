# needs: debugpy
"""debugpy, the debugger of editors: it runs programs with Corps."""

import sys

from runners import check, programs


def main():
    with programs() as folder:
        check(folder, '-Xfrozen_modules=off', '-m', 'debugpy', '--listen', '127.0.0.1:0', 'program.py')
    print('OK')


if __name__ == '__main__':
    sys.exit(main())
