
# case: proxy that says it is of another class
class Proxy:
    def __init__(self, thing):
        object.__setattr__(self, 'thing', thing)

    @property
    def __class__(self):
        return type(self.thing)

    @property
    def __name__(self):
        return 'proxy'

    @property
    def __dict__(self):
        return {'shown': self.thing}

    def __getattr__(self, name):
        return getattr(object.__getattribute__(self, 'thing'), name)

def make():
    return Proxy

def check(cls):
    proxy = cls([3, 1])
    proxy.sort()
    if cls.__name__ != 'Proxy' or type(proxy) is not cls:
        return 'type: %r' % (cls,)
    return (proxy.__class__, proxy.__name__, proxy.__dict__) == (list, 'proxy', {'shown': [1, 3]}) or 'behaviour: no proxy'

# case: attribute that is as in the base is the class's own
class Base:
    version = 1

    def get(self):
        return 1

class Derived(Base):
    version = 1
    get = Base.get

def make():
    return Derived

def check(cls):
    base = cls.__bases__[0]
    base.version, base.get = 2, None
    return (cls.version, cls().get()) == (1, 1) or 'state: the base\'s'

# case: class that got other bases
class First:
    def who(self):
        return 'first'

class Second:
    def who(self):
        return 'second'

class Turned(First):
    pass

Turned.__bases__ = (Second, First)

def make():
    return Turned()

def check(x):
    return x.who() == 'second' and [base.__name__ for base in type(x).__bases__] == ['Second', 'First'] or 'behaviour: other bases'

# case: static and class methods with attributes | since: 3.10
import functools

def marked(function):
    function.mark = 5
    return function

class Marked:
    @marked
    @staticmethod
    def still(x):
        return x + 1

    @marked
    @classmethod
    def of(cls, x):
        return cls, x

def make():
    return Marked

def check(cls):
    if (cls.still(1), cls.of(2)) != (2, (cls, 2)):
        return 'behaviour: other results'
    return (vars(cls)['still'].mark, vars(cls)['of'].mark) == (5, 5) or 'state: no mark'

# case: property of a class of its own with attributes
class Checked(property):
    def __init__(self, get=None, put=None, rest=None, doc=None):
        super().__init__(get, put, rest, doc)
        self.kind = 'checked'

class Holder:
    @Checked
    def value(self):
        """The value."""
        return self.held

    @value.setter
    def value(self, value):
        self.held = value

def make():
    return Holder

def check(cls):
    x = cls()
    x.value = 3
    own = vars(cls)['value']
    return (x.value, own.kind, own.__doc__, type(own).__name__) == (3, 'checked', 'The value.', 'Checked') or 'state: %r' % own

# case: metaclass whose classes answer to any name
class Any(type):
    def __getattr__(cls, name):
        return name.upper()

    def __call__(cls, *args, **kwargs):
        return super().__call__(*args, **kwargs)

class Answers(metaclass=Any):
    def __init__(self):
        self.own = 1

def make():
    return Answers()

def check(x):
    return (x.own, type(x).anything, type(type(x)).__name__) == (1, 'ANYTHING', 'Any') or 'behaviour: no answer'

# case: reduce with items and keys
class Both(dict):
    def __init__(self, *, must):
        self.must = must
        self.rest = []

    def append(self, item):
        self.rest.append(item)

    def extend(self, items):
        self.rest.extend(items)

    def __reduce__(self):
        return build, (self.must,), {'state': 1}, iter([1, 2]), iter(self.items())

def build(must):
    return Both(must=must)

def make():
    both = Both(must=7)
    both['k'] = both
    return both

def check(x):
    return (x.must, x.rest, x.state, x['k'] is x) == (7, [1, 2], 1, True) or 'state: %r' % (vars(x),)

# case: state that is false
class Counts:
    def __init__(self):
        self.told = None

    def __getstate__(self):
        return 0

    def __setstate__(self, state):
        self.told = state

def make():
    return Counts()

def check(x):
    return x.told == 0 or 'state: %r' % x.told

# case: containers of the library with constructors of their own
import collections

class Ring(collections.deque):
    def __init__(self, *, size):
        super().__init__(maxlen=size)
        self.size = size

class Bag(collections.Counter):
    def __init__(self, owner, *args):
        self.owner = owner
        super().__init__(*args)

class Layers(collections.ChainMap):
    def __init__(self, *, name):
        super().__init__({'a': 1}, {'a': 2, 'b': 3})
        self.name = name

class User(collections.UserDict):
    def __init__(self, name):
        self.name = name
        super().__init__()

    def __setitem__(self, key, value):
        self.data[key] = (self.name, value)

def make():
    ring, bag, layers, user = Ring(size=2), Bag('me', 'aab'), Layers(name='n'), User('u')
    ring.extend('abc')
    user['k'] = 1
    return ring, bag, layers, user

def check(x):
    ring, bag, layers, user = x
    if (list(ring), ring.maxlen, ring.size) != (['b', 'c'], 2, 2):
        return 'state: ring'
    if (bag['a'], bag.owner, bag['z']) != (2, 'me', 0):
        return 'state: bag'
    if (layers['a'], layers['b'], layers.name, len(layers.maps)) != (1, 3, 'n', 2):
        return 'state: layers'
    return (user['k'], user.name) == (('u', 1), 'u') or 'state: user'

# case: numbers and texts with arguments by name
class Metres(float):
    def __new__(cls, value, *, unit):
        made = super().__new__(cls, value)
        made.unit = unit
        return made

class Tagged(str):
    __slots__ = ('tag',)

    def __new__(cls, text, *, tag):
        made = super().__new__(cls, text)
        made.tag = tag
        return made

class Point(tuple):
    def __new__(cls, *, x, y):
        return super().__new__(cls, (x, y))

def make():
    return Metres(2.5, unit='m'), Tagged('text', tag=['t']), Point(x=1, y=2), {Tagged('key', tag=1): 2}

def check(x):
    metres, text, point, keys = x
    return (metres, metres.unit, text, text.tag, point, list(keys)[0].tag) == (2.5, 'm', 'text', ['t'], (1, 2), 1) or 'state: lost'

# case: partial of a class of its own with attributes
import functools

class Task(functools.partial):
    retries = 1

def make():
    task = Task(max, 3)
    task.retries = 4
    task.holds = task
    return task

def check(x):
    return (x(9), x.retries, x.holds is x, type(x).__name__) == (9, 4, True, 'Task') or 'state: lost'

# case: single dispatch with registrations
import functools

class Shows:
    @functools.singledispatchmethod
    def show(self, x):
        return 'any'

    @show.register
    def _(self, x: int):
        return 'int'

@Shows.show.register(list)
def _list(self, x):
    return 'list'

@functools.singledispatch
def free(x):
    return 'any'

@free.register(Shows)
def _shows(x):
    return 'shows'

def make():
    return Shows(), free

def check(x):
    shows, free = x
    if [shows.show(one) for one in (None, 1, [])] != ['any', 'int', 'list']:
        return 'behaviour: of the method'
    return (free(1), free(shows)) == ('any', 'shows') or 'behaviour: of the function'

# case: super in a class that a decorator made anew | since: 3.10
import dataclasses

@dataclasses.dataclass
class Root:
    a: int

    def tell(self):
        return self.a

@dataclasses.dataclass(slots=True)
class Leaf(Root):
    b: int = 2

    def tell(self):
        return Root.tell(self), self.b, type(self) is Leaf

def make():
    return Leaf(1)

def check(x):
    return x.tell() == (1, 2, True) or 'behaviour: %r' % (x.tell(),)

# case: slots with texts, and one that hides another
class Documented:
    __slots__ = {'a': 'the first', 'b': 'the second'}

class Hides(Documented):
    __slots__ = ('a',)

def make():
    x = Hides()
    Documented.a.__set__(x, 'hidden')
    x.a, x.b = 1, 2
    return x

def check(x):
    base = type(x).__mro__[1]
    if (x.a, x.b) != (1, 2):
        return 'state: %r' % ((x.a, x.b),)
    return base.__slots__ == {'a': 'the first', 'b': 'the second'} or 'state: no texts'

# case: function whose code was exchanged
def one():
    return 1

def make():
    def two(x=2):
        return x
    two.__code__ = (lambda x=0: x * 10).__code__
    two.__defaults__ = (3,)
    return two

def check(f):
    return (f(), f(1), f.__name__) == (30, 10, 'two') or 'behaviour: the old code'

# case: context manager that is a method, and one entered twice
import contextlib

class Managed:
    def __init__(self):
        self.log = []

    @contextlib.contextmanager
    def scope(self, name):
        self.log.append(name)
        yield self
        self.log.append('-' + name)

def make():
    return Managed()

def check(x):
    with x.scope('a') as y, x.scope('b'):
        pass
    return (y is x, x.log) == (True, ['a', 'b', '-b', '-a']) or 'behaviour: %r' % x.log

# case: typed dictionaries and named tuples with parameters | since: 3.11
import typing

T = typing.TypeVar('T')

class Options(typing.TypedDict, total=False):
    a: typing.Required[int]
    b: str

class Pair(typing.NamedTuple, typing.Generic[T]):
    first: T
    second: T = None

def make():
    return Options, Pair[int], Pair(1)

def check(x):
    options, alias, pair = x
    if options.__required_keys__ != {'a'} or options.__optional_keys__ != {'b'}:
        return 'state: of keys'
    return (alias(2).first, pair.second, alias.__origin__ is type(pair)) == (2, None, True) or 'identity: other classes'


# case: numbers, dates and paths of the library with attributes and constructors of their own
import datetime
import decimal
import fractions
import ipaddress
import pathlib

class Money(decimal.Decimal):
    def __new__(cls, value, currency):
        made = super().__new__(cls, value)
        made.currency = currency
        return made

class Share(fractions.Fraction):
    __slots__ = ('owner',)

    def __new__(cls, *, of, owner):
        made = super().__new__(cls, 1, of)
        made.owner = owner
        return made

class Day(datetime.date):
    pass

class Moment(datetime.datetime):
    def __new__(cls, *, year):
        return super().__new__(cls, year, 1, 1)

class Place(pathlib.PurePosixPath):
    pass

class Host(ipaddress.IPv4Address):
    pass

def make():
    things = [Money('1.5', 'EUR'), Share(of=3, owner=['me']), Day(2026, 1, 2), Moment(year=2020), Place('a/b'), Host('10.0.0.1')]
    for thing in things[2:]:
        thing.note = [type(thing).__name__]
    return things

def check(x):
    money, share, day, moment, place, host = x
    if [str(one) for one in x] != ['1.5', '1/3', '2026-01-02', '2020-01-01 00:00:00', 'a/b', '10.0.0.1']:
        return 'value: %s' % [str(one) for one in x]
    if [one.note for one in x[2:]] != [['Day'], ['Moment'], ['Place'], ['Host']]:
        return 'state: no notes'
    return (money.currency, share.owner) == ('EUR', ['me']) or 'state: lost'
