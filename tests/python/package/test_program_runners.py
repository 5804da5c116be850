"""Programs that other programs run: unittest, runpy, profilers, pdb, IPython, coverage, pytest and pytest-xdist: what is sent back loads."""

import importlib.util
import os
import sys
import tempfile

from helpers import run_python

PROGRAM = '''
import unittest
from corps import Conc, Corps, LocType, create_Concs, create_Corps

class Thing:
    pass

class Wrong(Exception):
    pass

class Worker(Conc):
    def thing(self):
        return Thing()

    def wrong(self):
        raise Wrong('so')

class Service(Corps):
    def __init__(self):
        super().__init__()
        self.worker, = create_Concs(Worker, LocType=LocType.EnvId, LocVal=1)

    def thing(self):
        return self.worker.thing().Ret

    def wrong(self):
        return self.worker.wrong().Ret

class Test(unittest.TestCase):
    def test(self):
        class Local(Service):
            def both(self):
                return Thing(), Local
        with create_Corps(Local, ConfigDicts=[{'NumEnvs': 2}]) as service:
            assert type(service.thing().Ret) is Thing
            assert type(service.both().Ret[0]) is Thing and service.both().Ret[1] is Local
            try:
                service.wrong().Ret
            except Wrong:
                print('done')
'''

GUARD = '''
if __name__ == '__main__':
    Test().test()
'''

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

OPTIONAL = {
    'pytest': [['-m', 'pytest', '-q', 'test_program.py'], ['-m', 'pytest', '-q', '--import-mode=importlib', 'test_program.py']],
    'xdist': [['-m', 'pytest', '-q', '-n', '2', 'test_program.py']],
    'coverage': [['-m', 'coverage', 'run', 'program.py'], ['-m', 'coverage', 'run', '-m', 'unittest', 'test_program']],
    'IPython': [['-m', 'IPython', '--quick', 'program.py'], ['-m', 'IPython', '--quick', '-c', '%run program.py']],
    'debugpy': [['-Xfrozen_modules=off', '-m', 'debugpy', '--listen', '127.0.0.1:0', 'program.py']],
}


def check(folder, *arguments):
    env = dict(os.environ, HOME=folder, PYTHONDONTWRITEBYTECODE='1', PYTEST_DISABLE_PLUGIN_AUTOLOAD='')
    status, out, err = run_python(*arguments, cwd=folder, env=env)
    assert status == 0 and ('done' in out or 'passed' in out) and 'Error' not in err, (arguments, status, out, err)


def main():
    with tempfile.TemporaryDirectory() as folder:
        for name, text in (('program.py', PROGRAM + GUARD), ('test_program.py', PROGRAM), ('runner.py', RUNNER)):
            with open(os.path.join(folder, name), 'w') as file:
                file.write(text)
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
        for tool, commands in OPTIONAL.items():
            if importlib.util.find_spec(tool) is None:
                print('note: {} is not installed'.format(tool))
                continue
            for command in commands:
                check(folder, *command)
    print('OK')


if __name__ == '__main__':
    sys.exit(main())
