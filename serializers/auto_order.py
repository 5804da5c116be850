"""Sets in an order of their content: the hash of a text is another one in each process, and the C pickler takes a set as it lies.

A message whose sets have two items or more is written anew by the pickler in Python, which can be told what comes first.
That is slower, so it is for what is compared or kept by its bytes.

This module is `_corps_auto_order`.
"""
import io
import pickle

_COMPARED_BYTES_MAX = 4 << 20  # of what is written of items to compare them; sets beyond that are written as they lie
_ATOMS = frozenset((str, bytes, int, float, bool, complex, type(None)))


def _content(item):
    """What tells plain items apart, as a text; None: it is not plain."""
    kind = type(item)
    if kind in _ATOMS:
        return '%s %r' % (kind.__name__, item)
    if kind is not tuple and kind is not frozenset:
        return None
    parts = [_content(part) for part in item]
    if None in parts:
        return None
    return '%s (%s)' % (kind.__name__, ', '.join(parts if kind is tuple else sorted(parts)))


class _Bounded(io.BytesIO):
    """What is compared of the items of a message's sets."""

    def __init__(self, left):
        super().__init__()
        self.left = left  # a list of one number

    def write(self, data):
        self.left[0] -= len(data)
        if self.left[0] < 0:
            raise pickle.PicklingError('too much to compare')
        return super().write(data)


class Ordered(pickle._Pickler):
    """As pickle.Pickler, but sets are written in order. reduce(state, thing) as reducer_override; state.fresh() is for a
    message of its own."""

    dispatch = dict(pickle._Pickler.dispatch)

    def __init__(self, file, reduce, state, protocol=5, buffer_callback=None, left=None):
        super().__init__(file, protocol, buffer_callback=buffer_callback)
        self.reduce, self.state = reduce, state
        self.compares = left is not None
        self.left = left if self.compares else [_COMPARED_BYTES_MAX]

    def reducer_override(self, thing):
        reduced = self.reduce(self.state, thing)
        if reduced is NotImplemented and isinstance(thing, (set, frozenset)) and lies_as_built_in(type(thing)):
            cls, _, *rest = thing.__reduce__()
            return (cls, (self.in_order(thing),), *rest)
        return reduced

    def in_order(self, items):
        """A list; as it lies, where an item's content cannot be said."""
        items = list(items)
        if len(items) < 2:
            return items
        if len({type(item) for item in items}) == 1 and type(items[0]) in (str, bytes, int):
            return sorted(items)
        keys = [_content(item) for item in items]
        if None in keys:
            if self.compares:
                return []  # they may lead back, and cost without end: the rest has to tell items apart
            keys = self.written(items)
        return items if keys is None else [items[index] for index in sorted(range(len(items)), key=keys.__getitem__)]

    def written(self, items):
        """What each item is by itself, None where that cannot be said of one."""
        keys = []
        for item in items:
            with _Bounded(self.left) as file:
                try:
                    Ordered(file, self.reduce, self.state.fresh(), left=self.left).dump(item)
                except Exception:
                    return None
                keys.append(file.getvalue())
        return keys

    def save_set(self, items):
        ordered = self.in_order(items)
        self.write(pickle.EMPTY_SET)
        self.memoize(items)
        for start in range(0, len(ordered), self._BATCHSIZE):
            self.write(pickle.MARK)
            for item in ordered[start:start + self._BATCHSIZE]:
                self.save(item)
            self.write(pickle.ADDITEMS)

    def save_frozenset(self, items):
        self.write(pickle.MARK)
        for item in self.in_order(items):
            self.save(item)
        if id(items) in self.memo:  # it was within one of its items
            self.write(pickle.POP_MARK + self.get(self.memo[id(items)][0]))
            return
        self.write(pickle.FROZENSET)
        self.memoize(items)

    dispatch[set] = save_set
    dispatch[frozenset] = save_frozenset


def lies_as_built_in(cls):
    return cls.__reduce__ in (set.__reduce__, frozenset.__reduce__) and cls.__reduce_ex__ is object.__reduce_ex__
