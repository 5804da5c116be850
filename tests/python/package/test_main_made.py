"""Classes of the main program that no statement names: made by loops, exec, setattr, global, match, factories. They are the Envs' own too."""

import ast
import collections
import dataclasses
import enum
import sys

from corps import Conc, Corps, _main, create_Concs, create_Corps

for name in 'Red', 'Green':
    globals()[name] = type(name, (), {'title': name, 'get': lambda self: self.title, '__module__': '__main__'})

exec('class Executed:\n    def get(self):\n        return 1\n')


class Equal(type):
    """A metaclass whose classes have no hash."""

    def __eq__(cls, other):
        return type.__eq__(cls, other)


class Odd(metaclass=Equal):
    pass


class Base:
    def get(self):
        return 2


setattr(sys.modules[__name__], 'Set', type('Set', (Base,), {'__module__': '__main__'}))


def make():
    global Global

    class Global:
        def get(self):
            return Global, Executed

    Global.__qualname__ = 'Global'


make()
if (Walrus := type('Walrus', (), {'__module__': '__main__'})):
    pass
globals()['Number'] = enum.Enum('Number', 'ONE TWO', module='__main__')
exec('Pair = collections.namedtuple("Pair", "a b")')
globals().update(Data=dataclasses.make_dataclass('Data', ['x'], namespace={'__module__': '__main__'}))
with open(__file__):
    class With:
        pass
try:
    raise ValueError
except ValueError:
    class Excepted:
        pass
while True:
    class While:
        pass
    break
THINGS = {'Red': (), 'Green': (), 'Executed': (), 'Set': (), 'Global': (), 'Walrus': (), 'Number': (1,), 'Pair': (1, 2), 'Data': (3,),
          'With': (), 'Excepted': (), 'While': ()}


class Worker(Conc):
    def same(self, name, cls, thing):
        own = globals()[name]
        return own is cls, isinstance(thing, own)

    def give(self, name):
        return globals()[name]


class Service(Corps):
    def __init__(self):
        super().__init__()
        self.worker = create_Concs(Worker)[0]

    def names(self):
        return self.worker


def matched():
    """match is no syntax of older Pythons."""
    if sys.version_info < (3, 10):
        return True
    text = 'match 3:\n    case 3:\n        class Matched: pass\n    case [a, *b]:\n        x = 1\n'
    return set(_main._bound(ast.parse(text).body)) >= {'Matched', 'x'}


def main():
    assert matched()
    Late = type('Late', (), {'__module__': '__main__', 'n': 1})
    globals()['Late'] = Late  # no Env has it
    with create_Corps(Service, ConfigDicts=[{'NumEnvs': 1}]) as service:
        worker = service.names().Ret
        for name, args in THINGS.items():
            cls = globals()[name]
            assert worker.same(name, cls, cls(*args)).Ret == (True, True), name
            assert worker.give(name).Ret is cls, name
        assert worker.same('Odd', Odd, None).Ret == (True, False)  # pickle refuses its instances
        Red.title = 'changed'
        assert worker.same('Red', Red, Red()).Ret == (True, True)
        assert worker.same('Base', Late, Late()).Ret == (False, False)
    print('OK')


if __name__ == '__main__':
    main()
