"""Attributes through Names: of the class, of the instance, properties, static and class methods, callables, dunders."""

import functools

from corps import Conc, Corps, Future, LocType, create_Concs, create_Corps
from helpers import expect


class Adder:
    def __call__(self, n):
        return n + 1


class Worker(Conc):
    """What it does."""

    Limit = 5
    Table = {'a': 1}
    add = Adder()
    half = staticmethod(functools.partial(divmod, 1))  # from 3.14 on it would be a method

    def __init__(self):
        super().__init__()
        self.value = 1
        self.function = lambda n: n * 10
        self._hidden = 'h'

    def hello(self, name='you', *, loud=False):
        """Says hello."""
        return 'hello ' + (name.upper() if loud else name)

    @staticmethod
    def static(n):
        return n * 2

    @classmethod
    def of_class(cls, n):
        return cls.__name__, n

    @property
    def from_class(self):
        return self.Limit + 1

    @property
    def from_instance(self):
        return self.value

    @from_instance.setter
    def from_instance(self, value):
        self.value = value

    @property
    def read_only(self):
        return 'r'

    def __len__(self):
        return 17

    def __call__(self, n):
        return n - 1

    def __getitem__(self, key):
        return key * 2

    def _private(self):
        return 'private'


class Service(Corps):
    def __init__(self):
        super().__init__()
        self.workers = create_Concs(Worker, LocType=LocType.PerEnv)

    def names(self):
        return self.workers

    def read(self, number):
        worker = self.workers[number]
        worker.new = 3
        return worker.Limit, worker.value.Ret, worker.static(4).Ret, worker.from_class, worker.new.Ret


def check_methods(worker):
    assert worker.hello().Ret == 'hello you' and worker.hello('me', loud=True).Ret == 'hello ME'
    assert worker.static(3).Ret == 6 and worker.of_class(3).Ret == ('Worker', 3) and worker.add(3).Ret == 4
    assert worker.half(1).Ret == (1, 0) and worker._private().Ret == 'private' and worker._hidden.Ret == 'h'
    assert worker.hello.__doc__ == 'Says hello.' and worker.hello.__name__ == 'hello'
    method = worker.hello
    assert method('x').Ret == 'hello x'
    assert functools.partial(worker.hello, 'p')().Ret == 'hello p'
    assert worker(5).Ret == 4 if callable(worker) else True


def check_attributes(worker):
    assert worker.Limit == 5 and worker.Table == {'a': 1} and worker.from_class == 6
    assert isinstance(worker.value, Future) and worker.value.Ret == 1
    assert isinstance(worker.from_instance, Future) and worker.from_instance.Ret == 1
    worker.value = 8
    assert worker.value.Ret == 8 and worker.from_instance.Ret == 8
    worker.from_instance = 9
    assert worker.value.Ret == 9
    worker.made_now = [1]
    assert worker.made_now.Ret == [1]
    worker.Limit = 6
    assert worker.Limit == 6
    expect(AttributeError, setattr, worker, 'read_only', 1)
    assert worker.read_only == 'r'
    worker.value = 1


def main():
    with create_Corps(Service, ConfigDicts=[{'NumEnvs': 2}]) as service:
        assert service.read(0).Ret == (5, 1, 8, 6, 3) == service.read(1).Ret
        for worker in service.names().Ret:
            check_methods(worker)
            check_attributes(worker)
    print('OK')


if __name__ == '__main__':
    main()
