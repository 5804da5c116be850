"""Named tuples, enums, data classes, decorated functions, exceptions of the main program as arguments, results."""

import collections
import dataclasses
import enum
import functools

from corps import Conc, Corps, LocType, create_Concs, create_Corps
from helpers import expect

Point = collections.namedtuple('Point', 'x y')


class Color(enum.Enum):
    RED = 1
    BLUE = 'b'


class Bits(enum.IntFlag):
    A = 1
    B = 2


@dataclasses.dataclass(frozen=True)
class Item:
    name: str
    point: Point = Point(0, 0)


class MyError(Exception):
    pass


def logged(function):
    @functools.wraps(function)
    def wrapper(*args):
        return 'logged', function(*args)
    return wrapper


@logged
def twice(n):
    return 2 * n


class Worker(Conc):
    def back(self, *things, **named):
        return (things, named) if named else things

    def check(self, point, color, item):
        return type(point) is Point, color is Color.RED, item == Item('a', Point(1, 2)), isinstance(item, Item)

    def apply(self, function, *args):
        return function(*args)

    @logged
    def decorated(self, n):
        return n + 1

    def wrong(self):
        raise MyError('mine', Color.BLUE)


class Service(Corps):
    def __init__(self):
        super().__init__()
        self.workers = create_Concs(Worker, LocType=LocType.PerEnv)

    def names(self):
        return self.workers

    def through(self):
        return [worker.check(Point(1, 2), Color.RED, Item('a', Point(1, 2))).Ret for worker in self.workers]


def main():
    things = (Point(1, 2), Color.BLUE, Bits.A | Bits.B, Item('x'), Color, Item, twice, MyError)
    with create_Corps(Service, ConfigDicts=[{'NumEnvs': 2}]) as service:
        assert service.through().Ret == [(True,) * 4] * 2
        for worker in service.names().Ret:
            assert worker.check(Point(1, 2), Color.RED, Item('a', Point(1, 2))).Ret == (True,) * 4
            got = worker.back(*things).Ret
            assert got == things and type(got[0]) is Point and got[1] is Color.BLUE and got[6] is twice
            assert worker.back(Point(1, 2), item=Item('k')).Ret == ((Point(1, 2),), {'item': Item('k')})
            assert worker.apply(twice, 4).Ret == ('logged', 8) and worker.apply(Item, 'n').Ret == Item('n')
            assert worker.decorated(1).Ret == ('logged', 2)
            error = expect(MyError, lambda: worker.wrong().Ret)
            assert type(error.Value) is MyError and error.Value.args == ('mine', Color.BLUE)
    print('OK')


if __name__ == '__main__':
    main()
