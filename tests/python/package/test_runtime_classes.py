# needs: cloudpickle
"""Classes made while the program runs (in functions, by decorators, by type()) as Workers, arguments and results."""

import collections
import dataclasses
import enum

from corps import Conc, Corps, Future, LocType, create_Concs, create_Corps


def counted(cls):
    """A decorator that gives another class of the same name."""
    class Counted(cls):
        calls = 0

        def count(self):
            type(self).calls += 1
            return type(self).calls

    Counted.__name__ = cls.__name__
    Counted.__qualname__ = cls.__qualname__
    return Counted


@counted
class Decorated(Conc):
    def hello(self):
        return 'hello'


def make_classes(factor):
    class Local(Conc):
        Limit = factor

        def __init__(self, begin=0):
            super().__init__()
            self.begin = begin

        def times(self, n):
            return factor * n + self.begin

        @property
        def limit(self):
            return self.Limit

        def me(self):
            return self.my_Name()

        def same(self, thing):
            return isinstance(thing, Point), type(thing) is Point, thing == Point(1, 2)

    Point = collections.namedtuple('Point', 'x y')
    return Local, Point


def local_types():
    class Color(enum.Enum):
        RED = 1

    @dataclasses.dataclass
    class Item:
        name: str
        color: Color

    return Color, Item


class Service(Corps):
    def create(self, cls, *args):
        self.made = create_Concs(cls, *args, LocType=LocType.PerEnv)
        return self.made

    def inside(self):
        local, _ = make_classes(7)
        worker, = create_Concs(local, LocType=LocType.EnvId, LocVal=1)
        return worker.times(3).Ret, worker.limit, worker.me().Ret == worker

    def back(self, *things):
        return things


def value_of(read):
    """What was read through a Name: of a class that is not known here it is a Future."""
    return read.Ret if isinstance(read, Future) else read


def check_local(service):
    local, point = make_classes(5)
    near, far = service.create(local, 100).Ret
    for worker in near, far:
        assert worker.times(2).Ret == 110 and worker.begin.Ret == 100
        assert value_of(worker.limit) == 5 and value_of(worker.Limit) == 5
        assert worker.me().Ret == worker and worker.me().Ret.times(1).Ret == 105
        assert worker.same(point(1, 2)).Ret[0] in (True, False)
    other, _ = make_classes(6)                  # another class of the same name: both go on to work
    worker = service.create(other).Ret[1]
    assert worker.times(2).Ret == 12 and far.times(2).Ret == 110


def check_values(service):
    color, item = local_types()
    sent = item('a', color.RED), color.RED, [color, item]
    got = service.back(*sent).Ret
    assert got[0].name == 'a' and got[1].name == 'RED' and got[1].value == 1
    assert got[0] == sent[0] and got[1] is color.RED and got[2] == [color, item], got


def main():
    with create_Corps(Service, ConfigDicts=[{'NumEnvs': 2}]) as service:
        check_local(service)
        check_values(service)
        assert service.inside().Ret == (21, 7, True)
        for worker in service.create(Decorated).Ret:
            assert worker.hello().Ret == 'hello' and [worker.count().Ret, worker.count().Ret] == [1, 2]
        made = type('Made', (Conc,), {'value': lambda self: 'made'})
        assert [worker.value().Ret for worker in service.create(made).Ret] == ['made', 'made']
    print('OK')


if __name__ == '__main__':
    main()
