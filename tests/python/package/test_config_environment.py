"""Where options come from: call before config before environment variable; wake policies; several at once."""

import os

from corps import Conc, Corps, LocType, create_Concs, create_Corps
from helpers import in_turn


class Worker(Conc):
    def back(self, thing):
        return thing


class Service(Corps):
    def __init__(self):
        super().__init__()
        self.workers = create_Concs(Worker, LocType=LocType.PerEnv)

    def check(self):
        return [worker.back((1, 2)).Ret for worker in self.workers]

    def variables(self):
        return {name: text for name, text in os.environ.items() if name.startswith('CORPS_') and name != 'CORPS_AGENT_PROGRAM'}  # that is these tests'


def check(expected, **options):
    """A tuple stays one, unless the serializer is msgpack."""
    options.setdefault('ConfigDicts', []).append({'NumEnvs': 2})
    with create_Corps(Service, **options) as service:
        kinds = [type(got) for got in service.check().Ret]
        assert kinds[1] is expected, (options, kinds)
        return service.variables().Ret


def main():
    for name in ('CORPS_TRANSPORT', 'CORPS_SERIALIZER', 'CORPS_WAKE'):
        os.environ.pop(name, None)
    check(tuple)
    os.environ['CORPS_SERIALIZER'] = 'msgpack'
    assert check(list) == {'CORPS_SERIALIZER': 'msgpack'}
    check(tuple, Serializer='pickle')
    check(tuple, ConfigDicts=[{'Serializer': 'auto'}])
    check(list, ConfigDicts=[{'Serializer': 'auto'}], Serializer='msgpack')
    del os.environ['CORPS_SERIALIZER']
    for transport in in_turn(('shm', 'unix', 'tcp', 'pipe', 'mqueue')):
        os.environ['CORPS_TRANSPORT'] = transport
        for wake in ('block', 'spin', 'adaptive'):
            os.environ['CORPS_WAKE'] = wake
            check(tuple)
    os.environ['CORPS_TRANSPORT'] = 'nonsense'
    os.environ['CORPS_WAKE'] = 'nonsense'
    check(tuple, Transport='unix', Wake='block')
    check(tuple, Transport='tcp', ConfigDicts=[{'Wake': 'spin'}])
    print('OK')


if __name__ == '__main__':
    main()
