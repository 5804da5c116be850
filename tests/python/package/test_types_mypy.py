# needs: mypy
"""mypy --strict passes over programs with typed Names, and finds each wrong line."""

import sys

import typed


def main():
    typed.check(lambda folder, files: [sys.executable, '-m', 'mypy', '--strict', '--no-error-summary', '--cache-dir', folder + '/cache', *files])
    print('OK')


if __name__ == '__main__':
    main()
