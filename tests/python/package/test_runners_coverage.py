# needs: coverage
"""coverage: it runs programs with Corps; where its configuration asks for subprocesses, lines that Envs alone run are collected."""

import os
import sys

import coverage
from runners import check, programs, run

FIGURES = '''
from corps import Conc, Corps, LocType, create_Concs, create_Corps

class Worker(Conc):
    def add(self, a, b):
        total = a + b                           # in Env 1, on a thread of the core's
        return total

class Home(Conc):
    Thread = 'own'

    def double(self, a):
        return 2 * a                            # on a thread of the Worker's own

class Service(Corps):
    def __init__(self):
        super().__init__()
        self.worker, = create_Concs(Worker, LocType=LocType.EnvId, LocVal=1)
        self.home, = create_Concs(Home, LocType=LocType.EnvId, LocVal=1)

    def total(self):
        return self.worker.add(1, self.home.double(1).Ret).Ret

    async def later(self):
        return self.total()                     # on the event loop's

    def never(self):
        return 'nobody calls this'              # missed

if __name__ == '__main__':
    with create_Corps(Service, ConfigDicts=[{'NumEnvs': 2}]) as service:
        assert service.total().Ret == 3 and service.later().Ret == 3
        print('done')
'''

SETTINGS = '''
[run]
source = .
concurrency = thread
parallel = true
patch = subprocess
'''


def missed_lines(folder):
    """The texts of the lines of figures.py that nobody ran, of all data files together."""
    data = coverage.Coverage(data_file=os.path.join(folder, '.coverage'), config_file=os.path.join(folder, '.coveragerc'))
    data.combine([folder])
    path = os.path.join(folder, 'figures.py')
    missed = data.analysis2(path)[3]
    with open(path) as file:
        lines = file.read().splitlines()
    return [lines[number - 1].strip() for number in missed]


def main():
    with programs(figures=FIGURES) as folder:
        check(folder, '-m', 'coverage', 'run', 'program.py')
        check(folder, '-m', 'coverage', 'run', '-m', 'unittest', 'test_program')
        if coverage.version_info < (7, 10):
            print('note: coverage {} has no patch = subprocess'.format(coverage.__version__))
        else:
            with open(os.path.join(folder, '.coveragerc'), 'w') as file:
                file.write(SETTINGS)
            run(folder, '-m', 'coverage', 'erase')
            check(folder, '-m', 'coverage', 'run', 'figures.py')
            missed = missed_lines(folder)
            assert missed == ["return 'nobody calls this'              # missed"], missed
    print('OK')


if __name__ == '__main__':
    sys.exit(main())
