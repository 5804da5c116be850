"""What workloads send: the contents of experiments/payload/make.c, number by number, from the same seed."""

import argparse
import ast
import importlib
import inspect
import json
import pickle
import struct
import textwrap
import types

_GAMMA = 0x9e3779b97f4a7c15
_MASK = (1 << 64) - 1
_SYLLABLES = ('ber', 'lo', 'ka', 'min', 'tor', 'eš', 'na', 'vi', 'sul', 'dé', 'pra', 'go', 'ry', 'xan', 'ul', 'öm')


class _Maker:
    """splitmix64 (Steele, Lea, Flood: Fast Splittable Pseudorandom Number Generators, 2014), and values from it."""

    def __init__(self, seed):
        self.state = seed

    def next_random(self):
        self.state = (self.state + _GAMMA) & _MASK
        z = self.state
        z = ((z ^ (z >> 30)) * 0xbf58476d1ce4e5b9) & _MASK
        z = ((z ^ (z >> 27)) * 0x94d049bb133111eb) & _MASK
        return z ^ (z >> 31)

    def below(self, limit):
        return self.next_random() % limit

    def bin(self, count):
        words = (count + 7) // 8
        content = _many(self.state, words) if count >= 1 << 20 else None
        if content is None:
            content = b''.join(struct.pack('<Q', self.next_random()) for _ in range(words))
        else:
            self.state = (self.state + words * _GAMMA) & _MASK
        return content[:count]

    def word(self):
        third, second, first = (_SYLLABLES[self.below(16)] for _ in range(3))
        return first + second + third

    def text(self, words):
        return ' '.join(self.word() for _ in range(words))

    def int(self):
        bits = 1 + self.below(63)
        value = self.next_random() >> (64 - bits)
        return -value if self.below(4) == 0 else value

    def address(self):
        return {'street': self.text(2), 'city': self.text(1), 'code': self.below(100000)}

    def record(self):
        return {
            'id': self.next_random() >> 1, 'name': self.text(2), 'age': self.below(100),
            'balance': self.below(2000000) - 1000000, 'score': (self.next_random() >> 11) / (1 << 53),
            'active': self.below(2) == 0, 'manager': None, 'tags': [self.text(1) for _ in range(4)],
            'address': self.address(), 'digest': self.bin(32), 'comment': self.text(12)}

    def node(self, depth):
        if depth == 0 or (depth < 4 and self.below(8) == 0):
            return self.int() if self.below(2) == 0 else self.text(1)
        name, left, right = self.text(1), self.node(depth - 1), self.node(depth - 1)
        if depth % 2 == 0:
            return {'name': name, 'left': left, 'right': right}
        return {'name': name, 'children': [left, right]}


def _many(state, words):
    """The same numbers for large contents, without a loop in Python; None without numpy."""
    try:
        import numpy
    except ImportError:
        return None
    with numpy.errstate(over='ignore'):
        z = numpy.arange(1, words + 1, dtype=numpy.uint64) * numpy.uint64(_GAMMA) + numpy.uint64(state)
        z = (z ^ (z >> numpy.uint64(30))) * numpy.uint64(0xbf58476d1ce4e5b9)
        z = (z ^ (z >> numpy.uint64(27))) * numpy.uint64(0x94d049bb133111eb)
        return (z ^ (z >> numpy.uint64(31))).astype('<u8').tobytes()


def _document(path):
    """The user's document: JSON, or else msgpack."""
    with open(path, 'rb') as file:
        data = file.read()
    try:
        return json.loads(data)
    except ValueError:
        import msgpack
        return msgpack.unpackb(data, strict_map_key=False)


# As in experiments/payload/python.c.
_INSTANCE = '''def factory():
    class Point:
        def __init__(self, x, y):
            self.x, self.y = x, y
        def norm(self):
            return self.x * self.x + self.y * self.y
        def moved(self, dx, dy):
            return Point(self.x + dx, self.y + dy)
    return Point(3, 4)
'''
_FUNCTION = '''def factory():
    step = 3
    def moved(x, times=1):
        return x + step * times
    return moved
'''


def _made(source):
    namespace = {'__name__': '_corps_run'}
    exec(compile(source, '<corps>', 'exec'), namespace)
    return namespace['factory']()


def build(text, seed):
    """The content that a payload's text names."""
    family, _, argument = text.partition(':')
    maker = _Maker(seed)
    if family == 'bytes':
        return maker.bin(int(argument))
    if family == 'ints':
        return [maker.int() for _ in range(int(argument))]
    if family == 'record':
        return maker.record()
    if family == 'records':
        return [maker.record() for _ in range(int(argument))]
    if family == 'tree':
        return maker.node(6)
    if family == 'ast':
        return ast.parse(inspect.getsource(textwrap))
    if family == 'objects':
        return [argparse.Namespace(id=i, name='name %d' % i, value=i / 7) for i in range(int(argument))]
    if family == 'instance':
        return _made(_INSTANCE)
    if family == 'function':
        return _made(_FUNCTION)
    if family == 'file':
        return _document(argument)
    if family == 'py':
        module, _, factory = argument.partition(':')
        return getattr(importlib.import_module(module), factory)()
    raise ValueError(f'there is no payload {text}')


def same(ours, got):
    """Is this what our content becomes on its way there and back?"""
    if isinstance(ours, ast.AST) and isinstance(got, ast.AST):
        return ast.dump(ours, include_attributes=True) == ast.dump(got, include_attributes=True)
    if isinstance(ours, types.FunctionType) and isinstance(got, types.FunctionType):
        return ours.__code__ == got.__code__ and ours(5, 2) == got(5, 2)
    if type(ours).__eq__ is object.__eq__ and hasattr(ours, '__dict__'):
        return type(ours).__qualname__ == type(got).__qualname__ and vars(ours) == vars(got)
    return ours is got or bool(ours == got) or pickle.dumps(ours) == pickle.dumps(got)


def encoded_bytes(serializer, thing):
    """How many bytes a serializer makes of it."""
    if serializer == 'msgpack':
        import msgpack
        return len(msgpack.packb(thing, use_bin_type=True))
    if serializer == 'cloudpickle':
        import cloudpickle
        return len(cloudpickle.dumps(thing, protocol=5))
    if serializer == 'dill':
        import dill
        return len(dill.dumps(thing, protocol=5, recurse=True))
    if serializer == 'auto':
        import _corps_auto  # in one piece: over a link, definitions are left out of later messages
        return len(_corps_auto.dumps(thing))
    return len(pickle.dumps(thing, protocol=5))
