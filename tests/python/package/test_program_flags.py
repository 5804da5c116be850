"""The interpreter's flags are the Envs' too, alone and together; and a working directory that is gone gives one clear line."""

import os
import sys
import tempfile

import corps
from helpers import run_python, script

PROGRAM = """
import sys
if {folder!r} not in sys.path:
    sys.path.append({folder!r})     # with -I and -E nothing else says where the package is
from corps import Corps, create_Corps

class Service(Corps):
    def flags(self):
        flags = [(name, getattr(sys.flags, name)) for name in dir(sys.flags) if name[0] != '_' and name not in ('count', 'index')]
        return flags, sys.warnoptions, sys._xoptions, sys.stdout.write_through, sys.path

if __name__ == '__main__':
    with create_Corps(Service, ConfigDicts=[dict(NumEnvs=1)]) as service:
        there, here = service.flags().Ret, Service.flags(None)
        print('same' if there == here else [pair for pair in zip(there, here) if pair[0] != pair[1]])
"""

FLAGS = [
    ['-I', '-OO', '-B', '-W', 'error::UserWarning', '-W', 'ignore::ImportWarning', '-X', 'faulthandler', '-bb'],
    ['-E', '-s', '-u', '-q', '-O'],
    ['-X', 'dev', '-X', 'utf8'],
] + ([['-P', '-d']] if sys.version_info >= (3, 11) else [])

GONE = """
import os, sys
from corps import Corps, create_Corps

class Service(Corps):
    def create(self):
        os.chdir(gone())
        try:
            create_Corps(Service)
        finally:
            os.chdir('/')

def gone():
    os.mkdir('gone')
    path = os.path.abspath('gone')
    os.chdir(path)
    os.rmdir(path)
    return '.'

def run(service):
    try:
        print(service())
    except FileNotFoundError as error:
        print(getattr(error, 'Value', error))

if __name__ == '__main__':
    service = create_Corps(Service, ConfigDicts=[{'NumEnvs': 1}])
    run(lambda: service.create().Ret)
    gone()
    run(lambda: create_Corps(Service))
    os.chdir('/')
    with create_Corps(Service, ConfigDicts=[{'NumEnvs': 1}]) as other:
        print(other.my_Class().Ret)
    service.exit()
"""

TEXT = 'the working directory of this process has been deleted, and Envs begin in it: '


def main():
    folder = os.path.dirname(os.path.dirname(corps.__file__))
    with script(PROGRAM.format(folder=folder)) as path:
        for flags in FLAGS:
            status, out, err = run_python(*flags, path)
            assert (status, out) == (0, 'same\n'), (flags, status, out, err)
    with script(GONE) as path, tempfile.TemporaryDirectory() as folder:
        status, out, err = run_python(path, cwd=folder)
        lines = out.splitlines()
        assert status == 0 and len(lines) == 3 and lines[2] == 'Service', (status, out, err)
        assert all(TEXT in line and 'os.chdir' in line for line in lines[:2]), out
        assert os.listdir(folder) == [] and err == '', (os.listdir(folder), err)
    print('OK')


if __name__ == '__main__':
    sys.exit(main())
