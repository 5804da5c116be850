"""Methods, bound and unbound."""

# case: bound method
class Counter:
    def __init__(self, n):
        self.n = n

    def add(self, k):
        self.n += k
        return self.n

def make():
    return Counter(3).add

def check(f):
    return (f(4), f(1)) == (7, 8) or 'behaviour: another result'

# case: bound method and its object
class Counter:
    n = 0

    def add(self):
        self.n += 1
        return self.n

def make():
    c = Counter()
    return c, c.add

def check(pair):
    c, add = pair
    add()
    return c.n == 1 or 'sharing: two objects instead of one'

# case: method of a class
class Greeter:
    def greet(self):
        return 'hi'

def make():
    return Greeter.greet

def check(f):
    return f(None) == 'hi' or 'behaviour: another result'

# case: static method
class Tool:
    @staticmethod
    def inc(x):
        return x + 1

def make():
    return Tool.inc

def check(f):
    return f(1) == 2 or 'behaviour: another result'

# case: class method
class Maker:
    base = 10

    @classmethod
    def make_one(cls, n):
        return cls.base + n

def make():
    return Maker.make_one

def check(f):
    return f(5) == 15 or 'behaviour: another result'

# case: class method by an instance
class Maker:
    @classmethod
    def name(cls):
        return cls.__name__

def make():
    return Maker().name

def check(f):
    return f() == 'Maker' or 'behaviour: another result'

# case: property object
class Square:
    side = 3

    @property
    def area(self):
        return self.side ** 2

def make():
    return Square()

def check(x):
    return x.area == 9 or 'behaviour: another value'

# case: property with a setter
class Limited:
    def __init__(self):
        self._v = 0

    @property
    def v(self):
        return self._v

    @v.setter
    def v(self, value):
        self._v = min(value, 10)

def make():
    return Limited()

def check(x):
    x.v = 50
    return x.v == 10 or 'behaviour: the setter is gone'

# case: partial method
import functools

class Lamp:
    on = False

    def set(self, state):
        self.on = state

    light = functools.partialmethod(set, True)

def make():
    return Lamp()

def check(x):
    x.light()
    return x.on is True or 'behaviour: another state'

# case: method patched on an instance
class Plain:
    pass

def make():
    p = Plain()
    p.shout = lambda: 'patched'
    return p

def check(x):
    return x.shout() == 'patched' or 'behaviour: the patch is gone'

# case: method patched on a class
class Plain:
    pass

def make():
    Plain.late = lambda self: 21
    return Plain()

def check(x):
    return x.late() == 21 or 'behaviour: the patch is gone'

# case: method bound to a built-in | data
def make():
    return 'a,b'.split

def check(f):
    return f(',') == ['a', 'b'] or 'behaviour: another result'

# case: method with super
class Base:
    def who(self):
        return 'base'

class Derived(Base):
    def who(self):
        return super().who() + '+derived'

def make():
    return Derived()

def check(x):
    return x.who() == 'base+derived' or 'behaviour: another result'

# case: super object
class Base:
    def who(self):
        return 'base'

class Derived(Base):
    def who(self):
        return 'derived'

    def upper(self):
        return super()

def make():
    return Derived().upper()

def check(s):
    return s.who() == 'base' or 'behaviour: another method'

# case: dunder methods
class Vector:
    def __init__(self, x):
        self.x = x

    def __add__(self, other):
        return Vector(self.x + other.x)

    def __len__(self):
        return self.x

    def __call__(self, k):
        return self.x * k

    def __contains__(self, k):
        return k == self.x

def make():
    return Vector(3)

def check(v):
    return (len(v + v), v(4), 3 in v) == (6, 12, True) or 'behaviour: other results'

# case: context manager
class Guard:
    def __init__(self):
        self.log = []

    def __enter__(self):
        self.log.append('in')
        return self

    def __exit__(self, *exc):
        self.log.append('out')

def make():
    return Guard()

def check(g):
    with g:
        pass
    return g.log == ['in', 'out'] or 'behaviour: another log'

# case: getstate and setstate
class Stateful:
    def __init__(self):
        self.kept, self.dropped = 1, 2

    def __getstate__(self):
        return {'kept': self.kept}

    def __setstate__(self, state):
        self.__dict__.update(state, dropped=None)

def make():
    return Stateful()

def check(x):
    return (x.kept, x.dropped) == (1, None) or 'behaviour: another state'

# case: reduce
class Reduced:
    def __init__(self, n):
        self.n = n

    def __reduce__(self):
        return (type(self), (self.n + 1,))

def make():
    return Reduced(1)

def check(x):
    return x.n == 2 or 'behaviour: reduce was not asked'

# case: getnewargs
class Immutable(tuple):
    def __new__(cls, a, b):
        return super().__new__(cls, (a, b))

    def __getnewargs__(self):
        return self[0], self[1]

def make():
    return Immutable(1, 2)

def check(x):
    if tuple(x) != (1, 2):
        return 'value: other items'
    return type(x).__name__ == 'Immutable' or 'type: ' + type(x).__name__
