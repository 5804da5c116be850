# expect-stdout: OK
# needs: numpy
"""Arrays and memoryviews of one memory, in one message, are of one memory there too; what shares nothing is sent as it is."""

import array

import numpy as np
from numpy.lib.stride_tricks import as_strided

from corps import Corps, create_Corps


class Thing:
    pass


class Service(Corps):
    def write(self, things, at, value):
        """Writes through the first, tells what all hold then."""
        things[0][at] = value
        return [np.asarray(thing).tolist() for thing in things]

    def attributes(self, thing):
        thing.whole[1] = 8
        return float(thing.part[0])

    def back(self, things):
        return things


def structured():
    whole = np.zeros(3, dtype=[('a', 'i4'), ('b', 'f8')])
    return [whole['b'][1:], whole, whole['a']]


def read_only(whole):
    view = whole[1:]
    view.flags.writeable = False
    return view


def given():
    """(what is sent, where the first is written, what with)"""
    objects = np.array([None, [1], 'x'], dtype=object)
    dates = np.array(['2026-01-01', '2026-01-02'], dtype='M8[D]')
    whole, large, data = np.zeros(6), np.zeros((64, 64)), bytearray(40)
    yield 'an array and its part', [whole, whole[1:3]], 1, 5
    yield 'the part first', [whole[1:3], whole], 0, 6
    yield 'two parts that overlap', [whole[:3], whole[2:5]], 2, 7
    yield 'turned, backwards, stepped', [whole.reshape(2, 3).T, whole[::-1], whole[::2], whole.view('i8')], (0, 0), 8
    yield 'rows and columns', [large, large[1], large[:, 2], large[:, ::-1], large.T], (1, 2), 9
    yield 'columns that overlap', [large[:, 0], large[::2, 0], large[:, 1]], 0, 10
    yield 'Fortran order', [np.asfortranarray(large), large], (0, 0), 11
    yield 'fields', structured(), 0, 12
    yield 'objects', [objects[1:], objects, objects[::-1]], 0, 13
    yield 'dates', [dates, dates[1:]], 1, np.datetime64('2020-02-02')
    yield 'one may not be written', [whole, read_only(whole)], 1, 14
    yield 'windows', [whole, as_strided(whole, (4, 3), (8, 8))], 2, 15
    yield 'a bytearray', [data, memoryview(data)[3:9], np.frombuffer(data, 'u1')[4:]], 5, 16
    yield 'memoryviews alone', [memoryview(data)[2:20], memoryview(data)[30:4:-2], memoryview(data)[8:16].cast('H')], 6, 17
    yield 'an array.array', [memoryview(array.array('d', [1, 2, 3]))[1:]] * 2, 0, 18
    yield 'memoryview of an array', [memoryview(whole), whole[2:]], 3, 7.0
    yield 'nothing', [np.zeros(1), np.zeros(0), whole[:0], whole[3:3]], 0, 19


def main():
    with create_Corps(Service, NumEnvs=1) as service:
        for what, things, at, value in given():
            there = service.write(things, at, value).Ret
            before = [np.array(thing).tolist() for thing in things]
            things[0][at] = value
            assert there == [np.asarray(thing).tolist() for thing in things] != before, (what, there)
        thing = Thing()
        thing.whole = np.zeros(4)
        thing.part = thing.whole[1:]
        assert service.attributes(thing).Ret == 8
        back = service.back([thing.whole, thing.part, read_only(thing.whole), np.matrix(thing.whole, copy=False)]).Ret
        back[0][2] = 3
        assert back[1][1] == back[2][1] == back[3][0, 2] == 3 and not back[2].flags.writeable and back[1].flags.writeable
        assert type(back[3]) is np.matrix
        apart = service.back([thing.whole[:2], thing.whole[2:]]).Ret
        assert not np.shares_memory(*(part.base if part.base is not None else part for part in apart))
        columns = np.zeros((1000, 1000))
        assert [column.tolist() for column in service.back([columns[:, 0], columns[:, 1]]).Ret] == [[0] * 1000] * 2
        again = service.back(service.back([thing.whole, thing.part]).Ret).Ret
        again[1][0] = 11
        assert again[0][1] == 11
    print('OK')


if __name__ == '__main__':
    main()
