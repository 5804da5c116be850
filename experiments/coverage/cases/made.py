"""Classes, functions and objects that are made in unusual ways: what real programs were seen to send.

Longer than other files, since it is a list: cases stand alone, and readers look for one by its name.
"""
import collections
import logging

# case: classes made by a loop
CLASSES = {}
for name in 'A', 'B':
    CLASSES[name] = type(name, (), {'title': name, 'get': lambda self: self.title})

def make():
    return CLASSES['A'](), CLASSES['B'](), CLASSES

def check(x):
    a, b, classes = x
    return (a.get(), b.get()) == ('A', 'B') and isinstance(a, classes['A']) and isinstance(b, classes['B']) or 'identity: other classes'

# case: class made by exec
SPACE = {'__name__': 'somewhere'}
exec('class Made:\n    def get(self):\n        return Made\n', SPACE)

def make():
    return SPACE['Made']()

def check(x):
    return x.get() is type(x) or 'identity: another class'

# case: class set by setattr
class Holder:
    pass

setattr(Holder, 'Inner', type('Inner', (), {'n': 3}))

def make():
    return Holder, Holder.Inner()

def check(x):
    return isinstance(x[1], x[0].Inner) and x[1].n == 3 or 'identity: another class'

# case: class made by types.new_class
import types

def fill(namespace):
    namespace['n'] = 4

Made = types.new_class('Made', (list,), {}, fill)

def make():
    return Made([1, 2])

def check(x):
    return x == [1, 2] and x.n == 4 and type(x).__name__ == 'Made' or 'value: ' + repr(x)

# case: class whose name is another one
class Original:
    n = 5

Renamed = Original
Renamed.__name__ = Renamed.__qualname__ = 'Renamed'

def make():
    return Renamed()

def check(x):
    return x.n == 5 and type(x).__name__ == 'Renamed' or 'type: ' + type(x).__name__

# case: class hidden by a decorator's function
def as_factory(cls):
    def factory(*args):
        return cls(*args)
    factory.cls = cls
    return factory

@as_factory
class Thing:
    def __init__(self, n):
        self.n = n

def make():
    return Thing(3)

def check(x):
    return x.n == 3 and type(x).__name__ == 'Thing' or 'type: ' + type(x).__name__

# case: class replaced by its subclass of the same name
class Base:
    def kind(self):
        return 'base'

First = Base

class Base(First):
    def kind(self):
        return 'second, ' + super().kind()

def make():
    return Base(), First()

def check(x):
    return (x[0].kind(), x[1].kind()) == ('second, base', 'base') and isinstance(x[0], type(x[1])) or 'behaviour: another class'

# case: namedtuple with defaults
import collections

Point = collections.namedtuple('Point', 'x y', defaults=[7])

def make():
    return Point(1)

def check(p):
    return (p.x, p.y) == (1, 7) and p._replace(x=2).x == 2 and p._field_defaults == {'y': 7} or 'value: ' + repr(p)

# case: namedtuple in a list of many
import collections

Pair = collections.namedtuple('Pair', 'a b')

def make():
    return [Pair(n, str(n)) for n in range(20)]

def check(x):
    return all(type(p) is type(x[0]) and p.b == str(p.a) for p in x) or 'value: others'

# case: dataclass with slots | since: 3.10
import dataclasses

@dataclasses.dataclass(frozen=True, slots=True)
class Fixed:
    x: int
    y: list = dataclasses.field(default_factory=list)

def make():
    return Fixed(1)

def check(x):
    import dataclasses
    try:
        x.x = 2
    except dataclasses.FrozenInstanceError:
        return (x.x, x.y) == (1, []) or 'value: ' + repr(x)
    return 'behaviour: it is not frozen'

# case: dataclass with keyword fields and an InitVar | since: 3.10
import dataclasses

@dataclasses.dataclass(kw_only=True)
class Settings:
    name: str
    size: dataclasses.InitVar[int] = 3
    double: int = dataclasses.field(init=False)

    def __post_init__(self, size):
        self.double = 2 * size

def make():
    return Settings(name='a', size=4), Settings

def check(x):
    one, cls = x
    return one.double == 8 and cls(name='b').double == 6 and one == cls(name='a', size=4) or 'value: ' + repr(one)

# case: dataclass made at run time
import dataclasses

Made = dataclasses.make_dataclass('Made', ['x', ('y', int, dataclasses.field(default=2))])

def make():
    return Made(1)

def check(x):
    return (x.x, x.y) == (1, 2) and [f for f in type(x).__dataclass_fields__] == ['x', 'y'] or 'value: ' + repr(x)

# case: enum by its functional form
import enum

Colour = enum.Enum('Colour', 'RED GREEN')

def make():
    return Colour.GREEN, Colour

def check(x):
    return x[0] is x[1].GREEN and x[0].value == 2 and [m.name for m in x[1]] == ['RED', 'GREEN'] or 'identity: another member'

# case: enum with values of its own class and aliases
import enum

class Planet(enum.Enum):
    EARTH = (1, 2.5)
    MARS = (2, 3.5)
    HOME = EARTH

    def __init__(self, number, mass):
        self.number, self.mass = number, mass

    @property
    def heavy(self):
        return self.mass > 3

def make():
    return Planet.MARS, Planet

def check(x):
    mars, cls = x
    return mars is cls.MARS and mars.heavy and cls.HOME is cls.EARTH and mars.number == 2 or 'identity: another member'

# case: flags combined with a boundary | since: 3.11
import enum

class Mode(enum.IntFlag, boundary=enum.STRICT):
    R = 4
    W = 2

def make():
    return Mode.R | Mode.W, Mode

def check(x):
    both, cls = x
    if both != cls.R | cls.W:
        return 'value: ' + repr(both)
    try:
        cls(8)
    except ValueError:
        return True
    return 'behaviour: the boundary is gone'

# case: enum whose members are texts with a __new__
import enum

class Code(str, enum.Enum):
    def __new__(cls, text, number):
        made = str.__new__(cls, text)
        made._value_ = text
        made.number = number
        return made
    A = 'a', 1
    B = 'b', 2

def make():
    return Code.B, Code

def check(x):
    b, cls = x
    return b is cls('b') and b.number == 2 and b == 'b' and isinstance(b, str) or 'identity: another member'

# case: enum that counts by itself
import enum

class Level(enum.Enum):
    def _generate_next_value_(name, start, count, last_values):
        return name.lower()
    LOW = enum.auto()
    HIGH = enum.auto()

def make():
    return Level.HIGH, Level

def check(x):
    return x[0] is x[1]('high') and x[1].LOW.value == 'low' or 'value: ' + repr(x)

# case: __init_subclass__ that wants arguments
class Plugin:
    registry = []

    def __init_subclass__(cls, key, **rest):
        super().__init_subclass__(**rest)
        cls.key = key
        Plugin.registry.append(key)

class One(Plugin, key='one'):
    pass

def make():
    return One(), Plugin

def check(x):
    one, plugin = x
    return one.key == 'one' and plugin.registry == ['one'] and isinstance(one, plugin) or 'state: ' + repr(plugin.registry)

# case: __set_name__ that has run
class Field:
    def __set_name__(self, owner, name):
        self.names = getattr(self, 'names', ()) + (name,)

    def __get__(self, thing, owner=None):
        return self.names

class Model:
    a = Field()

def make():
    return Model()

def check(x):
    return x.a == ('a',) or 'state: ' + repr(x.a)

# case: metaclass with arguments and a registry
class Meta(type):
    made = []

    def __new__(meta, name, bases, namespace, flavour=None):
        cls = super().__new__(meta, name, bases, namespace)
        cls.flavour = flavour
        meta.made.append(name)
        return cls

    def __init__(cls, name, bases, namespace, flavour=None):
        super().__init__(name, bases, namespace)

class Sweet(metaclass=Meta, flavour='sugar'):
    pass

def make():
    return Sweet()

def check(x):
    return x.flavour == 'sugar' and type(type(x)).made == ['Sweet'] or 'state: it ran again'

# case: metaclass with a __call__ of its own
class Single(type):
    kept = {}

    def __call__(cls, *args):
        if cls not in Single.kept:
            Single.kept[cls] = super().__call__(*args)
        return Single.kept[cls]

class Only(metaclass=Single):
    def __init__(self, n):
        self.n = n

def make():
    return Only(3)

def check(x):
    return x.n == 3 and type(x)(9) is x or 'identity: another one'

# case: bound methods in a class's own table
class Router:
    @classmethod
    def index(cls):
        return cls

    table = {}

Router.table['index'] = Router.index

def make():
    return Router

def check(cls):
    return cls.table['index']() is cls or 'identity: another class'

# case: partial of a class's own method as its attribute
import functools

class Power:
    def to(self, n):
        return self.base ** n

    def __init__(self, base):
        self.base = base
        self.square = functools.partial(self.to, 2)

def make():
    return Power(3)

def check(x):
    return x.square() == 9 and x.square.func.__self__ is x or 'identity: another object'

# case: type hints that are texts | not: local
import typing

class Node:
    next: 'typing.Optional[Node]' = None

    def link(self, other: 'Node') -> 'Node':
        self.next = other
        return self

def make():
    return Node

def check(cls):
    import typing
    hints = typing.get_type_hints(cls.link)
    return hints == {'other': cls, 'return': cls} or 'value: ' + repr(hints)

# case: generic class with an argument
import typing

T = typing.TypeVar('T')

class Box(typing.Generic[T]):
    def __init__(self, thing):
        self.thing = thing

class Texts(Box[str]):
    pass

def make():
    return Texts('a'), Box[int], Box

def check(x):
    one, alias, cls = x
    return isinstance(one, cls) and alias.__origin__ is cls and one.thing == 'a' or 'identity: other classes'

# case: abstract properties are still abstract
import abc

class Shape(abc.ABC):
    @property
    @abc.abstractmethod
    def area(self):
        pass

class Square(Shape):
    area = 4

def make():
    return Shape, Square()

def check(x):
    try:
        x[0]()
    except TypeError:
        return isinstance(x[1], x[0]) and x[1].area == 4 or 'type: another class'
    return 'behaviour: it is not abstract'

# case: single dispatch with registrations
import functools

@functools.singledispatch
def show(x):
    return 'any'

@show.register(int)
def show_int(x):
    return 'int'

def make():
    return show

def check(f):
    return (f(1), f('a')) == ('int', 'any') or 'behaviour: ' + f(1)

# case: single dispatch method
import functools

class Shower:
    @functools.singledispatchmethod
    def show(self, x):
        return 'any'

    @show.register(int)
    def _(self, x):
        return 'int'

def make():
    return Shower()

def check(x):
    return (x.show(1), x.show('a')) == ('int', 'any') or 'behaviour: ' + x.show(1)

# case: cached property that was read
import functools

class Slow:
    count = 0

    @functools.cached_property
    def value(self):
        self.count += 1
        return [self.count]

def make():
    x = Slow()
    x.value
    return x

def check(x):
    return x.value == [1] and x.count == 1 or 'state: ' + repr(x.value)

# case: context with variables | data
import contextvars

def make():
    a, b = contextvars.ContextVar('a'), contextvars.ContextVar('b', default=[0])
    context = contextvars.Context()
    context.run(a.set, 'in it')
    return context, a, b

def check(x):
    context, a, b = x
    if context[a] != 'in it' or b in context or context.run(b.get) != [0]:
        return 'value: ' + repr(dict(context))
    try:
        a.get()
    except LookupError:
        return True
    return 'state: it is set outside of the context too'

# case: context variable of a function
import contextvars

USER = contextvars.ContextVar('user', default='nobody')

def user():
    return USER.get()

def as_user(name):
    USER.set(name)
    return user()

def make():
    return user, as_user

def check(x):
    user, as_user = x
    return user() == 'nobody' and as_user('me') == 'me' and user() == 'me' or 'sharing: two variables'

# case: logger with a level of its own | data
import logging

def make():
    logger = logging.getLogger('coverage.made.level')
    logger.setLevel(logging.DEBUG)
    logger.propagate = False
    return logger

def check(x):
    return (x.level, x.propagate, x.name) == (10, False, 'coverage.made.level') or 'state: level %d' % x.level

# case: logger that is not in use keeps what is set there | data
import logging

def make():
    return logging.getLogger('coverage.made.plain')

def check(x):
    import logging
    return x is logging.getLogger('coverage.made.plain') or 'identity: another logger'

# data: default dictionary of lists = collections.defaultdict(list, a=[1])
# data: chain of dictionaries = collections.ChainMap({'a': 1}, {'b': 2})
# data: ordered dictionary in reverse = collections.OrderedDict([('b', 1), ('a', 2)])
# data: level of logging = logging.WARNING
