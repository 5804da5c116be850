"""What users of other libraries reported as not coming back whole, in our own words.

Longer than other files, since it is a list: cases stand alone, and readers look for one by its name.
"""

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

# case: namedtuple with defaults and a subclass
import collections

Point = collections.namedtuple('Point', 'x y z', defaults=(0,))

class Moved(Point):
    __slots__ = ()

    def __new__(cls, x, y):
        return super().__new__(cls, x + 1, y + 1)

def make():
    return Point(1, 2), Moved(1, 2), Moved

def check(three):
    point, moved, cls = three
    if point != (1, 2, 0) or moved != (2, 3, 0) or type(moved) is not cls:
        return 'value: %r' % (three,)
    return cls(5, 5) == (6, 6, 0) and moved._replace(x=9) == (9, 3, 0) or 'behaviour: another constructor'

# case: loggers and handlers
import logging

class Kept(logging.Handler):
    def __init__(self):
        super().__init__(logging.WARNING)
        self.kept = []

    def emit(self, record):
        self.kept.append(self.format(record))

def make():
    handler = Kept()
    handler.setFormatter(logging.Formatter('%(levelname)s %(message)s'))
    return handler, logging.getLogger('coverage.odd')

def check(pair):
    import logging
    handler, logger = pair
    if logger is not logging.getLogger('coverage.odd'):
        return 'identity: another logger'
    handler.handle(logging.LogRecord('n', logging.ERROR, 'p', 1, 'm %s', ('x',), None))
    return handler.kept == ['ERROR m x'] and handler.level == logging.WARNING or 'behaviour: %r' % handler.kept

# case: text and octets in memory, half read | data
def make():
    import io
    text, octets, ended = io.StringIO('hello\nworld', newline='\n'), io.BytesIO(b'hello'), io.StringIO()
    text.readline(), octets.read(2), ended.write('abc')
    return text, octets, ended

def check(three):
    text, octets, ended = three
    if text.read() != 'world' or octets.read() != b'llo':
        return 'state: another position'
    ended.write('d')
    return ended.getvalue() == 'abcd' or 'state: another position at the end'

# case: subclass of StringIO
import io

class Log(io.StringIO):
    def __init__(self):
        super().__init__()
        self.lines = 0

    def line(self, text):
        self.lines += 1
        self.write(text + '\n')

def make():
    log = Log()
    log.line('a')
    return log

def check(log):
    log.line('b')
    return (log.lines, log.getvalue()) == (2, 'a\nb\n') or 'state: %r' % ((log.lines, log.getvalue()),)

# case: arrays of all kinds | data
def make():
    import array
    return [array.array(kind, [1, 2]) for kind in 'bBhHiIlLqQfd'] + [array.array('u', 'ab')]

def check(arrays):
    if [a.typecode for a in arrays] != list('bBhHiIlLqQfdu'):
        return 'type: other kinds'
    return all(list(a) == [1, 2] for a in arrays[:-1]) and arrays[-1].tounicode() == 'ab' or 'value: other items'

# case: deque with a limit that holds itself
import collections

class Last(collections.deque):
    def __init__(self, *args):
        super().__init__(*args, maxlen=3)
        self.pushed = 0

    def push(self, item):
        self.pushed += 1
        self.append(item)

def make():
    last = Last()
    for item in range(5):
        last.push(item)
    plain = collections.deque([1, 2], maxlen=2)
    plain.append(plain)
    return last, plain

def check(pair):
    last, plain = pair
    last.push(9)
    if list(last) != [3, 4, 9] or last.maxlen != 3 or last.pushed != 6:
        return 'state: %r' % ((list(last), last.maxlen, last.pushed),)
    return plain[1] is plain and plain.maxlen == 2 or 'identity: no circle'

# case: ordered dictionary that was moved
import collections

class Recent(collections.OrderedDict):
    def touch(self, key):
        self.move_to_end(key)

def make():
    recent = Recent(a=1, b=2, c=3)
    recent.touch('a')
    recent.limit = 5
    return recent

def check(recent):
    if list(recent) != ['b', 'c', 'a'] or recent.limit != 5:
        return 'state: another order'
    recent.touch('b')
    return list(recent) == ['c', 'a', 'b'] or 'behaviour: another order'

# case: default dictionaries whose factory is a lambda, a method, and their own like
import collections

class Maker:
    def __init__(self):
        self.made = 0

    def new(self):
        self.made += 1
        return self.made

def tree():
    return collections.defaultdict(tree)

def make():
    start = 7
    maker, root = Maker(), tree()
    root['a']['b']['c'] = 1
    return collections.defaultdict(lambda: [start]), collections.defaultdict(maker.new), maker, root

def check(four):
    by_lambda, by_method, maker, root = four
    if by_lambda['x'] != [7] or by_method['a'] != 1 or maker.made != 1:
        return 'behaviour: other defaults'
    root['x']['y'] = 2
    return root['a']['b']['c'] == 1 and type(root['x']) is type(root) or 'behaviour: no tree'

# case: mapping proxy of a shared dictionary
import types

def make():
    data = {'a': 1}
    return data, types.MappingProxyType(data)

def check(pair):
    data, proxy = pair
    data['b'] = 2
    return dict(proxy) == {'a': 1, 'b': 2} or 'sharing: the proxy shows another dictionary'

# case: chain of shared dictionaries, and a subclass
import collections

class Scopes(collections.ChainMap):
    def push(self):
        return self.new_child({'depth': len(self.maps)})

def make():
    base = {'x': 1}
    return base, Scopes({'y': 2}, base).push()

def check(pair):
    base, scopes = pair
    base['x'] = 5
    if scopes['x'] != 5 or scopes['depth'] != 2:
        return 'sharing: another dictionary'
    return type(scopes.push()) is type(scopes) and type(scopes.parents) is type(scopes) or 'type: another class'

# case: subclasses of UserDict, UserList and UserString
import collections

class Lower(collections.UserDict):
    def __setitem__(self, key, value):
        super().__setitem__(key.lower(), value)

class Sorted(collections.UserList):
    def append(self, item):
        self.data.append(item)
        self.data.sort()

class Loud(collections.UserString):
    def __str__(self):
        return self.data.upper()

def make():
    return Lower({'A': 1}), Sorted([2, 3]), Loud('hi')

def check(three):
    lower, ordered, loud = three
    lower['B'] = 2
    ordered.append(1)
    return (dict(lower), list(ordered), str(loud), loud + 'x' == 'hix') == ({'a': 1, 'b': 2}, [1, 2, 3], 'HI', True) or 'behaviour: otherwise'

# case: partials of partials and partial methods
import functools

class Cell:
    def __init__(self):
        self.alive = False

    def put(self, value, *, note=None):
        self.alive = value
        return note

    on = functools.partialmethod(put, True, note='on')
    off = functools.partialmethod(put, False)

def add(a, b, c):
    return a, b, c

def make():
    cell = Cell()
    partial = functools.partial(functools.partial(add, 1), c=3)
    partial.note = 'kept'
    return cell, cell.on, partial

def check(three):
    cell, on, partial = three
    if on() != 'on' or cell.alive is not True or cell.off() is not None or cell.alive:
        return 'behaviour: another cell'
    return partial(2) == (1, 2, 3) and partial.note == 'kept' or 'state: another partial'

# case: operator getters | data
def make():
    import operator
    return operator.itemgetter(1, -1), operator.attrgetter('real', 'imag.real'), operator.methodcaller('split', ',', maxsplit=1)

def check(three):
    items, attributes, call = three
    return (items('abc'), attributes(1 + 2j), call('a,b,c')) == (('b', 'c'), (1.0, 2.0), ['a', 'b,c']) or 'behaviour: otherwise'

# case: coroutine functions and asynchronous generators
import asyncio
import contextlib
import inspect

async def twice(x):
    await asyncio.sleep(0)
    return 2 * x

async def count(n):
    for i in range(n):
        yield await twice(i)

@contextlib.asynccontextmanager
async def opened(name):
    yield [name]

def make():
    return twice, count, opened

def check(three):
    import asyncio
    import inspect
    twice, count, opened = three

    async def run():
        async with opened('a') as found:
            return found + [i async for i in count(3)]
    if not inspect.iscoroutinefunction(twice) or not inspect.isasyncgenfunction(count):
        return 'type: another kind of function'
    return asyncio.run(run()) == ['a', 0, 2, 4] or 'behaviour: otherwise'

# case: context manager made of a generator
import contextlib

@contextlib.contextmanager
def collecting(into):
    into.append('in')
    try:
        yield into
    finally:
        into.append('out')

class Managed(contextlib.ContextDecorator):
    log = []

    def __enter__(self):
        self.log.append('in')

    def __exit__(self, *error):
        self.log.append('out')

@Managed()
def work():
    return 5

def make():
    return collecting, work, Managed

def check(three):
    collecting, work, managed = three
    with collecting([]) as found:
        pass
    if found != ['in', 'out'] or work() != 5:
        return 'behaviour: otherwise'
    return managed.log == ['in', 'out'] or 'sharing: the function has another class'

# case: total_ordering and a hash of its own
import functools

@functools.total_ordering
class Version:
    def __init__(self, *parts):
        self.parts = parts

    def __eq__(self, other):
        return self.parts == other.parts

    def __lt__(self, other):
        return self.parts < other.parts

    def __hash__(self):
        return hash(self.parts)

def make():
    return {Version(1, 2), Version(1, 10)}, Version

def check(pair):
    found, cls = pair
    return max(found).parts == (1, 10) and cls(1, 2) in found and cls(2) >= cls(1) or 'behaviour: another order'

# case: wrapped functions keep what they wrap
import functools
import inspect

def twice(function):
    @functools.wraps(function)
    def run(*args, **kwargs):
        return function(*args, **kwargs), function(*args, **kwargs)
    run.calls = []
    return run

@twice
def add(a: int, b: int = 2, *, c: int = 3) -> int:
    """Adds."""
    return a + b + c

def make():
    return add

def check(add):
    import inspect
    if add(1) != (6, 6) or add.__wrapped__(1) != 6 or add.__doc__ != 'Adds.' or add.calls != []:
        return 'behaviour: otherwise'
    return str(inspect.signature(add)) == '(a: int, b: int = 2, *, c: int = 3) -> int' or 'state: %s' % inspect.signature(add)

# case: cache that is shared by two functions, with its entries gone
import functools

@functools.lru_cache(maxsize=2, typed=True)
def square(x):
    return x * x

class Holder:
    @functools.lru_cache(maxsize=None)
    def get(self, x):
        return [self, x]

def make():
    square(3)
    holder = Holder()
    return square, holder

def check(pair):
    square, holder = pair
    if square(4) != 16 or square.cache_info().maxsize != 2 or square(4.0) != 16 or square.cache_info().currsize != 2:
        return 'state: another cache'
    return holder.get(1) is holder.get(1) and holder.get(1)[0] is holder or 'behaviour: nothing is kept'

# case: enum with data of its own and members in a dictionary
import enum

class Planet(enum.Enum):
    EARTH = (5.9, 6.3)
    MARS = (0.6, 3.3)

    def __init__(self, mass, radius):
        self.mass, self.radius = mass, radius

    @property
    def ratio(self):
        return round(self.mass / self.radius, 2)

    @classmethod
    def _missing_(cls, value):
        return cls.EARTH

class Color(str, enum.Enum):
    RED = 'red'

    def __str__(self):
        return 'color ' + self.value

def make():
    return {Planet.MARS: [Color.RED]}, Planet, Color

def check(three):
    found, planet, color = three
    if found[planet.MARS][0] is not color.RED or planet.MARS.ratio != 0.18:
        return 'identity: other members'
    return planet('?') is planet.EARTH and color('red') is color.RED and str(color.RED) == 'color red' or 'behaviour: otherwise'

# case: int enum with auto, and verify | since: 3.11
import enum

@enum.verify(enum.UNIQUE)
class Level(enum.IntEnum):
    LOW = enum.auto()
    HIGH = enum.auto()
    _ignore_ = ['rest']

    @enum.nonmember
    class Outer:
        value = 5

def make():
    return Level.HIGH

def check(x):
    return x == 2 and type(x).Outer.value == 5 or 'value: another member'

# case: instances with a __dict__ slot and a __weakref__
class Mixed:
    __slots__ = ('a', '__dict__', '__weakref__')

    def __init__(self):
        self.a, self.b = 1, 2

class Unset:
    __slots__ = ('x', 'y')

def make():
    unset = Unset()
    unset.y = 5
    return Mixed(), unset

def check(pair):
    mixed, unset = pair
    if (mixed.a, mixed.b, vars(mixed)) != (1, 2, {'b': 2}):
        return 'state: other attributes'
    return not hasattr(unset, 'x') and unset.y == 5 or 'state: an attribute that was unset'

# case: class that counts and remembers its instances
import weakref

class Tracked:
    count = 0
    alive = weakref.WeakSet()

    def __new__(cls, *args):
        made = super().__new__(cls)
        cls.alive.add(made)
        return made

    def __init__(self, name):
        self.name = name
        type(self).count += 1

def make():
    return Tracked('a'), Tracked

def check(pair):
    thing, cls = pair
    if cls.count != 1 or thing.name != 'a':
        return 'state: %d' % cls.count
    return thing in cls.alive and len(cls.alive) == 1 or 'sharing: the class does not know it'

# case: subclass of tuple with attributes, and of bytes, frozenset, complex
class Pair(tuple):
    def __new__(cls, a, b):
        made = super().__new__(cls, (a, b))
        made.note = 'n'
        return made

class Token(bytes):
    pass

class Names(frozenset):
    def __new__(cls, *names):
        return super().__new__(cls, names)

class Z(complex):
    @property
    def length(self):
        return abs(self)

def make():
    token = Token(b'x')
    token.owner = token
    return Pair(1, 2), token, Names('a', 'b'), Z(3, 4)

def check(four):
    pair, token, names, z = four
    if pair != (1, 2) or pair.note != 'n' or type(pair).__name__ != 'Pair':
        return 'state: another pair'
    return token.owner is token and names == {'a', 'b'} and z.length == 5 or 'state: other attributes'

# case: bytearray and its subclass with attributes
class Buffer(bytearray):
    position = 0

def make():
    buffer, plain = Buffer(b'abc'), bytearray(b'xy')
    buffer.position = 2
    return buffer, [plain, plain]

def check(pair):
    buffer, plains = pair
    plains[0].append(1)
    return (bytes(buffer), buffer.position, type(buffer).__name__) == (b'abc', 2, 'Buffer') and plains[1] == b'xy\1' or 'state: otherwise'

# case: module made at run time
import sys
import types

def make():
    module = types.ModuleType('made_here', 'a module')
    exec('import math\nvalue = 3\ndef get():\n    global value\n    value += 1\n    return value, math.floor(2.5)\n', module.__dict__)
    return module, module.get

def check(pair):
    module, get = pair
    if get() != (4, 2) or module.value != 4 or module.get is not get:
        return 'sharing: the function has other globals'
    return module.__doc__ == 'a module' or 'state: no docstring'

# case: typed dictionary and literal
import typing

class Movie(typing.TypedDict, total=False):
    name: str
    year: 'int'

Mode = typing.Literal['r', 'w']
Maybe = typing.Optional[typing.Dict[str, typing.List[Movie]]]

def make():
    return Movie, Mode, Maybe, Movie(name='x')

def check(four):
    import typing
    movie, mode, maybe, made = four
    if made != {'name': 'x'} or movie.__total__ or set(movie.__annotations__) != {'name', 'year'}:
        return 'state: other keys'
    return typing.get_args(mode) == ('r', 'w') and typing.get_args(typing.get_args(maybe)[0])[1].__args__[0] is movie or 'identity: another type'

# case: protocol that is checked at run time
import typing

@typing.runtime_checkable
class Closes(typing.Protocol):
    def close(self) -> None: ...

class Door:
    def close(self):
        return 'closed'

class Wall:
    pass

def make():
    return Closes, Door(), Wall()

def check(three):
    closes, door, wall = three
    return isinstance(door, closes) and not isinstance(wall, closes) or 'behaviour: it checks otherwise'

# case: union of types with a bar | since: 3.10
class Own:
    pass

def make():
    return int | Own | None, list[Own], dict[str, int | None], Own

def check(four):
    union, items, names, own = four
    if not isinstance(own(), union) or not isinstance(None, union) or isinstance('a', union):
        return 'type: another union'
    return items.__args__ == (own,) and str(names) == 'dict[str, int | None]' or 'identity: other arguments'

# case: class with type parameters of the new syntax | since: 3.12
namespace = {'__name__': __name__}
exec('class Stack[T]:\n    def __init__(self):\n        self.items: list[T] = []\n    def push(self, item: T) -> "Stack[T]":\n'
     '        self.items.append(item)\n        return self\n'
     'def first[T: (int, str), *Ts, **P](x: T) -> T:\n    return x\n', namespace)

def make():
    return namespace['Stack'], namespace['Stack'][int]().push(1), namespace['first']

def check(three):
    stack, made, first = three
    if made.items != [1] or type(made) is not stack:
        return 'type: another class'
    return [p.__name__ for p in first.__type_params__] == ['T', 'Ts', 'P'] and stack.__type_params__[0].__name__ == 'T' or 'state: other parameters'

# case: alias of a type of the new syntax | since: 3.12
names = {'__name__': __name__}
exec('type Pairs[K] = list[tuple[K, int]]\n', names)

def make():
    return names['Pairs']

def check(pairs):
    if str(pairs.__value__) != 'list[tuple[K, int]]' or pairs.__name__ != 'Pairs':
        return 'value: another type'
    return pairs.__value__.__args__[0].__args__[0] is pairs.__type_params__[0] or 'identity: another parameter'

# case: instance whose attribute is its own bound method
class Machine:
    def __init__(self):
        self.steps = []
        self.state = self.begin
        self.table = {'begin': self.begin, 'end': self.end}

    def begin(self):
        self.steps.append('begin')
        self.state = self.end

    def end(self):
        self.steps.append('end')

def make():
    return Machine()

def check(machine):
    machine.state()
    machine.state()
    machine.table['begin']()
    return machine.steps == ['begin', 'end', 'begin'] or 'sharing: the methods have another object'

# case: object with the __reduce_ex__ of a base

class Base:
    def __reduce_ex__(self, protocol):
        return type(self)._from, (self.value,)

    @classmethod
    def _from(cls, value):
        made = cls.__new__(cls)
        made.value = value + '!'
        return made

class Derived(Base):
    def __init__(self, value):
        self.value = value

def make():
    return Derived('a')

def check(x):
    return x.value == 'a!' and type(x).__name__ == 'Derived' or 'state: %r' % vars(x)

# case: __new__ with arguments by name

class Money:
    def __new__(cls, *, amount, unit):
        made = super().__new__(cls)
        made.amount, made.unit = amount, unit
        return made

    def __getnewargs_ex__(self):
        return (), {'amount': self.amount, 'unit': self.unit}

def make():
    return [Money(amount=3, unit='EUR')] * 2

def check(pair):
    return pair[0] is pair[1] and (pair[0].amount, pair[0].unit) == (3, 'EUR') or 'state: otherwise'

# case: thread locals, locks, conditions and events
import threading

class Safe:
    def __init__(self):
        self.lock = threading.RLock()
        self.ready = threading.Event()
        self.changed = threading.Condition(self.lock)
        self.slots = threading.BoundedSemaphore(2)
        self.ready.set()

def make():
    return Safe()

def check(safe):
    with safe.changed, safe.lock:
        safe.changed.notify_all()
    if not safe.ready.is_set():
        return 'state: the event is not set'
    safe.slots.acquire()
    safe.slots.acquire()
    return safe.slots.acquire(blocking=False) is False or 'state: another semaphore'

# case: queues with what is in them
import queue

def make():
    plain, ordered, last = queue.Queue(maxsize=3), queue.PriorityQueue(), queue.LifoQueue()
    for item in (3, 1, 2):
        plain.put(item), ordered.put((item, 'x')), last.put(item)
    return plain, ordered, last

def check(three):
    plain, ordered, last = three
    if not plain.full() or plain.get() != 3 or ordered.get() != (1, 'x') or last.get() != 2:
        return 'state: another order'
    plain.task_done()
    return plain.unfinished_tasks == 2 or 'state: tasks that are not done'

# case: random generators and their state
import random

class Die(random.Random):
    sides = 6

    def roll(self):
        return self.randint(1, self.sides)

def make():
    die, other = Die(5), Die(5)
    die.roll(), other.roll()
    die.sides = other.sides = 20
    return die, [other.roll() for _ in range(5)], random.Random(3).getstate()

def check(three):
    die, wanted, _ = three
    return [die.roll() for _ in range(5)] == wanted or 'state: another sequence'

# case: source line and name of a function in a traceback
import traceback

def fails(x):
    y = x + 1
    raise ValueError('here %d' % y)

def make():
    return fails

def check(fails):
    try:
        fails(1)
    except ValueError as error:
        frame = error.__traceback__.tb_next.tb_frame
        return frame.f_code.co_name == 'fails' and str(error) == 'here 2' or 'state: another name'

# case: class attributes that are functions of other classes
class A:
    def who(self):
        return 'A', type(self).__name__

class B:
    who = A.who
    also = staticmethod(A.who)
    name = property(lambda self: self.who()[1])

def make():
    return A(), B()

def check(pair):
    a, b = pair
    if b.who() != ('A', 'B') or b.name != 'B' or b.also(a) != ('A', 'A'):
        return 'behaviour: otherwise'
    return type(b).who is type(a).who or 'identity: two functions instead of one'

# case: annotations that refer to classes below
class Tree:
    children: 'list[Tree]'
    owner: 'Owner'

    def add(self, child: 'Tree') -> 'Owner':
        return Owner()

class Owner:
    pass

def make():
    return Tree, Tree().add

def check(pair):
    tree, add = pair
    return type(add(None)).__name__ == 'Owner' and tree.__annotations__['owner'] == 'Owner' or 'state: other annotations'

# case: string template and formatter of its own
import string

class Percent(string.Template):
    delimiter = '%'
    idpattern = '[a-z]+'

class Upper(string.Formatter):
    def format_field(self, value, spec):
        return str(value).upper() if spec == 'u' else super().format_field(value, spec)

def make():
    return Percent('%a and %b'), Upper()

def check(pair):
    percent, upper = pair
    return (percent.substitute(a=1, b=2), upper.format('{:u}', 'x')) == ('1 and 2', 'X') or 'behaviour: otherwise'

# case: json encoder, argument parser action and other subclasses of the library
import argparse
import json

class Encoder(json.JSONEncoder):
    def default(self, thing):
        return sorted(thing) if isinstance(thing, set) else super().default(thing)

class Twice(argparse.Action):
    def __call__(self, parser, names, values, option=None):
        setattr(names, self.dest, values * 2)

def make():
    parser = argparse.ArgumentParser(prog='p')
    parser.add_argument('--word', action=Twice, type=str.upper, default='d')
    return Encoder(indent=None), parser

def check(pair):
    encoder, parser = pair
    if encoder.encode({'a': {2, 1}}) != '{"a": [1, 2]}':
        return 'behaviour: encodes otherwise'
    return parser.parse_args(['--word', 'ab']).word == 'ABAB' and parser.parse_args([]).word == 'D' or 'behaviour: parses otherwise'

# case: named tuple whose own __new__ changes what it is given
import typing

class Span(typing.NamedTuple):
    low: int
    high: int

class Wide(Span):
    def __new__(cls, low, high):
        return super().__new__(cls, low - 1, high + 1)

def make():
    return Wide(5, 6)

def check(span):
    return (span.low, span.high, type(span).__name__) == (4, 7, 'Wide') or 'value: %r' % (span,)
