"""With every serializer: Workers of the main program that use its globals; the types of what arrives, small and big."""

import importlib.util

from corps import Conc, Corps, LocType, create_Concs, create_Corps

SIZES = (10, 5000, 20000, 200000)
FACTOR = 3


def helper(n):
    return FACTOR * n


class Thing:
    def __init__(self, n):
        self.n = n


class Worker(Conc):
    def kind(self, thing):
        return type(thing).__name__

    def make(self, size):
        return b'x' * size

    def helped(self, n):
        return helper(n)

    def is_thing(self, thing):
        return isinstance(thing, Thing)


class Service(Corps):
    def __init__(self):
        super().__init__()
        self.workers = create_Concs(Worker, LocType=LocType.PerEnv)

    def kinds(self):
        return [[worker.kind(b'y' * size).Ret for size in SIZES] for worker in self.workers]

    def made(self):
        return [[type(worker.make(size).Ret).__name__ for size in SIZES] for worker in self.workers]

    def helped(self):
        return [worker.helped(2).Ret for worker in self.workers]

    def things(self):
        return [worker.is_thing(Thing(1)).Ret for worker in self.workers]


def check(serializer):
    with create_Corps(Service, Serializer=serializer, ConfigDicts=[{'NumEnvs': 2}]) as service:
        assert service.helped().Ret == [6, 6]
        assert serializer == 'msgpack' or service.things().Ret == [True, True]
        assert service.kinds().Ret == [['bytes'] * 4] * 2, service.kinds().Ret
        assert service.made().Ret == [['bytes'] * 4] * 2, service.made().Ret


def main():
    wrong = []
    for serializer in ('auto', 'pickle', 'cloudpickle', 'dill', 'msgpack'):
        if serializer in ('auto', 'pickle', 'msgpack') or importlib.util.find_spec(serializer) is not None:
            try:
                check(serializer)
            except Exception as error:
                wrong.append('{}: {!r}'.format(serializer, error)[:400])
    assert not wrong, '\n'.join(wrong)
    print('OK')


if __name__ == '__main__':
    main()
