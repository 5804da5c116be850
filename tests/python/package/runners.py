"""A program with Corps, for programs that run others; and what such a run must give."""

import os
import tempfile
from contextlib import contextmanager

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


def run(folder, *arguments, **environment):
    """Run Python there; return (stdout, stderr). It must end well."""
    env = dict(os.environ, HOME=folder, PYTHONDONTWRITEBYTECODE='1', PYTEST_DISABLE_PLUGIN_AUTOLOAD='', **environment)
    status, out, err = run_python(*arguments, cwd=folder, env=env)
    assert status == 0 and 'Error' not in err, (arguments, status, out, err)
    return out, err


def check(folder, *arguments):
    """Run Python there, with what runs the program or its test."""
    out, err = run(folder, *arguments)
    assert 'done' in out or 'passed' in out, (arguments, out, err)


@contextmanager
def programs(**others):
    """A folder with program.py, test_program.py, and others by their names."""
    with tempfile.TemporaryDirectory() as folder:
        for name, text in dict(program=PROGRAM + GUARD, test_program=PROGRAM, **others).items():
            with open(os.path.join(folder, name + '.py'), 'w') as file:
                file.write(text)
        yield folder
