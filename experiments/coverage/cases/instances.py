"""Many instances of one class, and what their classes hold besides: what a faster way for instances must not lose.

Longer than other files, since it is a list: cases stand alone, and readers look for one by its name.
"""

# case: many plain instances
class Point:
    def __init__(self, x):
        self.x, self.name, self.half = x, 'point %d' % x, x / 2

def make():
    return [Point(i) for i in range(20)]

def check(x):
    return [list(vars(p).items()) for p in x] == [[('x', i), ('name', 'point %d' % i), ('half', i / 2)] for i in range(20)] or 'value: other attributes'

# case: many frozen dataclasses as keys
import dataclasses

@dataclasses.dataclass(frozen=True)
class Key:
    number: int
    text: str

def make():
    return {Key(i, 'k'): i for i in range(20)}

def check(x):
    return all(x[type(key)(key.number, 'k')] == key.number for key in x) or 'behaviour: a key is not found'

# case: many dataclasses with lists
import dataclasses

@dataclasses.dataclass
class Order:
    number: int
    lines: list

def make():
    shared = ['shared']
    return [Order(i, shared if i % 2 else [i]) for i in range(20)]

def check(x):
    if [o.lines for o in x[::2]] != [[i] for i in range(0, 20, 2)]:
        return 'value: other lists'
    return all(o.lines is x[1].lines for o in x[1::2]) or 'sharing: several lists instead of one'

# case: many dataclasses with slots | since: 3.10
import dataclasses

@dataclasses.dataclass(slots=True)
class Record:
    a: int
    b: str = 'b'

def make():
    return [Record(i) for i in range(20)]

def check(x):
    if any(hasattr(r, '__dict__') for r in x):
        return 'type: the slots have become a dict'
    return [(r.a, r.b) for r in x] == [(i, 'b') for i in range(20)] or 'value: other slots'

# case: many frozen dataclasses with slots | since: 3.10
import dataclasses

@dataclasses.dataclass(frozen=True, slots=True)
class Record:
    a: int
    b: str = 'b'

def make():
    return [Record(i) for i in range(20)]

def check(x):
    return [(r.a, r.b) for r in x] == [(i, 'b') for i in range(20)] or 'value: other slots'

# case: many instances with slots, some unset
class Slotted:
    __slots__ = ('a', 'b')

def make():
    found = [Slotted() for _ in range(20)]
    for i, s in enumerate(found[5:]):
        s.a = i
    return found

def check(x):
    return [getattr(s, 'a', None) for s in x] == [None] * 5 + list(range(15)) and not any(hasattr(s, 'b') for s in x) or 'value: other slots'

# case: many instances with private slots
class Slotted:
    __slots__ = ('__hidden',)

    def __init__(self, value):
        self.__hidden = value

    def get(self):
        return self.__hidden

def make():
    return [Slotted(i) for i in range(20)]

def check(x):
    return [s.get() for s in x] == list(range(20)) or 'value: other slots'

# case: slots and a dict
class Base:
    __slots__ = ('a',)

class Both(Base):
    pass

def make():
    found = []
    for i in range(20):
        b = Both()
        b.a, b.c = i, -i
        found.append(b)
    return found

def check(x):
    return [(b.a, b.c, vars(b)) for b in x] == [(i, -i, {'c': -i}) for i in range(20)] or 'value: other attributes'

# case: many instances with different attributes
class Thing:
    pass

def make():
    found = []
    for i in range(20):
        t = Thing()
        setattr(t, 'only_%d' % i, i)
        found.append(t)
    return found

def check(x):
    return [vars(t) for t in x] == [{'only_%d' % i: i} for i in range(20)] or 'value: other attributes'

# case: order of attributes
class Thing:
    pass

def make():
    found = []
    for i in range(20):
        t = Thing()
        for name in ('ab', 'ba')[i % 2]:
            setattr(t, name, i)
        found.append(t)
    return found

def check(x):
    return [''.join(vars(t)) for t in x] == ['ab', 'ba'] * 10 or 'behaviour: another order'

# case: order of attributes of hashed instances
class Thing:
    def __init__(self):
        self.parts, self.name = [1], 'n'

    def __hash__(self):
        return hash(self.name)

def make():
    return [Thing() for _ in range(20)]

def check(x):
    return all(list(vars(t)) == ['parts', 'name'] for t in x) or 'behaviour: another order'

# case: an attribute that is no text
class Thing:
    pass

def make():
    found = [Thing() for _ in range(20)]
    for t in found:
        vars(t)[5] = 'five'
    return found

def check(x):
    return all(vars(t) == {5: 'five'} for t in x) or 'value: other attributes'

# case: a ring of many instances
class Node:
    def __init__(self, name):
        self.name = name

def make():
    ring = [Node(i) for i in range(30)]
    for i, node in enumerate(ring):
        node.next = ring[i - 1]
    return ring

def check(x):
    return all(node.next is x[i - 1] for i, node in enumerate(x)) or 'sharing: the ring is broken'

# case: one instance many times
class Thing:
    def __init__(self):
        self.n = 1

def make():
    return [Thing()] * 20

def check(x):
    return len(set(map(id, x))) == 1 or 'sharing: several instead of one'

# case: one text in many instances
class Thing:
    def __init__(self, text):
        self.text = text

def make():
    text = ''.join(['one ', 'text'])
    return [Thing(text) for _ in range(20)]

def check(x):
    return all(t.text is x[0].text for t in x) and x[0].text == 'one text' or 'sharing: several texts instead of one'

# case: property over an attribute of the same name
class Thing:
    def __init__(self, value):
        self.__dict__['value'] = value

    @property
    def value(self):
        return 'seen %d' % self.__dict__['value']

def make():
    return [Thing(i) for i in range(20)]

def check(x):
    return [t.value for t in x] == ['seen %d' % i for i in range(20)] or 'behaviour: the property is passed by'

# case: setattr that refuses
class Thing:
    def __init__(self, value):
        self.__dict__['value'] = value

    def __setattr__(self, name, value):
        raise TypeError('read only')

def make():
    return [Thing(i) for i in range(20)]

def check(x):
    try:
        x[0].value = 5
    except TypeError:
        return [t.value for t in x] == list(range(20)) or 'value: other values'
    return 'behaviour: it can be set'

# case: many getattr proxies
class Proxy:
    def __init__(self, target):
        self._target = target

    def __getattr__(self, name):
        return getattr(self._target, name)

def make():
    return [Proxy('text %d' % i) for i in range(20)]

def check(x):
    return [p.upper() for p in x] == ['TEXT %d' % i for i in range(20)] or 'behaviour: no proxies any more'

# case: a class of instances with __new__ that wants arguments
class Thing:
    def __new__(cls, a, b):
        made = super().__new__(cls)
        made.sum = a + b
        return made

def make():
    return [Thing(i, 1) for i in range(20)]

def check(x):
    return [t.sum for t in x] == list(range(1, 21)) or 'value: other sums'

# case: getstate of a base class
class Base:
    def __getstate__(self):
        return {'kept': self.kept}

class Derived(Base):
    def __init__(self, n):
        self.kept, self.dropped = n, n

def make():
    return [Derived(i) for i in range(20)]

def check(x):
    return [vars(d) for d in x] == [{'kept': i} for i in range(20)] or 'behaviour: __getstate__ was not asked'

# case: setstate alone
class Thing:
    def __init__(self, n):
        self.n = n

    def __setstate__(self, state):
        vars(self).update(state, restored=True)

def make():
    return [Thing(i) for i in range(20)]

def check(x):
    return all(t.restored and t.n == i for i, t in enumerate(x)) or 'behaviour: __setstate__ was not asked'

# case: reduce of many
class Thing:
    def __init__(self, n):
        self.n = n

    def __reduce__(self):
        return type(self), (self.n + 100,)

def make():
    return [Thing(i) for i in range(20)]

def check(x):
    return [t.n for t in x] == list(range(100, 120)) or 'behaviour: __reduce__ was not asked'

# case: the type of copyreg
import copyreg

class Thing:
    def __init__(self, n):
        self.n = n

def restore(n):
    return Thing(n + 7)

def make():
    copyreg.pickle(Thing, lambda thing: (restore, (thing.n,)))
    return [Thing(i) for i in range(20)]

def check(x):
    return [t.n for t in x] == list(range(7, 27)) or 'behaviour: copyreg was not asked'

# case: an instance of a class with a metaclass
class Meta(type):
    def __call__(cls, *args):
        made = super().__call__(*args)
        made.numbered = True
        return made

class Thing(metaclass=Meta):
    def __init__(self, n):
        self.n = n

def make():
    return [Thing(i) for i in range(20)]

def check(x):
    if not x[0].numbered or [t.n for t in x] != list(range(20)):
        return 'value: other attributes'
    return type(x[0])(5).numbered or 'behaviour: the metaclass is another'

# case: instances of a generic class
import typing

T = typing.TypeVar('T')

class Box(typing.Generic[T]):
    def __init__(self, content):
        self.content = content

def make():
    return [Box[int](i) for i in range(20)]

def check(x):
    return [b.content for b in x] == list(range(20)) or 'value: other contents'

# case: a class attribute that is an instance with a setstate
class Thing:
    def __init__(self, n):
        self.n = n

    def __setstate__(self, state):
        vars(self).update(state)
        self.restored = True

    def __getstate__(self):
        return dict(vars(self))

Thing.default = Thing(5)

def make():
    return Thing(1)

def check(x):
    if x.default.n != 5 or type(x.default) is not type(x):
        return 'value: another default'
    return x.restored or 'behaviour: __setstate__ was not asked'

# case: a class attribute that holds hashed instances
class Key:
    def __init__(self, n):
        self.n = n

    def __eq__(self, other):
        return self.n == other.n

    def __hash__(self):
        return hash(self.n)

Key.known = {Key(1): 'one', Key(2): 'two'}

def make():
    return Key(2)

def check(x):
    return x.known[x] == 'two' or 'behaviour: a key is not found'

# case: a counter that a method calls, and itself
def counter():
    count = 0

    def up():
        nonlocal count
        count += 1
        return count
    return up

up = counter()

class Caller:
    step = staticmethod(up)

    def go(self):
        return self.step()

def make():
    return Caller(), up

def check(pair):
    caller, up = pair
    return [caller.go(), up(), caller.go(), up()] == [1, 2, 3, 4] or 'sharing: two counters instead of one'

# case: a list of the class, and itself | not: local
seen = []

class Watcher:
    seen = seen

    def see(self, x):
        self.seen.append(x)

def make():
    return Watcher(), seen

def check(pair):
    watcher, seen = pair
    watcher.see(1)
    return seen == [1] or 'sharing: two lists instead of one'

# case: a function of the class, and itself | not: local
def helper(x):
    return x + 1

class User:
    helper = helper

def make():
    return User, helper

def check(pair):
    user, helper = pair
    return vars(user)['helper'] is helper and helper(1) == 2 or 'sharing: two functions instead of one'

# case: a table of the module that two classes use
table = {}

class Writer:
    def put(self, key, value):
        table[key] = value

class Reader:
    def get(self, key):
        return table.get(key)

def make():
    return Writer(), Reader()

def check(pair):
    pair[0].put('k', 5)
    return pair[1].get('k') == 5 or 'sharing: two tables instead of one'

# case: an added method
class Thing:
    def __init__(self, n):
        self.n = n

Thing.double = lambda self: self.n * 2

def make():
    return [Thing(i) for i in range(20)]

def check(x):
    return [t.double() for t in x] == list(range(0, 40, 2)) or 'behaviour: another method'

# case: classes of a decorator with a registry
registry = {}

def registered(cls):
    registry[cls.__name__] = cls
    cls.named = cls.__name__.lower()
    return cls

@registered
class First:
    pass

@registered
class Second:
    def first(self):
        return registry['First']

def make():
    return First(), Second()

def check(pair):
    if [type(x).__name__ for x in pair] != ['First', 'Second'] or pair[0].named != 'first':
        return 'value: other classes'
    return pair[1].first() is type(pair[0]) or 'identity: two classes instead of one'

# case: instances of subclasses of one class
class Shape:
    def __init__(self, n):
        self.n = n

class Circle(Shape):
    kind = 'circle'

class Square(Shape):
    kind = 'square'

def make():
    return [(Circle, Square)[i % 2](i) for i in range(30)]

def check(x):
    if [(s.kind, s.n) for s in x] != [(('circle', 'square')[i % 2], i) for i in range(30)]:
        return 'value: other shapes'
    return type(x[0]).__base__ is type(x[1]).__base__ or 'identity: two bases instead of one'

# case: nested instances
class Address:
    def __init__(self, street):
        self.street = street

class Person:
    def __init__(self, name, address):
        self.name, self.address = name, address

def make():
    home = Address('one')
    return [Person('p%d' % i, home if i % 3 else Address('own')) for i in range(30)]

def check(x):
    if [p.address.street for p in x] != [('one' if i % 3 else 'own') for i in range(30)]:
        return 'value: other addresses'
    return len({id(p.address) for p in x}) == 11 or 'sharing: other addresses'

# case: numbers that floats and ints are
class Number:
    def __init__(self, value):
        self.value = value

def make():
    return [Number(v) for v in (0, 0.0, -0.0, True, 2 ** 100, float('inf'), 1e-320, -1, 255, 65536, '1', b'1', None, ...)]

def check(x):
    wanted = [0, 0.0, -0.0, True, 2 ** 100, float('inf'), 1e-320, -1, 255, 65536, '1', b'1', None, ...]
    return [repr(n.value) for n in x] == list(map(repr, wanted)) or 'value: other numbers'

# case: texts with surrogates in instances
class Text:
    def __init__(self, text):
        self.text = text

def make():
    return [Text('\ud800 %d' % i) for i in range(20)]

def check(x):
    return [t.text for t in x] == ['\ud800 %d' % i for i in range(20)] or 'value: other texts'

# case: subclasses of numbers and texts as attributes
class Metres(float):
    pass

class Length:
    def __init__(self, value):
        self.value = value

def make():
    return [Length(Metres(i)) for i in range(20)]

def check(x):
    return all(type(n.value).__name__ == 'Metres' and n.value == i for i, n in enumerate(x)) or 'type: plain numbers'

# case: an instance that changed its class
class Before:
    pass

class After:
    def get(self):
        return self.n

def make():
    found = []
    for i in range(20):
        x = Before()
        x.n = i
        x.__class__ = After
        found.append(x)
    return found

def check(x):
    return [a.get() for a in x] == list(range(20)) or 'behaviour: another class'

# case: an exception class with a method that makes instances
class Failure(Exception):
    def __init__(self, code, text):
        super().__init__('%s (%d)' % (text, code))
        self.code = code

    @classmethod
    def of(cls, code):
        return cls(code, 'code')

def make():
    return [Failure.of(i) for i in range(20)]

def check(x):
    return [(f.code, str(f)) for f in x] == [(i, 'code (%d)' % i) for i in range(20)] or 'value: other failures'

# case: instances with cached properties
import functools

class Thing:
    def __init__(self, n):
        self.n = n

    @functools.cached_property
    def square(self):
        return self.n ** 2

def make():
    found = [Thing(i) for i in range(20)]
    for t in found[::2]:
        t.square
    return found

def check(x):
    if ['square' in vars(t) for t in x] != [True, False] * 10:
        return 'state: what was cached is not there'
    return [t.square for t in x] == [i ** 2 for i in range(20)] or 'value: other squares'

# case: weak references to instances
import weakref

class Thing:
    __slots__ = ('n', '__weakref__')

    def __init__(self, n):
        self.n = n

def make():
    return [Thing(i) for i in range(20)]

def check(x):
    import weakref
    return weakref.ref(x[15])() is x[15] and x[15].n == 15 or 'behaviour: no weak references'
