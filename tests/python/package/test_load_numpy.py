# needs: numpy
"""Arrays as arguments and results: kinds, shapes, several at once, changed by the receiver, of 16 MiB."""

import numpy

from corps import Conc, Corps, LocType, create_Concs, create_Corps


class Worker(Conc):
    def back(self, thing):
        return thing

    def double(self, array):
        array *= 2                  # what has come from another process is the receiver's own
        return array, float(array.sum())


class Service(Corps):
    def __init__(self):
        super().__init__()
        self.worker, = create_Concs(Worker, LocType=LocType.EnvId, LocVal=1)

    def name(self):
        return self.worker

    def inside(self):
        array = numpy.arange(100000.0)
        got, total = self.worker.double(array).Ret
        return bool((got == 2 * array).all()), total == 2 * array.sum(), array[1]


def check(serializer):
    with create_Corps(Service, Serializer=serializer, ConfigDicts=[{'NumEnvs': 2}]) as service:
        worker = service.name().Ret
        big = numpy.arange(2 ** 21, dtype='f8')
        for array in (numpy.arange(5), numpy.zeros((300, 200), order='F'), numpy.array(['a', 'bc']), numpy.float32(2.5),
                      numpy.arange(60000)[::3], numpy.zeros((0, 3)), numpy.array([True, None], dtype=object), big):
            got = worker.back(array).Ret
            assert type(got) is type(array) and got.dtype == array.dtype and numpy.array_equal(got, array), array
        got = worker.back({'a': [big, big], 'b': numpy.arange(3)}).Ret
        assert (got['a'][1] == big).all() and list(got['b']) == [0, 1, 2]
        got, total = worker.double(big).Ret
        assert big[1] == 1 and got[1] == 2 and total == 2 * big.sum()
        got[0] = 7
        assert service.inside().Ret == (True, True, 1.0)


def main():
    for serializer in ('auto', 'pickle'):
        check(serializer)
    print('OK')


if __name__ == '__main__':
    main()
