"""Names as values: equality, hash, keys, copies, text; as arguments, results and attributes."""

import copy
import pickle

from corps import Conc, Corps, LocType, Name, create_Concs, create_Corps
from helpers import expect


class Worker(Conc):
    def hello(self):
        return 'hello'

    def me(self):
        return self.my_Name()

    def is_me(self, name, names):
        return name == self.my_Name() and names['me'][0] == name and name in names

    def ask(self, name):
        return name.hello().Ret


class Other(Worker):
    pass


class Service(Corps):
    def __init__(self):
        super().__init__()
        self.workers = create_Concs(Worker, LocType=LocType.PerEnv, Num=2)
        self.other = create_Concs(Other)[0]

    def names(self):
        return self.workers

    def find(self, table):
        return [table[worker] for worker in self.workers]


def check_copies(worker):
    for made in (copy.copy(worker), copy.deepcopy(worker), copy.deepcopy([worker])[0],
                 pickle.loads(pickle.dumps(worker)), pickle.loads(pickle.dumps(worker, 2)), worker.me().Ret):
        assert made == worker and not made != worker and hash(made) == hash(worker)
        assert isinstance(made, Name) and type(made) is type(worker) and made.hello().Ret == 'hello'
        assert repr(made) == repr(worker) == str(worker) == '{}'.format(worker) == f'{made}'


def main():
    with create_Corps(Service, ConfigDicts=[{'NumEnvs': 2}]) as service:
        workers = service.names().Ret
        for worker in workers:
            check_copies(worker)
            assert worker.is_me(worker, {'me': [worker], worker: 1}).Ret is True
            assert bool(worker) and worker != 'x' and worker is not None and not worker == 5
            assert 'Class Worker in ' in repr(worker)
        assert len(set(workers)) == 4 and len({repr(worker) for worker in workers}) == 4
        assert service.find({worker: i for i, worker in enumerate(workers)}).Ret == [0, 1, 2, 3]
        assert workers[0].ask(workers[3]).Ret == 'hello'
        other = service.other.Ret
        assert other.ask(workers[0]).Ret == 'hello' and other not in workers and 'Class Other in ' in repr(other)
        expect(TypeError, lambda: workers[0] < workers[1])
        expect(AttributeError, delattr, workers[0], 'hello')
        assert pickle.loads(pickle.dumps(service)) == service and service.my_ExtName().Ret == service
    print('OK')


if __name__ == '__main__':
    main()
