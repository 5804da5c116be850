# needs: cloudpickle
"""Programs without a file: python -c, from stdin, interactive, and what a notebook does."""

import sys

from helpers import run_python, script

PROGRAM = """
import collections
from corps import *

Point = collections.namedtuple('Point', 'x y')
FACTOR = 3

def helper(n):
    return FACTOR * n

class Worker(Conc):
    def work(self, function, point):
        return function(helper(point.x)), point, my_EnvId()

class Service(Corps):
    def __init__(self):
        super().__init__()
        self.workers = create_Concs(Worker, LocType=LocType.PerEnv)

    def run(self, function, point):
        return [worker.work(function, point).Ret for worker in self.workers]

    def wrong(self):
        raise KeyError('k')

service = create_Corps(Service, ConfigDicts=[{'NumEnvs': 2}])
answers = service.run(lambda n: n + 1, Point(2, 5)).Ret
assert answers == [(7, (2, 5), 0), (7, (2, 5), 1)], answers
assert type(answers[1][1]) is Point
assert service.run(helper, Point(1, 1)).Ret[0][0] == 9

try:
    service.wrong().Ret
except KeyError as error:
    assert 'in wrong' in error.TracebackStrings

print('done', 1)
service.exit().Ret
"""

NOTEBOOK = """
import sys, types
main = types.ModuleType('__main__')
sys.modules['__main__'] = main
with open(sys.argv[1]) as file:
    cells = file.read().split(chr(10) * 2)
for cell in cells:
    exec(compile(cell.strip() or 'pass', '<cell>', 'exec'), main.__dict__)
"""


def check(name, status, out, err):
    assert status == 0 and 'done 1' in out, (name, status, out, err)
    assert 'Traceback' not in err and 'Error' not in err, (name, err)


def main():
    check('-c', *run_python('-c', PROGRAM))
    check('-', *run_python('-', input=PROGRAM))
    check('stdin', *run_python(input=PROGRAM))
    check('-i', *run_python('-i', input=PROGRAM.replace('\n\n    def', '\n    def')))
    with script(PROGRAM) as path:
        with script(NOTEBOOK) as notebook:
            with open(path) as file:
                text = file.read().replace('\n\n    def', '\n    def')
            with open(path, 'w') as file:
                file.write(text)
            check('notebook', *run_python(notebook, path))
    print('OK')


if __name__ == '__main__':
    sys.exit(main())
