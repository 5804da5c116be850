# expect-stdout: OK
"""Instances that are nothing but their attributes go a way of their own with the serializer auto: the same as pickle's in
all but speed, also when their class changes."""

import copyreg
import dataclasses
import pickle
import sys

from corps import Conc, Corps, create_Concs, create_Corps

import _corps_auto

MANY = 20  # more than go the usual way at first


class Plain:
    def __init__(self, number):
        self.name, self.number, self.value = 'name %d' % number, number, number / 7


@dataclasses.dataclass
class Record:
    number: int
    text: str = 'none'
    parts: list = dataclasses.field(default_factory=list)


@dataclasses.dataclass(frozen=True)
class Key:
    number: int
    text: str


class Slots:
    __slots__ = ('a', 'b', '__weakref__')


class Both(Slots):
    def __init__(self, a, b, c):
        self.a, self.b, self.c = a, b, c


class Proxy:
    def __init__(self, target):
        self.target = target

    def __getattr__(self, name):
        return getattr(self.target, name)


class Hidden:
    """A property over an attribute of the same name, and a __setattr__ of its own."""

    def __init__(self, value):
        self.__dict__['value'] = value

    @property
    def value(self):
        return 'property of %d' % self.__dict__['value']

    def __setattr__(self, name, value):
        raise AttributeError('nothing is set from outside')


class Mangled:
    __slots__ = ('__secret',)

    def __init__(self, secret):
        self.__secret = secret

    def get(self):
        return self.__secret


class Node:
    def __init__(self, name, other=None):
        self.name, self.other = name, other


class Changing:
    made = 0

    def __init__(self, number):
        self.number = number
        Changing.made += 1


class Echo(Conc):
    def echo(self, thing):
        return thing

    def shown(self, things):
        return [vars(thing) for thing in things]


class Service(Corps):
    def __init__(self):
        super().__init__()
        self.worker = create_Concs(Echo)[0]

    def name(self):
        return self.worker


def check_values(back):
    for make in (Plain, Record, lambda i: Key(i, 'k%d' % i), Hidden, lambda i: Both(i, str(i), None)):
        things = [make(i) for i in range(MANY)]
        got = back(things)
        assert [type(thing) for thing in got] == [type(thing) for thing in things]
        for thing, other in zip(things, got):
            assert list(vars(thing).items()) == list(vars(other).items()), 'attributes and their order'
    assert [(thing.a, thing.b) for thing in back([Both(i, 2, 3) for i in range(MANY)])] == [(i, 2) for i in range(MANY)]
    assert back([Hidden(i) for i in range(MANY)])[15].value == 'property of 15'
    assert [thing.get() for thing in back([Mangled(i) for i in range(MANY)])] == list(range(MANY))
    assert [thing.target for thing in back([Proxy(i) for i in range(MANY)])] == list(range(MANY))
    assert {Key(i, 'x') for i in range(MANY)} == back({Key(i, 'x') for i in range(MANY)})


def check_unlike(back):
    """Instances of one class that have other attributes each."""
    things = [Plain(i) for i in range(MANY)]
    for i, thing in enumerate(things):
        del thing.value
        setattr(thing, 'only %d' % i, i)
    vars(things[3]).clear()
    vars(things[15])[5] = 'no text'
    things[16].value = [things[17]]
    slots = [Slots() for _ in range(MANY)]
    slots[11].a, slots[12].b = 1, 2
    got, got_slots = back((things, slots))
    assert [vars(thing) for thing in got if not hasattr(thing, 'value')] == [vars(thing) for thing in things if not hasattr(thing, 'value')]
    assert got[16].value == [got[17]]
    assert [[hasattr(thing, name) for name in 'ab'] for thing in got_slots] == [[hasattr(thing, name) for name in 'ab'] for thing in slots]


def check_graph(back):
    """What is one object stays one, and circles stay circles."""
    shared, text = [1], ''.join(['a', 'text'])
    things = [Node(text, shared) for _ in range(MANY)]
    got = back(things)
    assert all(thing.other is got[0].other for thing in got)
    assert len({id(thing.name) for thing in back([Node(text) for _ in range(MANY)])}) == 1
    one = Node('one')
    assert len(set(map(id, back([one] * MANY)))) == 1
    ring = [Node(i) for i in range(MANY)]
    for i, node in enumerate(ring):
        node.other = ring[i - 1]
    got = back(ring)
    assert all(node.other is got[i - 1] for i, node in enumerate(got))
    inner = [Node('outer', Node(i, 5)) for i in range(MANY)]
    assert [node.other.name for node in back(inner)] == list(range(MANY))


def check_change(back):
    """A class that changes between messages: what pickle would do then is done."""
    things = [Changing(i) for i in range(MANY)]
    assert [thing.number for thing in back(things)] == list(range(MANY))
    Changing(1)
    assert [thing.number for thing in back(things)] == list(range(MANY))
    Changing.__getstate__ = lambda self: {'number': -self.number}
    assert [thing.number for thing in back(things)] == [-i for i in range(MANY)]
    del Changing.__getstate__
    assert [thing.number for thing in back(things)] == list(range(MANY))
    Changing.__reduce__ = lambda self: (Plain, (self.number,))
    assert {type(thing) for thing in back(things)} == {Plain}
    del Changing.__reduce__
    Changing.__getnewargs__ = lambda self: ()
    Changing.__new__ = lambda cls, *args: object.__new__(cls)
    assert [thing.number for thing in back(things)] == list(range(MANY))
    copyreg.pickle(Changing, lambda thing: (Key, (thing.number, 'registered')))
    assert {type(thing) for thing in back(things)} == {Key}
    del copyreg.dispatch_table[Changing]


def check_setstate_there():
    """Who has got a __setstate__ since is asked by it."""
    data = _corps_auto.dumps([Node(i, 'x') for i in range(MANY)])
    Node.__setstate__ = lambda self, state: vars(self).update(state, restored=True)
    try:
        assert all(node.restored for node in _corps_auto.loads(data))
    finally:
        del Node.__setstate__
    assert not hasattr(_corps_auto.loads(data)[-1], 'restored')


def check_by_value(worker):
    """A class made at run time, whose own attributes are instances of it."""
    names = {'__name__': 'made_at_run_time', 'MANY': MANY}
    exec('class Self:\n'
         '    def __init__(self, n): self.__dict__["n"] = n\n'
         '    @property\n'
         '    def n(self): return "n is %d" % self.__dict__["n"]\n'
         'Self.all = [Self(i) for i in range(MANY)]\n', names)
    things = [names['Self'](i) for i in range(MANY)]
    assert worker.shown(things).Ret == [{'n': i} for i in range(MANY)]
    assert worker.shown(names['Self'].all).Ret == [{'n': i} for i in range(MANY)]
    assert worker.echo(things).Ret[-1].n == 'n is %d' % (MANY - 1)


def check_generated(back):
    """Classes whose __getstate__ a library made."""
    if sys.version_info >= (3, 10):
        cls = dataclasses.make_dataclass('Generated', ['a', 'b'], frozen=True, slots=True, module=__name__) if sys.version_info >= (3, 12) \
            else dataclasses.make_dataclass('Generated', ['a', 'b'], frozen=True, slots=True, namespace={'__module__': __name__})
        cls.__qualname__ = cls.__name__ = 'Generated'
        globals()['Generated'] = cls
        things = [cls(i, 'b') for i in range(MANY)]
        assert [(thing.a, thing.b) for thing in back(things)] == [(i, 'b') for i in range(MANY)]
    try:
        import attr
    except ImportError:
        print('attrs is not installed: its classes were not tried')
        return
    for options in ({}, {'slots': True}, {'slots': True, 'frozen': True}, {'slots': True, 'cache_hash': True, 'eq': True, 'frozen': True}):
        cls = attr.make_class('OfAttrs', ['a', 'b'], **options)
        cls.__module__, globals()['OfAttrs'] = __name__, cls
        things = [cls(i, 'b') for i in range(MANY)]
        assert all(hash(thing) for thing in things) if 'frozen' in options else True
        got = back(things)
        assert [(thing.a, thing.b) for thing in got] == [(i, 'b') for i in range(MANY)]
        assert got == things


def main():
    def here(thing):
        return _corps_auto.loads(_corps_auto.dumps(thing))

    assert b'Shape' in _corps_auto.dumps([Plain(i) for i in range(MANY)])
    assert b'Shape' not in _corps_auto.dumps([Plain(i) for i in range(3)]), 'not worth it'
    with create_Corps(Service, ConfigDicts=[{'NumEnvs': 2}], Serializer='auto') as service:
        worker = service.name().Ret

        def there(thing):
            return worker.echo(thing).Ret
        for back in here, there:
            check_values(back)
            check_unlike(back)
            check_graph(back)
        for back in here, lambda thing: pickle.loads(_corps_auto.dumps(thing)):
            check_change(back)
        check_setstate_there()
        check_by_value(worker)
        check_generated(here)
    print('OK')


if __name__ == '__main__':
    main()
