"""What users of other libraries reported as not coming back whole, in our own words: containers, streams, functions."""

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
