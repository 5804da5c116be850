"""A Name pickled to a file is used by other programs: one that knows the class, and one that does not."""

import os
import pickle
import sys
import tempfile

from corps import Conc, Corps, LocType, create_Concs, create_Corps
from helpers import run_python

USER = '''
import pickle, sys
from corps import WorkerLost
with open(sys.argv[1], 'rb') as file:
    service, worker = pickle.load(file)
print(service.count(5).Ret, worker.twice('ab').Ret, worker.Kind if isinstance(worker.Kind, str) else worker.Kind.Ret,
      worker == service.worker_name().Ret)
try:
    worker.wrong().Ret
except Exception as error:
    print(error.TypeName)
'''

LOST = '''
import pickle, sys
from corps import WorkerLost
with open(sys.argv[1], 'rb') as file:
    service, worker = pickle.load(file)
for call in (lambda: service.count(5).result(60), lambda: worker.twice(1).result(60)):
    try:
        print(call())
    except WorkerLost:
        print('lost')
'''


class Worker(Conc):
    Kind = 'kind'

    def twice(self, thing):
        return 2 * thing

    def wrong(self):
        raise ValueError('no')


class Service(Corps):
    def __init__(self):
        super().__init__()
        self.total = 0
        self.worker, = create_Concs(Worker, LocType=LocType.EnvId, LocVal=1)

    def count(self, n):
        self.total += n
        return self.total

    def worker_name(self):
        return self.worker


def main():
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, 'name.pickle')
        with create_Corps(Service, ConfigDicts=[{'NumEnvs': 2}]) as service:
            with open(path, 'wb') as file:
                pickle.dump((service, service.worker_name().Ret), file)
            status, out, err = run_python('-c', USER, path)
            assert (status, out) == (0, '5 abab kind True\nValueError\n'), (status, out, err)
            module = os.path.splitext(os.path.basename(__file__))[0]
            program = 'import {0}, sys; sys.modules["__main__"] = {0}\n'.format(module) + USER
            status, out, err = run_python('-c', program, path, cwd=os.path.dirname(os.path.abspath(__file__)))
            assert (status, out) == (0, '10 abab kind True\nValueError\n'), (status, out, err)
            assert service.count(0).Ret == 10
        status, out, err = run_python('-c', LOST, path)
        assert (status, out) == (0, 'lost\nlost\n'), (status, out, err)
    print('OK')


if __name__ == '__main__':
    sys.exit(main())
