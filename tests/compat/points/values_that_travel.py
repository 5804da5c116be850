"""Functions, builtins, classes, compiled expressions, exceptions, None and more travel both ways."""

import collections
import datetime
import math
import re

from Workers import create_Corps
from team import Team, Worker

Pair = collections.namedtuple('Pair', 'left right')


def triple(x):
    return 3 * x


class Instance:

    def __init__(self, x):
        self.x = x

    def __eq__(self, other):
        return type(self).__name__ == type(other).__name__ and self.x == other.x


THINGS = [None, True, 0, -2 ** 70, 1.5, math.inf, 'text \u20ac', b'bytes', (), [], {}, {1, 2}, frozenset('ab'), 1j,
          range(3), sum, len, math.sqrt, Instance([1]), Worker, Team, dict, ValueError,
          re.compile('a+', re.IGNORECASE), Ellipsis, NotImplemented, Pair(1, 2), datetime.timedelta(1),
          collections.OrderedDict(a=1), bytearray(b'x'), {'nested': [({1: None},)]}]


class ThingsTeam(Team):

    def apply(self, function, *args):
        return function(*args)

    def by_workers(self, thing):
        return [worker.echo(thing).Ret for worker in self.workers]

    def check_here(self):
        return [worker.echo(THINGS).Ret == THINGS for worker in self.workers]


if __name__ == '__main__':
    corps = create_Corps(ThingsTeam, ConfigDicts=[{'NumEnvs': 2}])
    for thing in THINGS:
        assert corps.echo(thing).Ret == thing, thing
        assert corps.by_workers([thing]).Ret == [[thing]] * 2, thing
    assert corps.check_here().Ret == [True, True]
    error = corps.echo(KeyError('key', 2)).Ret
    assert type(error) is KeyError and error.args == ('key', 2)
    assert corps.apply(triple, 4).Ret == 12
    assert corps.apply(sum, [1, 2, 3]).Ret == 6
    assert corps.apply(Instance, 5).Ret == Instance(5)
    assert corps.echo(triple).Ret(2) == 6
    assert corps.echo(Instance).Ret(3).x == 3
    corps.exit()
    print('OK')
