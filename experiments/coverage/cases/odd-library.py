"""What users of other libraries reported as not coming back whole, in our own words: instances, types, what the standard library makes."""

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
