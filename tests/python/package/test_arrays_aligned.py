# expect-stdout: OK
# needs: numpy
"""Arrays lie aligned wherever they arrive: to 64 bytes from 4 KiB on, to 16 below; over every transport, as arguments, in lists,
as results, as arguments of an init."""

import importlib.util

import numpy as np

from corps import Conc, Corps, LocType, create_Concs, create_Corps
from helpers import room

TRANSPORTS = ('shm', 'unix', 'tcp', 'pipe', 'mqueue', 'cma')
OTHERS = ('zmq-ipc', 'nng-ipc')  # of other libraries, where they are built
SIZES = (1, 8, 1000, 4095, 4096, 5001, 8192, 65536, 300001, 1 << 20)


def arrays(sizes=SIZES):
    made = []
    for size in sizes:
        made.append(np.arange(size) % 251)
        made[-1] = made[-1].astype(np.uint8)
        if size % 8 == 0:
            made.append(np.arange(size // 8, dtype=np.float64))
    return made


def aligned(array):
    """Where it should be, whole, and as it was."""
    address = array.__array_interface__['data'][0]
    expected = np.arange(len(array)) % 251 if array.dtype == np.uint8 else np.arange(len(array))
    return bool(address % (64 if array.nbytes >= 4096 else 16) == 0 and array.flags.aligned and (array == expected).all())


class Worker(Conc):
    def __init__(self, given=(), *, named=None):
        super().__init__()
        self.well = [aligned(array) for array in given] + ([] if named is None else [aligned(named)])

    def made_well(self):
        return self.well

    def one(self, array):
        return aligned(array)

    def several(self, *given, **named):
        return [aligned(array) for array in given] + [aligned(array) for array in named.values()]

    def listed(self, items):
        return [aligned(array) for array in items]

    def deep(self, thing):
        return [aligned(thing['a'][0]), aligned(thing['b'].array)]

    def give(self, size):
        return np.arange(size // 8, dtype=np.float64)

    def give_all(self, sizes):
        return arrays(sizes)


class Holder:
    def __init__(self, array):
        self.array = array


class Service(Corps):
    def __init__(self):
        super().__init__()
        self.workers = create_Concs(Worker, LocType=LocType.PerEnv)
        many = arrays()
        self.workers += create_Concs(Worker, many, named=many[-1], LocType=LocType.EnvId, LocVal=1)

    def names(self):
        return self.workers

    def between(self):
        """From one Env to another, and back."""
        given = self.workers[1].give_all(SIZES).Ret
        return self.workers[1].listed(given).Ret + [aligned(array) for array in given]


def check(service):
    wrong = []

    def all_true(what, found):
        if not found or not all(found):
            wrong.append('{}: {}'.format(what, [index for index, well in enumerate(found) if not well]))

    many = arrays()
    names = service.names().Ret
    all_true('init', names[2].made_well().Ret)
    all_true('between', service.between().Ret)
    for name in names[1:2]:
        all_true('alone', [name.one(array).Ret for array in many])
        all_true('list', name.listed(many).Ret)
        all_true('reversed', name.listed(many[::-1]).Ret)
        all_true('several', name.several(*many, x=many[3], y=many[-1]).Ret)
        all_true('deep', name.deep({'a': [many[-2]], 'b': Holder(many[-3])}).Ret)
        all_true('result', [aligned(name.give(size).Ret) for size in SIZES if size % 8 == 0])
        all_true('results', [aligned(array) for array in name.give_all(SIZES).Ret])
    return wrong


def main():
    cells = [(transport, 'auto') for transport in TRANSPORTS + OTHERS] + [('unix', 'pickle')]
    if importlib.util.find_spec('cloudpickle') is not None:
        cells.append(('tcp', 'cloudpickle'))
    wrong, missing = [], []
    for transport, serializer in cells:
        with room(transport):
            try:
                service = create_Corps(Service, Transport=transport, Serializer=serializer, ConfigDicts=[{'NumEnvs': 2}])
            except ValueError as error:
                assert transport in OTHERS, error
                missing.append('{}: {}'.format(transport, str(error)[:80]))
                continue
            with service:
                wrong += ['{} {}: {}'.format(transport, serializer, text) for text in check(service)]
    assert not wrong, '\n'.join(wrong)
    if missing:
        print('note: not built: ' + '; '.join(missing))
    print('OK')


if __name__ == '__main__':
    main()
