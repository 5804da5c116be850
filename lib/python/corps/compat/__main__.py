"""python -m corps.compat PROGRAM.py [ARGUMENT …], or -m MODULE [ARGUMENT …]"""

import importlib.util
import os
import sys
import types

import corps.compat

USAGE = ('usage: python -m corps.compat PROGRAM.py [ARGUMENT …]\n'
         '       python -m corps.compat -m MODULE [ARGUMENT …]\n'
         '       python -m corps.compat --path\n')


def stop(text):
    sys.stderr.write(f'corps.compat: {text}\n')
    raise SystemExit(2)


def of_file(path):
    """A module of a program's file, and its code."""
    try:
        with open(path, 'rb') as file:
            source = file.read()
    except OSError as error:
        stop(f'cannot read {path}: {error.strerror}')
    module = types.ModuleType('__main__')
    module.__file__ = path
    return os.path.dirname(os.path.abspath(path)), module, lambda: compile(source, path, 'exec')


def of_module(name):
    """The same of a module that Python finds."""
    sys.path.insert(0, os.getcwd())
    try:
        spec = importlib.util.find_spec(name)
        if spec is not None and spec.submodule_search_locations is not None:
            spec = importlib.util.find_spec(name + '.__main__')
    except (ImportError, ValueError):
        spec = None
    if spec is None:
        stop(f'there is no module {name} to run')
    module = types.ModuleType('__main__')
    module.__file__, module.__spec__, module.__package__ = spec.origin, spec, spec.parent
    return os.getcwd(), module, lambda: spec.loader.get_code(spec.name)


def main():
    arguments = sys.argv[1:]
    if arguments == ['--path']:
        print(corps.compat.PATH)
        return
    if arguments in (['-h'], ['--help']):
        print(USAGE, end='')
        return
    by_name = arguments[:1] == ['-m']
    arguments = arguments[by_name:]
    if not arguments or arguments[0].startswith('-'):
        sys.stderr.write(USAGE)
        raise SystemExit(2)
    corps.compat.start()
    folder, module, code = of_module(arguments[0]) if by_name else of_file(arguments[0])
    sys.argv[:] = [module.__file__] + arguments[1:] if by_name else arguments
    if sys.path[:1] in ([''], [os.getcwd()]):
        sys.path[0] = folder
    else:
        sys.path.insert(0, folder)
    sys.modules['__main__'] = sys.modules['__mp_main__'] = module
    exec(code(), module.__dict__)


main()
