"""Types of the standard library."""
import array
import collections
import datetime
import decimal
import fractions
import hashlib
import ipaddress
import logging
import pathlib
import re
import string
import struct
import types
import uuid
# data: date = datetime.date(2026, 11, 23)
# data: datetime = datetime.datetime(2026, 11, 23, 12, 30)
# data: datetime with zone = datetime.datetime(2026, 11, 23, tzinfo=datetime.timezone(datetime.timedelta(hours=2), 'EET'))
# data: timedelta = datetime.timedelta(days=3, microseconds=5)
# data: utc = datetime.timezone.utc
# data: decimal = decimal.Decimal('3.14159265358979323846264338327950288')
# data: decimal nan = decimal.Decimal('NaN') | like: str
# data: fraction = fractions.Fraction(22, 7)
# data: uuid = uuid.UUID(int=5)
# data: pure path = pathlib.PurePosixPath('/a/b')
# data: path = pathlib.Path('/a/b')
# data: compiled expression = re.compile('a(b+)', re.I)
# data: array of doubles = array.array('d', [1.5, 2.5])
# data: array of bytes = array.array('B', b'abc')
# data: deque = collections.deque([1, 2, 3], maxlen=5)
# data: ordered dict = collections.OrderedDict([('z', 1), ('a', 2)])
# data: counter = collections.Counter('abca')
# data: default dict of list = collections.defaultdict(list, {'a': [1]})
# data: chain map = collections.ChainMap({'a': 1}, {'b': 2})
# data: user dict = collections.UserDict({'a': 1})
# data: simple namespace = types.SimpleNamespace(a=1, b='c')
# data: ip address = ipaddress.ip_address('192.0.2.1')
# data: ip network = ipaddress.ip_network('192.0.2.0/24')
# data: template = string.Template('$a').template
# data: module function = re.sub
# data: class of a module = collections.OrderedDict

# case: default dict with a lambda
def make():
    import collections
    return collections.defaultdict(lambda: 7)

def check(x):
    return x['new'] == 7 or 'behaviour: another default'

# case: match of an expression | data
def make():
    import re
    return re.match('a(b)', 'ab')

def check(m):
    return m.group(1) == 'b' or 'value: another group'

# case: mapping proxy | data
def make():
    import types
    return types.MappingProxyType({'a': 1})

def check(x):
    import types
    if dict(x) != {'a': 1}:
        return 'value: other items'
    return type(x) is types.MappingProxyType or 'type: ' + type(x).__name__

# case: ctypes int | data
def make():
    import ctypes
    return ctypes.c_int(42)

def check(x):
    return x.value == 42 or 'value: another number'

# case: ctypes structure
import ctypes

class Pair(ctypes.Structure):
    _fields_ = [('a', ctypes.c_int), ('b', ctypes.c_double)]

def make():
    return Pair(3, 4.5)

def check(x):
    return (x.a, x.b) == (3, 4.5) or 'value: other fields'

# case: struct | data
def make():
    import struct
    return struct.Struct('<HI')

def check(x):
    return x.pack(1, 2) == b'\1\0\2\0\0\0' or 'behaviour: packs otherwise'

# case: hash object | data
def make():
    import hashlib
    h = hashlib.sha256()
    h.update(b'abc')
    return h

def check(h):
    import hashlib
    return h.digest() == hashlib.sha256(b'abc').digest() or 'behaviour: another digest'

# case: random generator | data
def make():
    import random
    r = random.Random(5)
    r.random()
    return r

def check(r):
    import random
    other = random.Random(5)
    other.random()
    return r.random() == other.random() or 'behaviour: another sequence'

# case: string io | data
def make():
    import io
    s = io.StringIO('line one\nline two')
    s.readline()
    return s

def check(s):
    return s.readline() == 'line two' or 'behaviour: at another place'

# case: bytes io | data
def make():
    import io
    b = io.BytesIO(b'abcdef')
    b.seek(2)
    return b

def check(b):
    return b.read() == b'cdef' or 'behaviour: at another place'

# case: named tuple of the library | data
def make():
    import time
    return time.gmtime(0)

def check(t):
    return t.tm_year == 1970 or 'value: another year'

# case: operator itemgetter | data
def make():
    import operator
    return operator.itemgetter(1)

def check(f):
    return f('ab') == 'b' or 'behaviour: gets another item'

# case: operator attrgetter | data
def make():
    import operator
    return operator.attrgetter('real')

def check(f):
    return f(3) == 3 or 'behaviour: gets another attribute'

# case: argparse parser | data
def make():
    import argparse
    p = argparse.ArgumentParser()
    p.add_argument('--n', type=int, default=3)
    return p

def check(p):
    return p.parse_args(['--n', '5']).n == 5 or 'behaviour: parses otherwise'

# case: logging record | data
def make():
    import logging
    return logging.LogRecord('n', 20, 'p', 1, 'text %d', (5,), None)

def check(r):
    return r.getMessage() == 'text 5' or 'value: another text'

# case: exception with traceback text | data
def make():
    try:
        raise ValueError('gone', 7)
    except ValueError as e:
        return e

def check(e):
    return (type(e), e.args) == (ValueError, ('gone', 7)) or 'value: another exception'

# case: os error | data
def make():
    return FileNotFoundError(2, 'No such file', 'name')

def check(e):
    return (e.errno, e.filename) == (2, 'name') or 'value: other fields'

# case: zip of a tempfile name | data
def make():
    import tempfile
    return tempfile.gettempdir

def check(f):
    return isinstance(f(), str) or 'behaviour: no text'

# case: calendar | data
def make():
    import calendar
    return calendar.TextCalendar(6)

def check(c):
    return c.getfirstweekday() == 6 or 'value: another day'

# case: heap of tuples | data
def make():
    import heapq
    h = [(3, 'c'), (1, 'a'), (2, 'b')]
    heapq.heapify(h)
    return h

def check(h):
    import heapq
    return heapq.heappop(h) == (1, 'a') or 'behaviour: another order'

# case: xml element | data
def make():
    import xml.etree.ElementTree as et
    return et.fromstring('<a x="1"><b/></a>')

def check(e):
    return (e.tag, e.get('x'), len(e)) == ('a', '1', 1) or 'value: another element'

# case: syntax tree | data
def make():
    import ast
    return ast.parse('a + 1', mode='eval')

def check(t):
    return eval(compile(t, 'x', 'eval'), {'a': 2}) == 3 or 'behaviour: another value'

# case: enum of the library | data
def make():
    import re
    return re.I

def check(x):
    import re
    return x is re.I or 'identity: another member'

# case: ctypes structure with a union, bits and arrays
import ctypes

class Word(ctypes.Union):
    _fields_ = [('number', ctypes.c_uint32), ('octets', ctypes.c_ubyte * 4)]

class Record(ctypes.Structure):
    _pack_ = 1
    _anonymous_ = ('word',)
    _fields_ = [('tag', ctypes.c_char), ('word', Word), ('low', ctypes.c_uint8, 3), ('high', ctypes.c_uint8, 5), ('items', Word * 3)]

    def total(self):
        return self.low + self.high

def make():
    record = Record(b'r', low=5, high=9)
    record.number = 7
    record.items[1].number = 8
    return record

def check(x):
    if (x.tag, x.number, x.octets[0], x.items[1].number) != (b'r', 7, 7, 8):
        return 'value: other fields'
    return x.total() == 14 or 'behaviour: another total'

# case: ctypes structure with a part of it
import ctypes

class Point(ctypes.Structure):
    _fields_ = [('x', ctypes.c_int), ('y', ctypes.c_int)]

class Line(ctypes.Structure):
    _fields_ = [('a', Point), ('b', Point)]

def make():
    line = Line()
    return line.b, line, line.b

def check(three):
    three[0].y = 5
    return (three[1].b.y, three[2].y) == (5, 5) or 'sharing: several structures instead of one'

# case: ctypes big-endian structure
import ctypes

class Head(ctypes.BigEndianStructure):
    _fields_ = [('kind', ctypes.c_uint16), ('size', ctypes.c_uint32)]

def make():
    return Head(0x0102, 3)

def check(x):
    if (x.kind, x.size) != (0x0102, 3):
        return 'value: other fields'
    return bytes(x)[:2] == bytes([1, 2]) or 'behaviour: another order of bytes'

# case: ctypes structure derived, and one that points to its like
import ctypes

class Base(ctypes.Structure):
    _fields_ = [('a', ctypes.c_int)]

class Derived(Base):
    _fields_ = [('b', ctypes.c_int)]

class Node(ctypes.Structure):
    pass

Node._fields_ = [('value', ctypes.c_int), ('next', ctypes.POINTER(Node))]

def make():
    return Derived(1, 2), Base, Node

def check(three):
    import ctypes
    derived, base, node = three
    if not isinstance(derived, base) or (derived.a, derived.b) != (1, 2):
        return 'type: another structure'
    last = node(6)
    return node(5, ctypes.pointer(last)).next.contents.value == 6 or 'behaviour: other pointers'

# case: ctypes array and number of classes of their own
import ctypes

class Celsius(ctypes.c_int16):
    def kelvin(self):
        return self.value + 273

def make():
    return (Celsius * 2)(Celsius(4), Celsius(5)), Celsius(6), (ctypes.c_double * 3)(1, 2, 3)

def check(three):
    if list(three[2]) != [1, 2, 3]:
        return 'value: other numbers'
    return (three[1].kelvin(), three[0][1].kelvin()) == (279, 278) or 'behaviour: another number'

# case: ctypes structure with a pointer is refused
import ctypes

class Text(ctypes.Structure):
    _fields_ = [('at', ctypes.c_char_p)]

def make():
    return Text(b'x')

def check(x):
    return x.at == b'x' or 'value: an address of another process'
