"""python -m package, -m package.module, a script of another folder, a folder and an archive as program, and -O, -I."""

import os
import shutil
import sys
import tempfile
import zipfile

from helpers import run_python

MAIN = """
from corps import Conc, Corps, create_Concs, create_Corps
{imports}

class Worker(Conc):
    def work(self, n):
        return factor() * n

class Service(Corps):
    def work(self, n):
        return [worker.work(n).Ret for worker in create_Concs(Worker, Num=2)]

    def optimized(self):
        return not __debug__

def main():
    with create_Corps(Service, ConfigDicts=[{{'NumEnvs': 2}}]) as service:
        assert service.work(2).Ret == [10, 10] or not __debug__
        print('done', service.work(2).Ret == [10, 10], service.optimized().Ret)

if __name__ == '__main__':
    main()
"""


def write(folder, name, text):
    path = os.path.join(folder, name)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, 'w') as file:
        file.write(text)
    return path


def check(answer, optimized=False):
    status, out, err = answer
    assert status == 0 and out == 'done True {}\n'.format(optimized) and err == '', answer


def main():
    with tempfile.TemporaryDirectory() as folder:
        write(folder, 'pack/__init__.py', '')
        write(folder, 'pack/part.py', 'def factor():\n    return 5\n')
        write(folder, 'pack/__main__.py', MAIN.format(imports='from .part import factor'))
        write(folder, 'pack/tool.py', MAIN.format(imports='from .part import factor'))
        write(folder, 'plain/part.py', 'def factor():\n    return 5\n')
        plain = write(folder, 'plain/program.py', MAIN.format(imports='from part import factor'))
        shutil.copy(plain, os.path.join(folder, 'plain', '__main__.py'))
        check(run_python('-m', 'pack', cwd=folder))
        check(run_python('-m', 'pack.tool', cwd=folder))
        check(run_python(plain, cwd='/'))
        check(run_python('program.py', cwd=os.path.dirname(plain)))
        check(run_python(os.path.join('plain', 'program.py'), cwd=folder))
        check(run_python('-O', plain, cwd='/'), optimized=True)
        check(run_python('-X', 'dev', '-W', 'ignore', plain, cwd='/'))
        check(run_python('plain', cwd=folder))
        with zipfile.ZipFile(os.path.join(folder, 'program.zip'), 'w') as archive:
            for name in ('__main__.py', 'part.py'):
                archive.write(os.path.join(folder, 'plain', name), name)
        check(run_python('program.zip', cwd=folder))
    print('OK')


if __name__ == '__main__':
    sys.exit(main())
