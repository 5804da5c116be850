# needs: basedpyright|pyright
"""pyright, in its strict mode, passes over programs with typed Names, and finds each wrong line."""

import importlib.util
import json
import os
import sys

import typed

CHECKER = 'basedpyright' if importlib.util.find_spec('basedpyright') else 'pyright'


def command(folder, files):
    with open(os.path.join(folder, 'pyrightconfig.json'), 'w') as file:
        json.dump({'typeCheckingMode': 'strict', 'extraPaths': [typed.package_folder()], 'reportUnusedParameter': False}, file)
    return [sys.executable, '-m', CHECKER, '--pythonpath', sys.executable, *files]


def main():
    typed.check(command)
    print('OK')


if __name__ == '__main__':
    main()
