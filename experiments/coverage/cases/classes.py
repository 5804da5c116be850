"""Classes and their instances.

Longer than other files, since it is a list: cases stand alone, and readers look for one by its name.
"""

# case: class itself
class Plain:
    value = 3

    def get(self):
        return self.value

def make():
    return Plain

def check(c):
    return c().get() == 3 or 'behaviour: another result'

# case: instance
class Point:
    def __init__(self, x, y):
        self.x, self.y = x, y

    def sum(self):
        return self.x + self.y

def make():
    return Point(1, 2)

def check(p):
    if type(p).__name__ != 'Point':
        return 'type: ' + type(p).__name__
    return p.sum() == 3 or 'behaviour: another result'

# case: class and its instance
class Point:
    pass

def make():
    return Point, Point()

def check(pair):
    return type(pair[1]) is pair[0] or 'identity: two classes instead of one'

# case: nested class
class Outer:
    class Inner:
        def get(self):
            return 'inner'

def make():
    return Outer.Inner()

def check(x):
    return x.get() == 'inner' or 'behaviour: another result'

# case: slots
class Slotted:
    __slots__ = ('a', 'b')

    def __init__(self):
        self.a, self.b = 1, 2

def make():
    return Slotted()

def check(x):
    if (x.a, x.b) != (1, 2):
        return 'value: other slots'
    return not hasattr(x, '__dict__') or 'type: the slots have become a dict'

# case: slots with inheritance
class Base:
    __slots__ = ('a',)

class Derived(Base):
    __slots__ = ('b',)

def make():
    d = Derived()
    d.a, d.b = 1, 2
    return d

def check(x):
    return (x.a, x.b) == (1, 2) or 'value: other slots'

# case: dataclass
import dataclasses

@dataclasses.dataclass
class Record:
    a: int
    b: list = dataclasses.field(default_factory=list)

def make():
    return Record(1, [2])

def check(r):
    import dataclasses
    if not dataclasses.is_dataclass(r):
        return 'type: no dataclass'
    return dataclasses.asdict(r) == {'a': 1, 'b': [2]} or 'value: other fields'

# case: frozen dataclass
import dataclasses

@dataclasses.dataclass(frozen=True)
class Record:
    a: int

def make():
    return Record(4)

def check(r):
    try:
        r.a = 5
    except Exception:
        return r.a == 4 or 'value: another field'
    return 'behaviour: it is not frozen any more'

# case: equality of dataclasses
import dataclasses

@dataclasses.dataclass
class Record:
    a: int

def make():
    return [Record(1), Record(1)]

def check(x):
    return x[0] == x[1] or 'behaviour: not equal any more'

# case: namedtuple
import collections

Pair = collections.namedtuple('Pair', 'left right')

def make():
    return Pair(1, 2)

def check(p):
    if not hasattr(p, 'left'):
        return 'type: ' + type(p).__name__
    return (p.left, p.right) == (1, 2) or 'value: other fields'

# case: NamedTuple with methods
import typing

class Pair(typing.NamedTuple):
    left: int
    right: int = 5

    def total(self):
        return self.left + self.right

def make():
    return Pair(1)

def check(p):
    if not hasattr(p, 'total'):
        return 'type: the methods are gone'
    return p.total() == 6 or 'behaviour: another result'

# case: enum member
import enum

class Colour(enum.Enum):
    RED = 1
    BLUE = 2

def make():
    return Colour.RED

def check(c):
    return (c.name, c.value) == ('RED', 1) or 'value: another member'

# case: enum identity
import enum

class Colour(enum.Enum):
    RED = 1

def make():
    return [Colour.RED, Colour.RED, Colour]

def check(x):
    return (x[0] is x[1] and x[0] is x[2].RED) or 'identity: two members instead of one'

# case: flag
import enum

class Right(enum.Flag):
    READ = 1
    WRITE = 2

def make():
    return Right.READ | Right.WRITE

def check(r):
    return r.value == 3 or 'value: other flags'

# case: int enum
import enum

class Level(enum.IntEnum):
    LOW = 1
    HIGH = 2

def make():
    return Level.HIGH

def check(x):
    if x != 2:
        return 'value: another number'
    return type(x).__name__ == 'Level' or 'type: ' + type(x).__name__

# case: enum with a method
import enum

class Op(enum.Enum):
    ADD = 1

    def run(self, a, b):
        return a + b

def make():
    return Op.ADD

def check(o):
    return o.run(2, 3) == 5 or 'behaviour: another result'

# case: abstract base class
import abc

class Shape(abc.ABC):
    @abc.abstractmethod
    def area(self):
        ...

class Unit(Shape):
    def area(self):
        return 1

def make():
    return Unit()

def check(x):
    if x.area() != 1:
        return 'behaviour: another result'
    try:
        type(x).__mro__[1]()
    except TypeError:
        return True
    return 'behaviour: the base is not abstract any more'

# case: abstract class with a registered one
import abc

class Quack(abc.ABC):
    pass

class Duck:
    pass

Quack.register(Duck)

def make():
    return Quack, Duck()

def check(pair):
    return isinstance(pair[1], pair[0]) or 'behaviour: the registration is gone'

# case: protocol
import typing

@typing.runtime_checkable
class Sized(typing.Protocol):
    def size(self) -> int:
        ...

class Box:
    def size(self):
        return 4

def make():
    return Sized, Box()

def check(pair):
    return isinstance(pair[1], pair[0]) or 'behaviour: not an instance any more'

# case: generic class
import typing

T = typing.TypeVar('T')

class Stack(typing.Generic[T]):
    def __init__(self):
        self.items = []

    def push(self, item: T):
        self.items.append(item)
        return len(self.items)

def make():
    return Stack()

def check(s):
    return s.push(1) == 1 or 'behaviour: another result'

# case: metaclass
class Meta(type):
    def __new__(mcs, name, bases, namespace):
        namespace['stamp'] = name.lower()
        return super().__new__(mcs, name, bases, namespace)

    def tell(cls):
        return cls.stamp

class Made(metaclass=Meta):
    pass

def make():
    return Made()

def check(x):
    return type(x).tell() == 'made' or 'behaviour: another metaclass'

# case: init_subclass
class Base:
    seen = 0

    def __init_subclass__(cls, **kwargs):
        super().__init_subclass__(**kwargs)
        Base.seen += 1

class Derived(Base):
    pass

def make():
    return Derived()

def check(x):
    base = type(x).__mro__[1]
    return base.seen == 1 or 'behaviour: __init_subclass__ ran %d times' % base.seen

# case: descriptor
class Double:
    def __get__(self, instance, owner):
        return 2 * instance.n if instance is not None else self

class Holder:
    n = 4
    twice = Double()

def make():
    return Holder()

def check(x):
    return x.twice == 8 or 'behaviour: another value'

# case: descriptor with set_name
class Named:
    def __set_name__(self, owner, name):
        self.name = name

    def __get__(self, instance, owner):
        return self.name

class Holder:
    field = Named()

def make():
    return Holder()

def check(x):
    return x.field == 'field' or 'behaviour: another name'

# case: cached property
import functools

class Slow:
    calls = 0

    @functools.cached_property
    def value(self):
        self.calls += 1
        return 6

def make():
    return Slow()

def check(x):
    return (x.value, x.value, x.calls) == (6, 6, 1) or 'behaviour: not cached'

# case: getattr proxy
class Proxy:
    def __init__(self, target):
        self.target = target

    def __getattr__(self, name):
        if name.startswith('__'):
            raise AttributeError(name)
        return getattr(self.__dict__['target'], name)

def make():
    return Proxy([3, 1, 2])

def check(p):
    return p.index(1) == 1 or 'behaviour: another result'

# case: careless getattr proxy
class Proxy:
    def __init__(self, target):
        self.target = target

    def __getattr__(self, name):
        return getattr(self.target, name)

def make():
    return Proxy([3, 1, 2])

def check(p):
    return p.index(1) == 1 or 'behaviour: another result'

# case: exception
class Oops(Exception):
    pass

def make():
    return Oops('text', 3)

def check(e):
    return (type(e).__name__, e.args) == ('Oops', ('text', 3)) or 'value: another exception'

# case: exception with a custom init
class Oops(Exception):
    def __init__(self, code, text):
        super().__init__('code %d: %s' % (code, text))
        self.code = code

def make():
    return Oops(7, 'gone')

def check(e):
    return (e.code, str(e)) == (7, 'code 7: gone') or 'value: another exception'

# case: exception with a cause
def make():
    try:
        try:
            raise KeyError('inner')
        except KeyError as e:
            raise ValueError('outer') from e
    except ValueError as e:
        return e

def check(e):
    if e.args != ('outer',):
        return 'value: another exception'
    return isinstance(e.__cause__, KeyError) or 'value: the cause is gone'

# case: exception with notes in its dict
def make():
    e = ValueError('x')
    e.extra = [1]
    return e

def check(e):
    return e.extra == [1] or 'value: the attribute is gone'

# case: exception group of attributes
class Failure(Exception):
    def __init__(self, *, where):
        self.where = where

def make():
    return Failure(where='here')

def check(e):
    return e.where == 'here' or 'value: another place'

# case: class that refers to itself
class Tree:
    def grow(self):
        return Tree()

def make():
    return Tree()

def check(t):
    return type(t.grow()) is type(t) or 'identity: two classes instead of one'

# case: class with a class attribute of its own type
class Single:
    pass

Single.instance = Single()

def make():
    return Single

def check(c):
    return type(c.instance) is c or 'identity: two classes instead of one'

# case: super of two bases
class A:
    def who(self):
        return 'a'

class B:
    def who(self):
        return 'b'

class C(A, B):
    def who(self):
        return 'c' + super().who() + B.who(self)

def make():
    return C()

def check(x):
    return x.who() == 'cab' or 'behaviour: another result'

# case: multiple inheritance diamond
class Root:
    def __init__(self):
        self.log = ['root']

class Left(Root):
    def __init__(self):
        super().__init__()
        self.log.append('left')

class Right(Root):
    def __init__(self):
        super().__init__()
        self.log.append('right')

class Both(Left, Right):
    pass

def make():
    return Both

def check(c):
    return c().log == ['root', 'right', 'left'] or 'behaviour: another order'

# case: subclass of dict
class Defaulting(dict):
    def __missing__(self, key):
        return 'missing ' + key

def make():
    d = Defaulting(a=1)
    d.note = 'kept'
    return d

def check(d):
    if type(d) is dict:
        return 'type: dict'
    return (d['a'], d['b'], d.note) == (1, 'missing b', 'kept') or 'value: other items'

# case: subclass of list
class Stack(list):
    def top(self):
        return self[-1]

def make():
    return Stack([1, 2])

def check(s):
    return s.top() == 2 if hasattr(s, 'top') else 'type: ' + type(s).__name__

# case: subclass of int
class Metres(int):
    def __str__(self):
        return '%d m' % int(self)

def make():
    return Metres(5)

def check(x):
    if x != 5:
        return 'value: another number'
    return str(x) == '5 m' or 'type: ' + type(x).__name__

# case: subclass of str
class Name(str):
    def initial(self):
        return self[0]

def make():
    return Name('corps')

def check(x):
    return x.initial() == 'c' if hasattr(x, 'initial') else 'type: ' + type(x).__name__

# case: class variable changed at run time
class Config:
    level = 1

def make():
    Config.level = 9
    return Config()

def check(c):
    return c.level == 9 or 'value: the change is gone'

# case: class decorated
def add_hello(cls):
    cls.hello = lambda self: 'hello'
    return cls

@add_hello
class Decorated:
    pass

def make():
    return Decorated()

def check(x):
    return x.hello() == 'hello' or 'behaviour: the method is gone'

# case: class made by type()
def make():
    return type('Made', (), {'n': 5, 'get': lambda self: self.n})()

def check(x):
    return x.get() == 5 or 'behaviour: another result'

# case: weak slot
class Watched:
    __slots__ = ('a', '__weakref__')

def make():
    w = Watched()
    w.a = 3
    return w

def check(x):
    return x.a == 3 or 'value: another slot'

# case: class with annotations
class Typed:
    a: int = 1
    b: 'str'

def make():
    return Typed

def check(c):
    return set(c.__annotations__) == {'a', 'b'} or 'value: other annotations'

# case: class with a docstring
class Told:
    """What it is."""

def make():
    return Told

def check(c):
    return c.__doc__ == 'What it is.' or 'value: another docstring'

# case: hashable by value
class Value:
    def __init__(self, v):
        self.v = v

    def __eq__(self, other):
        return self.v == other.v

    def __hash__(self):
        return hash(self.v)

def make():
    return {Value(1): 'one'}

def check(d):
    key = next(iter(d))
    return d[type(key)(1)] == 'one' or 'behaviour: not found'

# case: ordering
import functools

@functools.total_ordering
class Rank:
    def __init__(self, n):
        self.n = n

    def __eq__(self, other):
        return self.n == other.n

    def __lt__(self, other):
        return self.n < other.n

def make():
    return [Rank(3), Rank(1)]

def check(x):
    return [r.n for r in sorted(x)] == [1, 3] or 'behaviour: another order'
