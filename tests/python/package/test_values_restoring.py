# expect-stdout: OK
"""Objects whose methods need attributes come back whole: state first, then items, by no code of their own; also classes of
the main program, made at run time, and in cycles."""

import collections
import dataclasses
import sys

from corps import Corps, create_Corps


class Proxy:
    def __init__(self, target):
        self.target = target

    def __getattr__(self, name):
        return getattr(self.target, name)


class Watching:
    def __init__(self):
        self.seen = []

    def __getattribute__(self, name):
        if not name.startswith('__') and name != 'seen':
            object.__getattribute__(self, 'seen').append(name)
        return object.__getattribute__(self, name)


class Logged(dict):
    def __init__(self, log):
        self.log = log

    def __setitem__(self, key, value):
        self.log.append(key)
        super().__setitem__(key, value)


class Ordered(collections.OrderedDict):
    def __init__(self, log):
        super().__init__()
        self.log = log

    def __setitem__(self, key, value):
        self.log.append(key)
        super().__setitem__(key, value)


class Default(collections.defaultdict):
    def __init__(self, kind, *, name):
        super().__init__(kind)
        self.name = name


class Listed(list):
    def __init__(self, limit):
        super().__init__()
        self.limit = limit

    def append(self, item):
        if len(self) < self.limit:
            super().append(item)

    def extend(self, items):
        for item in items:
            self.append(item)


class Queued(collections.deque):
    def __init__(self, log):
        super().__init__((), 3)
        self.log = log

    def append(self, item):
        self.log.append(item)
        super().append(item)


class Kept(set):
    def __init__(self, name):
        super().__init__()
        self.name = name

    def add(self, item):
        super().add((self.name, item))


class Fixed(frozenset):
    def __new__(cls, name, *items):
        made = super().__new__(cls, items)
        made.name = name
        return made


class Keyed:
    def __init__(self, n):
        self.n = n
        self.home, self.group = {self: 1}, {self}

    def __hash__(self):
        return hash(self.n)

    def __eq__(self, other):
        return isinstance(other, Keyed) and self.n == other.n


class Pair:
    def __new__(cls, a, b):
        made = super().__new__(cls)
        made.a, made.b = a, b
        return made


class Degrees(float):
    def __new__(cls, value, unit):
        made = super().__new__(cls, value)
        made.unit = unit
        return made


class Word(str):
    def __new__(cls, *, text):
        return super().__new__(cls, text)


class Single:
    instance = None

    def __new__(cls):
        if cls.instance is None:
            cls.instance = super().__new__(cls)
        return cls.instance


class Frozen:
    __slots__ = ('x', 'y')

    def __init__(self, x, y):
        object.__setattr__(self, 'x', x)
        object.__setattr__(self, 'y', y)

    def __setattr__(self, name, value):
        raise AttributeError('it is frozen')


@dataclasses.dataclass(frozen=True)
class Data:
    __slots__ = ('x', 'y')
    x: int
    y: list


class Told(Proxy):
    """With its own words about its state."""

    def __getstate__(self):
        return {'target': self.target + [0]}

    def __setstate__(self, state):
        self.__dict__.update(state)
        self.told = True


class Asked:
    """With arguments of its own for __new__."""

    def __new__(cls, n):
        made = super().__new__(cls)
        made.n = n
        return made

    def __getnewargs__(self):
        return self.n,

    def __getattr__(self, name):
        if name.startswith('__'):
            raise AttributeError(name)
        return self.n


class Service(Corps):
    def __init__(self):
        super().__init__()

    def look(self, thing, expression):
        return eval(expression, {'x': thing, **globals()})

    def back(self, thing):
        return thing


def filled(thing, *items):
    for item in items:
        thing.update(item) if isinstance(thing, dict) else thing.append(item)
    return thing


def keyed_dict(thing, *keys):
    for key in keys:
        thing[key] = key
    return thing


def set_of(thing, *items):
    set.update(thing, items)
    return thing


def ring():
    proxy = Proxy([])
    proxy.target.append(proxy)
    return proxy


def things():
    found = [
        (Proxy([1, 2]), 'x.count(1) == 1'),
        (ring(), 'x.target[0] is x'),
        (Proxy(Proxy('text')), 'x.upper() == "TEXT"'),
        (Watching(), 'x.seen == []'),
        (keyed_dict(Logged([]), 'a', 'b'), 'x.log == ["a", "b"] and x == {"a": "a", "b": "b"}'),
        (keyed_dict(Ordered([]), 'b', 'a'), 'x.log == ["b", "a"] and list(x) == ["b", "a"]'),
        (keyed_dict(Default(list, name='n'), 'k'), 'x.name == "n" and x["other"] == [] and x["k"] == "k"'),
        (filled(Listed(1), 5), 'x == [5] and x.limit == 1'),
        (filled(Queued([]), 1, 2), 'list(x) == [1, 2] and x.maxlen == 3 and x.log == [1, 2]'),
        (set_of(Kept('n'), 1, 2), 'x == {1, 2} and x.name == "n"'),
        (Fixed('n', 1, 2), 'x == frozenset((1, 2)) and x.name == "n"'),
        (Keyed(3), 'x in x.home and x in x.group and list(x.home)[0] is x'),
        ({Keyed('k'): 1}, 'next(iter(x)).home == {Keyed("k"): 1}'),
        (Pair(1, [2]), '(x.a, x.b) == (1, [2])'),
        (Degrees(1.5, 'C'), 'x == 1.5 and x.unit == "C"'),
        (Word(text='a'), 'x == "a" and type(x).__name__ == "Word"'),
        (Single(), 'x is Single()'),
        (Frozen(1, [2]), '(x.x, x.y) == (1, [2])'),
        (Data(1, [2]), 'x == Data(1, [2])'),
        (Told([1]), 'x.target[:2] == [1, 0] and x.told'),
        (Asked(4), 'x.n == 4 and x.other == 4'),
    ]
    if sys.version_info >= (3, 10):
        made = dataclasses.make_dataclass('Slotted', ['x', 'y'], frozen=True, slots=True)
        found.append((made(1, [2]), '(x.x, x.y) == (1, [2])'))
    return found


def made_at_run_time(kind):
    """A class like this one that others cannot import."""
    return type(kind.__name__, (kind,), {'__module__': __name__, '__slots__': ()} if hasattr(kind, '__slots__') else
                {'__module__': __name__})


def check(service, thing, expression):
    problem = None
    try:
        there = service.look(thing, expression).Ret
        back = service.back(thing).Ret
        good = there and eval(expression, {'x': back, **globals()}) and type(back) is type(thing)
    except Exception as error:
        good, problem = False, error
    assert good, (thing.__class__, expression, problem)


def main():
    with create_Corps(Service, ConfigDicts=[{'NumEnvs': 1}], Serializer='auto') as service:
        for thing, expression in things():
            check(service, thing, expression)
        for kind, arguments, expression in ((Proxy, ([1],), 'x.count(1) == 1'), (Pair, (1, 2), 'x.b == 2'),
                                            (Keyed, (3,), 'x in x.home'), (Logged, ([],), 'x.log == []'),
                                            (Frozen, (1, 2), 'x.y == 2')):
            check(service, made_at_run_time(kind)(*arguments), expression)
    print('OK')


if __name__ == '__main__':
    main()
