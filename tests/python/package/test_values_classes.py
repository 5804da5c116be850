# expect-stdout: OK
"""Classes, enums and functions made at run time: what holds methods of its own class, enums with constructors, hooks of
bases that must not run again, annotations, registrations of copyreg."""

import copyreg
import functools
import sys
import typing

from corps import Corps, create_Corps

SOURCE = '''
from __future__ import annotations
import abc, enum, functools, typing
from decimal import Decimal

class Bound:
    @classmethod
    def f(cls): return cls
    def g(self, n=1): return n
Bound.table = {'f': Bound.f, 'partial': functools.partial(Bound.f)}
Bound.g.__defaults__ = (Bound.f,)
Bound.first = Bound()
Bound.held = Bound.first.g
class Below(Bound):
    pass
Below.own = Below.f

class Coded(enum.Enum):
    A = ('a', 'first'); B = ('b', 'second')
    def __new__(cls, code, text):
        made = object.__new__(cls); made._value_ = code; made.text = text; return made
class Status(enum.IntEnum):
    OK = (200, 'fine'); SAME = (200, 'fine')
    def __new__(cls, value, phrase):
        made = int.__new__(cls, value); made._value_ = value; made.phrase = phrase; return made
class Word(str, enum.Enum):
    X = ('x', 1)
    def __new__(cls, text, n):
        made = str.__new__(cls, text + '!'); made._value_ = text; made.n = n; return made
class Planet(enum.Enum):
    EARTH = (1.0, 2.0)
    def __init__(self, mass, radius): self.mass, self.radius = mass, radius
    def area(self): return self.radius ** 2
class Base(enum.Enum):
    def __new__(cls, n): made = object.__new__(cls); made._value_ = n + 1; return made
class Derived(Base):
    P = 1
class Flag(enum.Flag):
    A = 1; B = 2
Flag.A.note = 'x'
class Tuples(tuple, enum.Enum):
    Q = (1, 2)
if hasattr(enum, 'KEEP'):
    class Keep(enum.Flag, boundary=enum.KEEP):
        A = 1

class Plain:
    seen = []
    def __init_subclass__(cls, **k): super().__init_subclass__(**k); Plain.seen.append(cls.__name__)
class Abstract(abc.ABC):
    seen = []
    def __init_subclass__(cls, *, key, **k): super().__init_subclass__(**k); Abstract.seen.append((cls.__name__, key))
class Generic(typing.Generic[typing.TypeVar('T')]):
    seen = []
    def __init_subclass__(cls, **k): super().__init_subclass__(**k); Generic.seen.append(cls.__name__)
class OfPlain(Plain): pass
class OfAbstract(Abstract, key=5): pass
class OfGeneric(Generic[int]): pass

def annotated(a: Bound, b: Decimal) -> list: return 1
'''

CHECKS = {
    'Bound': "x.f() is x and x.table['f']() is x and x.table['partial']() is x and x().g()() is x and x.held.__self__ is x.first "
             "and x.table['f'] == x.f",
    'Below': "x.own() is x and x.f() is x and x.own == x.f",
    'Coded': "x('a').text == 'first' and x.B.value == 'b' and len(x) == 2",
    'Status': "x(200).phrase == 'fine' and x.OK == 200 and x.SAME is x.OK and list(x) == [x.OK]",
    'Word': "x('x').n == 1 and x.X == 'x!' and x.X.value == 'x'",
    'Planet': "x.EARTH.area() == 4.0 and x((1.0, 2.0)) is x.EARTH",
    'Derived': "x.P.value == 2 and x(2) is x.P and isinstance(x.P, x.__bases__[0])",
    'Flag': "x.A.note == 'x' and (x.A | x.B).value == 3",
    'Tuples': "x.Q == (1, 2) and x((1, 2)) is x.Q",
    'Keep': "x(8).value == 8",
    'OfPlain': "x.seen == ['OfPlain'] and x.__bases__[0].__name__ == 'Plain'",
    'OfAbstract': "x.seen == [('OfAbstract', 5)] and x.__bases__[0].__name__ == 'Abstract' and len(x.__mro__) == 4",
    'OfGeneric': "x.seen == ['OfGeneric'] and x.__orig_bases__[0].__args__ == (int,)",
    'annotated': "typing.get_type_hints(x)['a'].__name__ == 'Bound' and typing.get_type_hints(x)['return'] is list",
}


class Registered(Exception):
    """copyreg is told how it travels."""


class Service(Corps):
    def look(self, thing, expression):
        return eval(expression, {'x': thing, 'typing': typing})

    def back(self, thing):
        return thing


def check_classes(service, names):
    for name, expression in CHECKS.items():
        if name not in names:
            continue  # this Python has no such thing
        assert service.look(names[name], expression).Ret is True, (name, expression)
        came = service.back(names[name]).Ret
        assert name == 'annotated' or came is names[name], name
        assert eval(expression, {'x': came, 'typing': typing}), name


def check_functions(service):
    if sys.version_info >= (3, 10):  # before, a key shows its function to nobody
        key = service.back(functools.cmp_to_key(lambda x, y: y - x)).Ret
        assert sorted([1, 3, 2], key=key) == [3, 2, 1]
        assert service.back(key(5)).Ret.obj == 5
    raw = dict.__dict__['fromkeys']
    assert service.back(raw).Ret is raw
    copyreg.pickle(Registered, lambda error: (KeyError, ('registered',)))
    copyreg.pickle(memoryview, lambda view: (bytes, (view.tobytes(),)))
    assert repr(service.back(Registered()).Ret) == "KeyError('registered')" and service.back(memoryview(b'abc')).Ret == b'abc'


def main():
    names = {'__name__': 'made_at_run_time'}
    exec(compile(SOURCE, '<made>', 'exec'), names)
    for name, expression in CHECKS.items():
        assert name not in names or eval(expression, {'x': names[name], 'typing': typing}), name
    with create_Corps(Service, ConfigDicts=[{'NumEnvs': 1}], Serializer='auto') as service:
        check_classes(service, names)
        check_functions(service)
    print('OK')


if __name__ == '__main__':
    main()
