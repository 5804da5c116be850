"""Every transport with every serializer that is there: round trips of 1 MiB, a small tuple, Names, exceptions."""

import importlib.util

from corps import Conc, Corps, LocType, create_Concs, create_Corps
from helpers import expect, in_turn

TRANSPORTS = ('shm', 'unix', 'tcp', 'pipe', 'mqueue')
SERIALIZERS = ('auto', 'pickle', 'cloudpickle', 'dill', 'msgpack')
BIG = bytes(range(256)) * 4096


class Worker(Conc):
    def back(self, thing):
        return thing

    def through(self, other, thing):
        return other.back(thing).Ret

    def wrong(self):
        raise KeyError('no')


class Service(Corps):
    def __init__(self):
        super().__init__()
        self.workers = create_Concs(Worker, LocType=LocType.PerEnv)

    def names(self):
        return self.workers

    def check(self):
        return [worker.back(BIG).Ret == BIG for worker in self.workers]


def check(service, plain):
    small = [1, 'two', None, 2.5, b'x'] if plain else (1, 'two', None, 2.5, b'x', {3}, (4,))
    assert service.check().Ret == [True, True]
    workers = service.names().Ret
    for worker, other in zip(workers, reversed(workers)):
        assert worker.back(other).Ret == other and worker.through(other, [5]).result(60) == [5]
        assert worker.back(BIG).Ret == BIG
        got = worker.back(small).Ret
        assert got == small and type(got) is type(small), got
        assert worker.back({'k': [1]}).Ret == {'k': [1]}
        error = expect(Exception, lambda: worker.wrong().result(60))
        assert 'KeyError' in str(error)


def main():
    wrong = []
    for transport in in_turn(TRANSPORTS):
        for serializer in SERIALIZERS:
            if serializer in ('cloudpickle', 'dill') and importlib.util.find_spec(serializer) is None:
                continue
            try:
                with create_Corps(Service, Transport=transport, Serializer=serializer,
                                  ConfigDicts=[{'NumEnvs': 2}]) as service:
                    check(service, serializer == 'msgpack')
            except Exception as error:
                wrong.append('{} with {}: {!r}'.format(transport, serializer, error)[:300])
    assert not wrong, '\n'.join(wrong)
    print('OK')


if __name__ == '__main__':
    main()
