"""What has no order of its own, or a name made at random: the bytes must be the same in every process all the same."""
import collections

# data: set of texts = {'a', 'b', 'c', 'dd', 'eee', 'f%'}
# data: frozen set of texts = frozenset(['a', 'b', 'c', 'dd', 'eee'])
# data: set of bytes = {b'a', b'b', b'cc'}
# data: set of tuples = {('a', 1), ('b', 2), ('a', 2)}
# data: set of mixed kinds = {'a', 1, None, 2.5, b'x', ('a',)}
# data: set of frozen sets = {frozenset(['a', 'b']), frozenset(['c', 'd', 'e']), frozenset()}
# data: sets in a dictionary = {'x': {'a', 'b', 'c'}, 'y': [{'d', 'e', 'f'}]}
# data: counter of texts = collections.Counter({'a': 3, 'b': 2, 'c': 1})
# data: set of 3000 texts = {'text %d' % n for n in range(3000)}

# case: set shared by two lists | data
def make():
    s = {'a', 'b', 'c', 'd'}
    return [s], [s]

def check(x):
    return x[0][0] is x[1][0] and x[0][0] == {'a', 'b', 'c', 'd'} or 'sharing: two sets instead of one'

# case: items of a set are held elsewhere too | data
def make():
    items = [('a', 1), ('b', 2), ('c', 3)]
    return set(items), items

def check(x):
    found, items = x
    return all(any(a is b for b in found) for a in items) or 'sharing: other items'

# case: subclass of set
class Tags(set):
    pass

def make():
    return Tags(['a', 'b', 'c', 'd'])

def check(x):
    return type(x).__name__ == 'Tags' and x == {'a', 'b', 'c', 'd'} or 'value: ' + repr(x)

# case: subclass of frozenset with attributes
class Tags(frozenset):
    pass

def make():
    x = Tags(['a', 'b', 'c', 'd'])
    x.title = 't'
    return x

def check(x):
    return type(x).__name__ == 'Tags' and x == {'a', 'b', 'c', 'd'} and x.title == 't' or 'value: ' + repr(x)

# case: set as a class attribute
class Checked:
    allowed = {'get', 'put', 'post', 'head'}

    def ok(self, name):
        return name in self.allowed

def make():
    return Checked()

def check(x):
    return x.ok('put') and not x.ok('x') and len(x.allowed) == 4 or 'value: ' + repr(x.allowed)

# case: set as a default
def known(name, names={'a', 'b', 'c', 'd'}):
    return name in names

def make():
    return known

def check(f):
    return f('c') and not f('x') or 'behaviour: another set'

# case: set in a closure
def make():
    names = {'a', 'b', 'c', 'd'}
    return lambda name: name in names

def check(f):
    return f('c') and not f('x') or 'behaviour: another set'

# case: set as a global
NAMES = {'a', 'b', 'c', 'd'}

def known(name):
    return name in NAMES

def make():
    return known

def check(f):
    return f('c') and not f('x') or 'behaviour: another set'

# case: set as a constant of code
def known(name):
    return name in {'a', 'b', 'c', 'd'}

def make():
    return known

def check(f):
    return f('c') and not f('x') or 'behaviour: another set'

# case: set of functions
def a():
    return 1

def b():
    return 2

def make():
    return {a, b, len}

def check(x):
    return sorted(f() for f in x if f is not len) == [1, 2] and len in x or 'value: other functions'

# case: set of classes
class A:
    pass

class B:
    pass

def make():
    return {A, B, int}, A

def check(x):
    found, cls = x
    return cls in found and int in found and len(found) == 3 or 'identity: other classes'

# case: set of members of an enum
import enum

class Colour(enum.Enum):
    RED = 1
    GREEN = 2
    BLUE = 3

def make():
    return {Colour.RED, Colour.GREEN, Colour.BLUE}

def check(x):
    cls = type(next(iter(x)))
    return x == set(cls) or 'identity: other members'

# case: set of data classes
import dataclasses

@dataclasses.dataclass(frozen=True)
class Point:
    x: int
    name: str

def make():
    return {Point(n, 'p%d' % n) for n in range(5)}

def check(x):
    return sorted((p.x, p.name) for p in x) == [(n, 'p%d' % n) for n in range(5)] or 'value: other points'

# case: set as a field
import dataclasses

@dataclasses.dataclass
class Tagged:
    tags: set = dataclasses.field(default_factory=lambda: {'a', 'b', 'c'})

def make():
    return Tagged()

def check(x):
    return x.tags == {'a', 'b', 'c'} or 'value: ' + repr(x)

# case: object that its own set leads back to
class Node:
    def __init__(self, name):
        self.name, self.near = name, set()

def make():
    a, b, c = Node('a'), Node('b'), Node('c')
    a.near.update([b, c, a])
    return a

def check(a):
    return sorted(n.name for n in a.near) == ['a', 'b', 'c'] and a in a.near or 'identity: others near it'

# case: weak set
import weakref

class Item:
    def __init__(self, name):
        self.name = name

def make():
    items = [Item('a'), Item('b'), Item('c')]
    return items, weakref.WeakSet(items)

def check(x):
    items, found = x
    return len(found) == 3 and all(item in found for item in items) or 'identity: other items'

# case: abstract class with several registered
import abc

class Shape(abc.ABC):
    pass

@Shape.register
class Round:
    pass

@Shape.register
class Square:
    pass

@Shape.register
class Flat:
    pass

def make():
    return Shape, Round(), Square(), Flat()

def check(x):
    return all(isinstance(one, x[0]) for one in x[1:]) or 'type: not registered'

# case: two classes that are alike
def made():
    class Same:
        n = 1
    return Same

def make():
    return made(), made()

def check(x):
    return x[0] is not x[1] or 'identity: one class instead of two'

# case: classes that differ by a closure
def of(n):
    class Made:
        def get(self):
            return n
    return Made

def make():
    return of(1), of(2), of(3)

def check(x):
    return [c().get() for c in x] == [1, 2, 3] or 'state: another closure'

# case: classes that refer to each other
class Left:
    def other(self):
        return Right()

class Right:
    def other(self):
        return Left()

def make():
    return Left, Right

def check(x):
    left, right = x
    return type(left().other()) is right and type(right().other()) is left or 'identity: other classes'

# case: type variables that are alike
import typing

def make():
    return typing.TypeVar('T'), typing.TypeVar('T')

def check(x):
    return x[0] is not x[1] or 'identity: one variable instead of two'

# case: submodules that a function reaches
def reach():
    import xml.dom.minidom, xml.etree.ElementTree, concurrent.futures.thread
    return lambda: (xml.dom.minidom, xml.etree.ElementTree, concurrent.futures.thread)

def make():
    return reach()

def check(f):
    return [m.__name__.rpartition('.')[2] for m in f()] == ['minidom', 'ElementTree', 'thread'] or 'value: other modules'
