"""What users of other libraries reported as not coming back whole, in our own words: classes and their kin, exceptions."""

# case: NamedTuple made in a function
import typing

def build():
    class Row(typing.NamedTuple):
        """A row."""
        key: str
        count: int = 3

        @property
        def twice(self):
            return 2 * self.count
    return Row

def make():
    row = build()
    return row, row('a'), row._make(['b', 4])

def check(three):
    cls, first, second = three
    if type(first) is not cls or type(second) is not cls:
        return 'identity: two classes instead of one'
    if (first.twice, second.twice, first._asdict()) != (6, 8, {'key': 'a', 'count': 3}):
        return 'value: other fields'
    return (cls.__doc__, cls._field_defaults, cls._fields) == ('A row.', {'count': 3}, ('key', 'count')) or 'state: other defaults'

# case: flags with aliases and combinations
import enum

class Access(enum.Flag):
    READ = 1
    WRITE = 2
    BOTH = READ | WRITE
    EXEC = 4
    LOOK = 1

def make():
    return Access.LOOK, Access.READ | Access.EXEC, Access.BOTH, Access

def check(four):
    look, some, both, cls = four
    if look is not cls.READ or both is not cls.READ | cls.WRITE:
        return 'identity: other members'
    if some & cls.WRITE or not some & cls.EXEC:
        return 'value: another combination'
    return list(cls.__members__) == ['READ', 'WRITE', 'BOTH', 'EXEC', 'LOOK'] or 'state: other names'

# case: dataclass with everything | since: 3.11
import dataclasses
import weakref

@dataclasses.dataclass(slots=True, weakref_slot=True, kw_only=True, order=True)
class Item:
    name: str
    tags: list = dataclasses.field(default_factory=list, compare=False)
    hidden: int = dataclasses.field(default=5, repr=False, metadata={'unit': 's'})

def make():
    return Item(name='a', tags=['x']), Item(name='b')

def check(pair):
    import dataclasses
    import weakref
    a, b = pair
    if not (a < b and repr(a).endswith("Item(name='a', tags=['x'])") and weakref.ref(a)() is a):
        return 'behaviour: not as declared'
    if type(a)(name='c').tags != [] or hasattr(a, '__dict__'):
        return 'state: other defaults'
    return dataclasses.fields(a)[2].metadata['unit'] == 's' and dataclasses.replace(a, name='z').tags == ['x'] or 'state: other fields'

# case: frozen dataclass with slots that is a key | since: 3.10
import dataclasses

@dataclasses.dataclass(frozen=True, slots=True)
class Key:
    a: int
    b: tuple = ()

def make():
    return {Key(1): 'one', Key(2, (Key(3),)): 'two'}

def check(found):
    cls = type(next(iter(found)))
    if found[cls(1)] != 'one' or found[cls(2, (cls(3),))] != 'two':
        return 'value: other keys'
    try:
        next(iter(found)).a = 5
    except Exception:
        return True
    return 'behaviour: it can be changed'

# case: single dispatch with annotations
import functools

@functools.singledispatch
def show(value):
    return 'other'

@show.register
def _(value: int):
    return 'int'

@show.register(list)
def _(value):
    return 'list of ' + show(value[0])

class Mine:
    pass

@show.register
def _(value: Mine):
    return 'mine'

def make():
    return show, Mine()

def check(pair):
    show, mine = pair
    if [show(1), show([1]), show('a'), show(mine)] != ['int', 'list of int', 'other', 'mine']:
        return 'behaviour: %r' % [show(1), show([1]), show('a'), show(mine)]
    return show.dispatch(bool)(True) == 'int' or 'behaviour: bool is another'

# case: cached_property not read yet and its cache
import functools

class Slow:
    runs = 0

    @functools.cached_property
    def value(self):
        type(self).runs += 1
        return [self]

def make():
    read, fresh = Slow(), Slow()
    read.value
    return read, fresh

def check(pair):
    read, fresh = pair
    before = type(read).runs
    if read.value[0] is not read or type(read).runs != before:
        return 'state: computed again'
    return fresh.value[0] is fresh and type(read).runs == before + 1 and 'value' in vars(fresh) or 'behaviour: it keeps nothing'

# case: generic class of two parameters
import typing

K, V = typing.TypeVar('K'), typing.TypeVar('V')

class Table(typing.Generic[K, V]):
    def __init__(self):
        self.rows = {}

class Named(Table[str, V]):
    pass

def make():
    return Named[int](), Named, Table[int, str]

def check(three):
    import typing
    made, named, alias = three
    if not isinstance(made, alias.__origin__) or made.__orig_class__ != named[int]:
        return 'type: another class'
    return typing.get_args(alias) == (int, str) and len(named.__parameters__) == 1 or 'state: other parameters'

# case: ParamSpec and Concatenate | since: 3.10
import typing

P = typing.ParamSpec('P')
R = typing.TypeVar('R')

def logged(function: typing.Callable[P, R]) -> typing.Callable[typing.Concatenate[int, P], R]:
    def wrapper(level: int, *args: P.args, **kwargs: P.kwargs) -> R:
        return level, function(*args, **kwargs)
    return wrapper

def make():
    return logged(max), logged, P

def check(three):
    import typing
    wrapper, logged, p = three
    if wrapper(2, 5, 7) != (2, 7):
        return 'behaviour: another result'
    hints = typing.get_type_hints(logged)
    return hints['function'].__args__[0] is p or 'identity: another parameter'

# case: abstract class with a virtual subclass and a hook
import abc

class Shape(abc.ABC):
    @abc.abstractmethod
    def area(self):
        pass

    @classmethod
    def __subclasshook__(cls, other):
        return True if hasattr(other, 'covers') else NotImplemented

class Square(Shape):
    def area(self):
        return 4

class Odd:
    pass

class Covering:
    covers = True

Shape.register(Odd)

def make():
    return Shape, Square(), Odd(), Covering()

def check(four):
    shape, square, odd, covering = four
    if not isinstance(odd, shape) or not isinstance(covering, shape) or square.area() != 4:
        return 'type: no subclass'
    try:
        shape()
    except TypeError:
        return True
    return 'behaviour: not abstract'

# case: dictionaries of weak references
import weakref

class Node:
    pass

def make():
    a, b = Node(), Node()
    return a, b, weakref.WeakKeyDictionary({a: 'a', b: 'b'}), weakref.WeakValueDictionary({'a': a, 'b': b}), weakref.WeakSet([a])

def check(five):
    a, b, by_key, by_value, some = five
    if by_key[a] != 'a' or by_value['b'] is not b or a not in some or b in some:
        return 'value: other items'
    by_key[check], by_value['some'] = 'other', some
    return len(by_key) == len(by_value) == 3 or 'behaviour: it takes no more'

# case: regular expressions with flags
import re

def make():
    return re.compile('^A.(?P<x>b+)$ # x', re.I | re.X | re.M | re.S), re.compile(b'a'), re.I | re.M

def check(three):
    import re
    text, octets, flags = three
    if text.match('a\nBB')['x'] != 'BB' or text.flags & re.X == 0 or not octets.match(b'a'):
        return 'behaviour: matches otherwise'
    return flags == re.I | re.M and isinstance(flags, re.RegexFlag) or 'type: other flags'

# case: zones | data | since: 3.9
def make():
    import datetime
    import zoneinfo
    zone = zoneinfo.ZoneInfo('UTC')
    return zone, datetime.datetime(2026, 10, 25, 2, 30, tzinfo=zone, fold=1)

def check(pair):
    zone, moment = pair
    if moment.fold != 1 or moment.tzinfo is not zone:
        return 'state: fold or zone is another'
    import zoneinfo
    return zone is zoneinfo.ZoneInfo('UTC') or 'identity: another zone'

# case: decimal context | data
def make():
    import decimal
    context = decimal.Context(prec=7, rounding=decimal.ROUND_DOWN, Emin=-99, traps=[decimal.Inexact])
    context.flags[decimal.Rounded] = True
    return context

def check(context):
    import decimal
    if (context.prec, context.rounding, context.Emin) != (7, decimal.ROUND_DOWN, -99):
        return 'value: other settings'
    return context.traps[decimal.Inexact] and not context.traps[decimal.Overflow] and context.flags[decimal.Rounded] or 'state: other traps'

# case: subclass of a path
import pathlib

class Place(type(pathlib.Path())):
    def shout(self):
        return str(self).upper()

def make():
    return Place('/a') / 'b', pathlib.PurePosixPath('/c') / 'd'

def check(pair):
    place, pure = pair
    if str(place) != '/a/b' or str(pure) != '/c/d':
        return 'value: another path'
    return place.shout() == '/A/B' and (place / 'c').shout() == '/A/B/C' or 'type: another class'

# case: namespaces in a circle | data
def make():
    import types
    a = types.SimpleNamespace(name='a')
    a.other = types.SimpleNamespace(name='b', other=a)
    return a

def check(a):
    return a.other.other is a and a.other.name == 'b' or 'identity: no circle'

# case: iterators half way | data
def make():
    import itertools
    count, cycle = itertools.count(5, 2), itertools.cycle('abc')
    next(count), next(cycle)
    text, items = iter('hello'), iter([1, 2, 3])
    next(text), next(items)
    sums = itertools.accumulate([1, 2, 3, 4])
    next(sums)
    return count, cycle, text, items, sums, iter({1: 2}.items()), itertools.repeat('x', 2)

def check(seven):
    count, cycle, text, items, sums, pairs, repeat = seven
    found = next(count), next(cycle), ''.join(text), list(items), list(sums), list(pairs), list(repeat)
    return found == (7, 'b', 'ello', [2, 3], [3, 6, 10], [(1, 2)], ['x', 'x']) or 'state: %r' % (found,)

# case: property over a closure
def make_class(unit):
    total = [0]

    def get(self):
        total[0] += 1
        return self.raw * unit

    def put(self, value):
        self.raw = value / unit

    class Scaled:
        value = property(get, put, doc='scaled')
        seen = property(lambda self: total[0])
    return Scaled

def make():
    made = make_class(10)()
    made.value = 50
    return made

def check(x):
    if x.value != 50 or x.seen != 1 or type(x).value.__doc__ != 'scaled':
        return 'behaviour: another value'
    x.value = 70
    return x.raw == 7 or 'behaviour: the setter does otherwise'

# case: descriptors that learnt their names
class Field:
    names = []

    def __set_name__(self, owner, name):
        self.name = name
        self.names.append((owner.__name__, name))

    def __get__(self, thing, owner=None):
        return self if thing is None else thing.__dict__.get(self.name, 'unset')

    def __set__(self, thing, value):
        thing.__dict__[self.name] = value

class Form:
    a = Field()
    b = Field()

def make():
    form = Form()
    form.a = 5
    return form, Form

def check(pair):
    form, cls = pair
    if (form.a, form.b, cls.a.name) != (5, 'unset', 'a'):
        return 'value: other fields'
    return cls.a.names == [('Form', 'a'), ('Form', 'b')] or 'behaviour: names were set again'

# case: metaclass with a __prepare__
class Counting(dict):
    def __setitem__(self, key, value):
        super().__setitem__('order', self.get('order', []) + [key])
        super().__setitem__(key, value)

class Meta(type):
    @classmethod
    def __prepare__(mcs, name, bases, **options):
        return Counting(options=options)

    def __new__(mcs, name, bases, namespace, **options):
        made = super().__new__(mcs, name, bases, dict(namespace))
        made.made = getattr(made, 'made', 0) + 1
        return made

    def __init__(cls, name, bases, namespace, **options):
        super().__init__(name, bases, namespace)

class Model(metaclass=Meta, table='t'):
    z = 1
    a = 2

def make():
    return Model, Model()

def check(pair):
    cls, made = pair
    if type(made) is not cls or type(cls).__name__ != 'Meta':
        return 'type: another metaclass'
    names = [name for name in cls.order if not name.startswith('__')]
    return (names, cls.options, cls.made) == (['z', 'a'], {'table': 't'}, 1) or 'state: %r' % ((names, cls.options, cls.made),)

# case: class with __class_getitem__ and an alias of it
class Box:
    def __class_getitem__(cls, item):
        return cls, item

    def __init_subclass__(cls, size=1, **rest):
        super().__init_subclass__(**rest)
        cls.size = size

class Big(Box, size=9):
    pass

def make():
    return Box, Big, Box[3]

def check(three):
    box, big, item = three
    return item == (box, 3) and big[4] == (big, 4) and big.size == 9 or 'behaviour: another item'

# case: slots inherited with a state of its own
class Base:
    __slots__ = ('a', '__weakref__')

class Derived(Base):
    __slots__ = ('b', '_hidden')

    def __init__(self):
        self.a, self.b, self._hidden = 1, 2, 3

    def __getstate__(self):
        return {'a': self.a, 'b': self.b}

    def __setstate__(self, state):
        for name, value in state.items():
            setattr(self, name, value * 10)
        self._hidden = 'set'

def make():
    return Derived()

def check(x):
    return (x.a, x.b, x._hidden) == (10, 20, 'set') or 'state: %r' % ((x.a, x.b, x._hidden),)

# case: exceptions whose causes go in a circle
class Failed(Exception):
    def __init__(self, code, *, detail):
        super().__init__('failed with %d' % code)
        self.code, self.detail = code, detail

def make():
    a, b = Failed(1, detail='x'), Failed(2, detail='y')
    a.__cause__, b.__cause__ = b, a
    a.__suppress_context__ = True
    return a

def check(a):
    b = a.__cause__
    if b.__cause__ is not a:
        return 'identity: no circle'
    return (a.code, b.detail, str(b), a.__suppress_context__) == (1, 'y', 'failed with 2', True) or 'state: other fields'

# case: exception group of a class of its own | since: 3.11
class Errors(ExceptionGroup):
    def __new__(cls, message, errors, code=0):
        made = super().__new__(cls, message, errors)
        made.code = code
        return made

    def derive(self, errors):
        return Errors(self.message, errors, self.code)

def make():
    group = Errors('many', [ValueError('v'), Errors('inner', [KeyError('k')], 7)], 5)
    group.add_note('a note')
    return group

def check(group):
    part = group.subgroup(KeyError)
    if type(part) is not type(group) or part.code != 5 or part.exceptions[0].code != 7:
        return 'behaviour: another part'
    rest = group.split(ValueError)[1]
    return group.__notes__ == ['a note'] and len(rest.exceptions) == 1 or 'state: no note'

# case: class that grows while it is looked at
class Looking:
    @property
    def __class__(self):
        setattr(Grows, 'seen_%d' % len(vars(Grows)), True)
        return Looking

class Grows:
    first, second = Looking(), Looking()

    def get(self):
        return 7

def make():
    return Grows

def check(cls):
    return cls().get() == 7 or 'behaviour: no method'

# case: annotations that name what is defined later | since: 3.14
class Early:
    x: Later
    y: int

    def method(self, other: Later) -> 'Early':
        return other

def make():
    return Early

def check(cls):
    if cls.__annotations__ != {'x': 'Later', 'y': 'int'}:
        return 'state: %r' % (cls.__annotations__,)
    return cls.method.__annotations__ == {'other': 'Later', 'return': 'Early'} or 'state: of a method'
