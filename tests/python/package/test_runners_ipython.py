# needs: IPython
"""IPython: it runs programs with Corps, and an interactive session makes classes of its own."""

import sys

from runners import check, programs


def main():
    with programs() as folder:
        check(folder, '-m', 'IPython', '--quick', 'program.py')
        check(folder, '-m', 'IPython', '--quick', '-c', '%run program.py')
        check(folder, '-m', 'IPython', '--quick', '-c', 'from test_program import *; Test().test()')
    print('OK')


if __name__ == '__main__':
    sys.exit(main())
