"""Programs that other programs run: unittest, runpy, profilers and pdb: what is sent back loads."""

import os
import sys
import tempfile

from runners import check, programs

# As coverage does it: the runner is the main program first, then what it runs.
RUNNER = '''
import multiprocessing, sys, types
import corps
main = types.ModuleType('__main__')
main.__file__ = sys.argv[1]
sys.modules['__main__'] = main
with open(main.__file__) as file:
    code = compile(file.read(), main.__file__, 'exec')
exec(code, main.__dict__)
'''

# As pytest does it with --import-mode=importlib: no path leads to the module.
LOADER = '''
import importlib.util, sys, types
def load(name, path):
    spec = importlib.util.spec_from_file_location(name, path)
    module = sys.modules[name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
if __name__ == '__main__':
    sys.modules['tests'] = types.ModuleType('tests')
    load('tests.test_module', sys.argv[1]).Test().test()
    load('top', sys.argv[1]).Test().test()
'''


def main():
    with programs(runner=RUNNER) as folder:
        with tempfile.TemporaryDirectory() as elsewhere:
            loader = os.path.join(elsewhere, 'loader.py')
            with open(loader, 'w') as file:
                file.write(LOADER)
            check(elsewhere, loader, os.path.join(folder, 'test_program.py'))
        check(folder, '-m', 'unittest', '-q', 'test_program')
        check(folder, 'runner.py', 'program.py')
        check(folder, '-c', "import runpy; runpy.run_path('program.py', run_name='__main__')")
        check(folder, '-c', "import runpy; runpy.run_module('program', run_name='__main__', alter_sys=True)")
        check(folder, '-m', 'cProfile', '-o', 'profile', 'program.py')
        check(folder, '-m', 'pdb', '-c', 'continue', '-c', 'quit', 'program.py')
    print('OK')


if __name__ == '__main__':
    sys.exit(main())
