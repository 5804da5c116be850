"""Chunks: many items that go to a Worker in one call. What map, filter and reduce over Workers, and the Executor, are made of.

A chunk is a call of the method `_corps_chunk`, which every Worker has: it applies a method or a function to the items and answers with
how long that took and with the list of results. An item that fails ends its chunk: the results before it are answered too.
"""

import functools
import inspect
import time
import types
import weakref
from itertools import islice, starmap

from . import _errors, _pickling
from ._deadline import cancelled

TARGET_SECONDS = 0.01
"""What a chunk of automatic size aims at: a call costs a hundredth of that, and a small part of the work is under way in each Worker."""

_SHORT_SECONDS = 0.01
_TAIL_SECONDS = 0.004
GROWTH = 128
MOST_ITEMS = 10000
_BLOCK_SECONDS = 0.001


# ---- at the Worker ----

class Failure(tuple):
    """What an item has failed with: what _hooks.failure says of it. An instance can only come where pickles are loaded, so what it holds
    may be loaded too; where none are, a list comes in its place."""

    __slots__ = ()


def _take(source, count, seconds, items, goes_on=None):
    """Appends up to `count` items of an iterator to a list; fewer when `seconds` have passed, or `goes_on` says no. What the iterator
    raises is the caller's, and what came before it is in the list. By blocks: looking at the clock would cost as much as a small item."""
    begun, block = time.perf_counter(), 1
    while count > 0:
        before, at = len(items), time.perf_counter()
        items.extend(islice(source, min(block, count)))
        added, now = len(items) - before, time.perf_counter()
        count -= block
        if added < min(block, count + block) or now - begun > seconds or (goes_on is not None and not goes_on()):
            return
        block = 2 * block if now - at < _BLOCK_SECONDS else max(1, block // 2)


def _applied(kind, function, items):
    """The iterator of results."""
    if kind == 'map':
        return map(function, *items)
    return starmap(function, items) if kind == 'starmap' else map(function, items)


async def _awaited(kind, coroutines, failure, begun):
    """The answer where an `async def` was applied: all of the chunk's run at the same time, on the Env's event loop. coroutines: their
    iterator, which begins here, since nothing has begun when the call is cancelled before. failure: what has come after them."""
    import asyncio
    results = []
    for result in await asyncio.gather(*coroutines, return_exceptions=True):
        if isinstance(result, BaseException):
            failure = _told(result)
            break
        results.append(result)
    return _answer(kind, results, failure, begun)


def _told(exception):
    """A Failure. A Crash says that the Worker itself is broken: the whole call fails with it, and the Worker with the call."""
    if _errors.is_crash(exception):
        raise exception
    from . import _hooks
    kind, text, trace, data, _ = _hooks.failure(exception)
    told = kind, text, trace, data
    return Failure(told) if _pickling.allowed else list(told)


def _answer(kind, results, failure, begun):
    if kind == 'filter':
        results = bytes(map(bool, results))
    seconds = time.perf_counter() - begun
    return (seconds, results) if failure is None else (seconds, results, failure)


def run(worker, kind, what, items):
    """At the Worker: applies the method called `what`, or the function `what`, to each of `items`. kind: 'map' (items: a tuple of columns,
    one for each argument), 'starmap' (a list of tuples of arguments), 'filter' (a list; the answer is a byte for each) or 'reduce' (a
    list; the answer is a list of one). Gives (seconds, results) or (seconds, results before the failure, Failure)."""
    begun = time.perf_counter()
    results, failure = [], None
    try:
        function = getattr(worker, what) if isinstance(what, str) else what
        is_async = inspect.iscoroutinefunction(function)
        if kind == 'reduce':
            if is_async:
                raise TypeError('reduce takes a plain function or method, and this one is async')
            results.append(functools.reduce(function, items))
        elif is_async:
            return _awaited(kind, _applied(kind, function, items), None, begun)
        else:
            count = len(items[0]) if kind == 'map' else len(items)
            _take(_applied(kind, function, items), count, float('inf'), results, _wanted)
            if len(results) < count and _wanted():
                raise RuntimeError('the function raised StopIteration')  # which map takes for the end of its input
    except BaseException as exception:
        failure = _told(exception)
    if results and type(results[0]) is types.CoroutineType:  # of a function that did not look like it
        return _awaited(kind, results, failure, begun)
    return _answer(kind, results, failure, begun)


def _wanted():
    return not cancelled()


# ---- at the caller ----

def exception_of(failure, index):
    """The exception of an item that failed at its Worker, as a call raises it; `Index` is the item's number, from 0."""
    from . import _hooks
    kind, text, trace, data = failure
    error = _hooks.remote('REMOTE', kind, text, trace, data, '', isinstance(failure, Failure))
    error.Index = index
    return error


class Source:
    """The input: iterables, whose items are taken side by side, as zip does it, and cut into chunks. One iterable that is a range, a list
    or a tuple is sliced; a range travels as a range."""

    def __init__(self, kind, iterables):
        self.kind = kind
        self.first = 0  # the number of the next item
        self.error = None  # what the input itself has raised
        self.seconds = 0.0  # that it took to get the last chunk
        self._spell = False
        self._columns = len(iterables) if kind == 'map' else 0
        only = iterables[0] if len(iterables) == 1 else None
        self._sliced = only if type(only) in (range, list, tuple) else None
        try:
            self._count = min(len(iterable) for iterable in iterables)
        except TypeError:
            self._count = None
        self._rows = None if self._sliced is not None else iter(only) if len(iterables) == 1 else zip(*iterables)
        self._has_more = True

    def spelled(self, items):
        """The same items without a range, for a serializer that carries none; and so from now on."""
        self._spell = True
        return tuple(list(column) for column in items) if self.kind == 'map' else list(items)

    @property
    def is_range(self):
        """Do ranges travel?"""
        return isinstance(self._sliced, range) and not self._spell

    @property
    def left(self):
        """How many items are left, None when that is not known."""
        return None if self._count is None else max(0, self._count - self.first)

    def cut(self, count):
        """(items, how many) of up to `count` items, as _chunks.run takes them; None at the end. A slow input gives fewer: what it has
        given is not held back until a large chunk is full."""
        if not self._has_more:
            return None
        begun, rows = time.perf_counter(), []
        if self._sliced is not None:
            rows = self._sliced[self.first:self.first + count]
            rows = list(rows) if self._spell else rows
        else:
            try:
                _take(self._rows, count, TARGET_SECONDS, rows)
            except Exception as error:
                self.error, self._has_more = error, False
        if not rows:
            self._has_more = False
            return None
        self.first += len(rows)
        self.seconds = time.perf_counter() - begun
        if self._columns == 0:
            return rows, len(rows)
        return ((rows,) if self._columns == 1 else tuple(zip(*rows))), len(rows)


_memories = weakref.WeakKeyDictionary()


def memory_of(function):
    """Where a Sizer keeps how long an item took this function last; empty at first. What no weak reference can refer to is not remembered."""
    try:
        return _memories.setdefault(function, [])
    except TypeError:
        return []


class Sizer:
    """How many items the next chunk has: a fixed number, or as many as took TARGET_SECONDS so far. It begins with one and grows by GROWTH
    at most with each answer, since the first items may be cheap. Of an input whose length is known no Worker gets more than half of its
    share of what is left, so that all end at about the same time (guided self-scheduling, Polychronopoulos and Kuck 1987); but no
    chunk is cut shorter than _TAIL_SECONDS for that. There it begins with what `memory` says of the last time: should these items
    take longer, the shares still see to it that all Workers have some."""

    def __init__(self, fixed=None, memory=None):
        self._fixed = fixed
        self._memory = [] if memory is None else memory
        self._recalled = self._memory[0] if self._memory else None  # seconds an item
        self._size = 1
        self._proven = 1
        self._seconds = 0.0  # of the last chunks, those before count less and less
        self._count = 0.0

    def _fit(self, seconds):
        """How many items take so long."""
        if self._recalled is not None:
            return int(seconds / max(self._recalled, 1e-9))
        return int(seconds * self._count / max(self._seconds, 1e-9))

    def size(self, left, members):
        if self._fixed is not None:
            return self._fixed
        if left is None:
            return self._size
        size = self._size if self._recalled is None else max(1, min(self._fit(TARGET_SECONDS), MOST_ITEMS))
        return min(size, max(1, -(-left // (2 * members)), self._fit(_TAIL_SECONDS)))

    def depth(self):
        """How many chunks a Worker has at the same time: two, of which one waits there, where that is not for long."""
        return 2 if (self._fixed or self._size) <= self._fit(_SHORT_SECONDS) else 1

    def learn(self, count, seconds):
        """A chunk of `count` items took `seconds`: at the Worker, and here for sending it and taking its results."""
        self._recalled = None
        self._seconds = 0.5 * self._seconds + seconds
        self._count = 0.5 * self._count + count
        self._proven = max(self._proven, count)
        self._size = max(1, min(self._fit(TARGET_SECONDS), self._proven * GROWTH, MOST_ITEMS))
        self._memory[:] = [self._seconds / self._count]


def check_size(value, name):
    """A number of items a chunk, or None: automatic."""
    if value is None:
        return
    if isinstance(value, bool) or not isinstance(value, int):
        raise TypeError(f'{name} is a number of items, or None for a size by the time that they take; not {value!r}')
    if value < 1:
        raise ValueError(f'{name} must be at least 1, not {value!r}')


