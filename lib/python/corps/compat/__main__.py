"""python -m corps.compat PROGRAM.py [ARGUMENT …]"""

import os
import sys
import types

import corps.compat

USAGE = 'usage: python -m corps.compat PROGRAM.py [ARGUMENT …]\n       python -m corps.compat --path\n'


def main():
    if sys.argv[1:] == ['--path']:
        print(corps.compat.PATH)
        return
    if len(sys.argv) < 2 or sys.argv[1].startswith('-'):
        helping = sys.argv[1:] in (['-h'], ['--help'])
        (sys.stdout if helping else sys.stderr).write(USAGE)
        raise SystemExit(0 if helping else 2)
    program = sys.argv[1]
    try:
        with open(program, 'rb') as file:
            source = file.read()
    except OSError as error:
        sys.stderr.write(f'corps.compat: cannot read {program}: {error.strerror}\n')
        raise SystemExit(2)
    corps.compat.start()
    sys.argv[:] = sys.argv[1:]
    if sys.path and sys.path[0] in ('', os.getcwd()):
        sys.path[0] = os.path.dirname(os.path.abspath(program))
    else:
        sys.path.insert(0, os.path.dirname(os.path.abspath(program)))
    module = types.ModuleType('__main__')
    module.__file__ = program
    sys.modules['__main__'] = sys.modules['__mp_main__'] = module
    exec(compile(source, program, 'exec'), module.__dict__)


main()
