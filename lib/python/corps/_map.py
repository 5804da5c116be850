"""map, starmap, filter and reduce over Workers: the input goes to them in chunks, and the results come as an iterator.

All of it happens in the thread that takes the results: it waits as calls do (a method that takes them is known to wait), and what
nobody takes holds the input back.
"""

import inspect
import operator
import time
from collections import deque
from itertools import chain, compress
from types import MethodType

from . import _chunks, _core
from ._errors import AsyncRemoteException, CallTimeout, NotSerializable, WorkerLost, WorkerMoved
from ._name import Name

UNTAKEN_EACH = 4
"""Chunks for each Worker that are out, or answered and not yet taken: so many of the others may overtake a slow one."""

TRIES = 3
"""With Retry: a chunk that has been lost so often ends the map. It may be what kills its Workers."""

PARTIALS = 256
"""So many partial results reduce keeps before it reduces them in turn."""


# ---- what is applied, and by whom ----

def _method_of(what, name):
    """The text of a method that was given as such, name.method or the function of the class; else None."""
    is_of_name = isinstance(what, MethodType) and isinstance(what.__self__, Name)
    cls, wanted = (type(what.__self__), what.__func__) if is_of_name else (type(name)._worker_class, what)
    return next((method for method in dir(cls) if inspect.getattr_static(cls, method) is wanted), None) if cls is not None else None


def _applied(what, name):
    """What a chunk names: the text of a method, or a function."""
    cls = type(name)._worker_class
    if isinstance(what, str):
        if cls is not None and not callable(getattr(cls, what, None)) and not _may_have_more(cls):
            raise AttributeError(f"{cls.__name__} has no method '{what}' that could be applied")
        return what
    if not callable(what):
        raise TypeError(f'what is applied is a function, or a method or its name; not {what!r}')
    return _method_of(what, name) or what


def _function_of(what, name):
    """What is applied where it is a method's text, if its class says."""
    return getattr(type(name)._worker_class, what, what) if isinstance(what, str) else what


def _may_have_more(cls):
    """May an object of the class have methods that the class has not: a Func's functions, __getattr__?"""
    from ._create import Func
    return issubclass(cls, Func) or hasattr(cls, '__getattr__')


def workers(names):
    """The Names to call, as a list, of what was given: Names, a pool's Name, or one Worker's."""
    names = [names] if isinstance(names, _core.Name) else list(names)
    if not names:
        raise ValueError('there is no Worker in the list')
    for name in names:
        if not isinstance(name, _core.Name):
            raise TypeError(f'{name!r} is no Name of a Worker')
        if ' in ' not in name.__corps_class__:
            raise TypeError(f'{name} is written in C: only Workers of Python classes take chunks of items; call its methods one by one')
    return names


class _Member:
    """A Worker, and how much it has to do. A pool's Name stands for `weight` Workers, of which the call itself chooses one."""

    __slots__ = ('name', 'weight', 'out', 'losses')

    def __init__(self, name):
        self.name = name
        self.weight = 1
        self.out = 0
        self.losses = 0  # in a row
        self.look()

    def look(self):
        """How many Workers it stands for now."""
        count = getattr(type(self.name), '_members_count', None)
        if count is not None:
            self.weight = max(1, count(self.name))

    def load(self):
        return self.losses, self.out / self.weight


class _Call:
    """A chunk that is out, or answered."""

    __slots__ = ('first', 'count', 'items', 'member', 'future', 'results', 'error', 'tries', 'here')

    def __init__(self, first, items, count):
        self.first, self.count, self.items = first, count, items
        self.member = self.future = self.results = self.error = None
        self.tries = 0
        self.here = 0.0  # seconds that it took in this process


# ---- the chunks of one map ----

class _Stream:
    """A map that is under way."""

    def __init__(self, names, kind, what, source, chunk, end, ordered, retry):
        self.members = [_Member(name) for name in names]
        self.kind, self.what, self.source = kind, what, source
        self.end, self.ordered, self.retry = end, ordered, retry
        self.keeps = retry or kind == 'filter' or any(hasattr(type(name), '_members_count') for name in names)  # the items, till the answer
        self.sizer = _chunks.Sizer(chunk, _chunks.memory_of(_function_of(what, names[0])))
        self.calls = deque()  # what was cut from the input and not yet taken, in order
        self.out = []  # those of them that have no answer yet
        self.done = deque()  # those that have, where the order does not matter
        self.again = deque()  # those that were lost and shall go again

    def chunks(self):
        """The generator of (items, results) of each chunk."""
        try:
            while True:
                call = self._next()
                if call is None:
                    break
                yield call.items, call.results
                if call.error is not None:
                    raise call.error
            if self.source.error is not None:
                raise self.source.error
        finally:
            self._give_up()

    def _next(self):
        """The next one to be taken; None at the end. The Workers have work before its results are looked at."""
        self._collect()
        while True:
            self._fill()
            if not self.calls:
                return None
            if self.ordered and self.calls[0].results is not None:
                return self.calls.popleft()
            if self.done:
                self.calls.remove(self.done[0])
                return self.done.popleft()
            self._wait()
            self._collect()

    def _wait(self):
        left = None if self.end is None else self.end - time.monotonic()
        if left is not None and left <= 0 or not self._answer_within(left):
            raise CallTimeout('not all results were there within the Timeout')

    def _answer_within(self, seconds):
        if len(self.out) == 1:  # the only wait that can find out that it never ends; and that runs a Worker of this Env right here
            return self.out[0].future._wait(seconds)
        return _core.wait_next([call.future for call in self.out], seconds) is not None

    def _collect(self):
        """Takes the answers that have come."""
        if any([call.future.ret_ready() for call in self.out]):
            out, self.out = self.out, []
            for call in out:
                if call.future.ret_ready():
                    self._settle(call)
                else:
                    self.out.append(call)

    def _settle(self, call):
        call.member.out -= 1
        begun = time.perf_counter()
        try:
            seconds, call.results, *failure = call.future.Ret
        except Exception as error:
            is_own = not isinstance(error, AsyncRemoteException)  # else a method has raised it
            if isinstance(error, WorkerMoved) and is_own:
                self.again.append(call)  # it has not run
            elif isinstance(error, WorkerLost) and is_own:
                self._lost(call, error)
            else:
                self._failed(call, error)
            return
        finally:
            call.future = None
        call.member.losses = 0
        if failure:
            call.error = _chunks.exception_of(failure[0], call.first + len(call.results))
        else:
            self.sizer.learn(call.count, seconds + call.here + time.perf_counter() - begun)
        self._answered(call)

    def _failed(self, call, error):
        """The chunk as a whole: nothing of it has come."""
        error.Index = call.first
        call.results, call.error = (), error
        self._answered(call)

    def _answered(self, call):
        if not self.ordered:
            self.done.append(call)

    def _lost(self, call, error):
        """Its Worker has died. One that is lost twice in a row gets nothing more, if there are others."""
        call.tries += 1
        call.member.losses += 1
        if not self.retry or call.tries >= TRIES:
            self._failed(call, error)
            return
        self._leave_out(call.member)
        self.again.append(call)

    def _leave_out(self, member):
        if member.losses > 1 and len(self.members) > 1 and member in self.members:
            self.members.remove(member)

    def _free(self):
        """The member that gets the next chunk: of those that have room the one with the least to do; None. A long chunk waits here, for
        whoever is first, and not behind another one."""
        depth = self.sizer.depth()
        free = [member for member in self.members if member.out < depth * member.weight]
        return min(free, key=_Member.load) if free else None

    def _fill(self):
        """Gives the Workers what they have room for."""
        weight = sum(member.weight for member in self.members)
        while len(self.calls) < UNTAKEN_EACH * weight or self.again:
            member = self._free()
            if member is None:
                return
            if self.again:
                self._send(self.again.popleft(), member)
                continue
            first = self.source.first
            cut = self.source.cut(self.sizer.size(self.source.left, weight))
            if cut is None:
                return
            call = _Call(first, *cut)
            call.here = self.source.seconds
            self.calls.append(call)
            self._send(call, member)

    def _send(self, call, member):
        begun = time.perf_counter()
        call.member = member
        member.look()
        try:
            call.future = self._call(member.name, call)
        except WorkerLost as error:
            if self.retry and len(self.members) > 1:  # it had died before, and this chunk has nothing to do with it
                member.losses += 2
                self._leave_out(member)
                self.again.appendleft(call)
            else:
                self._failed(call, error)
            return
        except Exception as error:
            self._failed(call, error)
            return
        member.out += 1
        self.out.append(call)
        call.here += time.perf_counter() - begun
        if not self.keeps:
            call.items = None  # nobody needs them here any more

    def _call(self, name, call):
        try:
            return _core.call(name, '_corps_chunk', (self.kind, self.what, call.items), None, False, False)
        except NotSerializable:
            if not self.source.is_range:
                raise
        call.items = self.source.spelled(call.items)  # msgpack carries no range
        return _core.call(name, '_corps_chunk', (self.kind, self.what, call.items), None, False, False)

    def _give_up(self):
        """Nobody takes any more results: chunks that have not begun are dropped, those that run end after the item they are at."""
        for call in self.out:
            call.future.cancel()
        for kept in self.out, self.calls, self.done, self.again:
            kept.clear()


class Results:
    """The results of a map: an iterator. Its end, `close`, and the end of a block `with`, give up what is not done yet."""

    __slots__ = ('_lists', '_items')

    def __init__(self, lists):
        self._lists = lists
        self._items = chain.from_iterable(lists)

    def __iter__(self):
        return self._items

    def __next__(self):
        return next(self._items)

    def close(self):
        """Gives up what is not done yet; there are no more results."""
        self._lists.close()
        self._items = iter(())

    def __enter__(self):
        return self

    def __exit__(self, *unused):
        self.close()


def _end_of(Timeout):
    if Timeout is None:
        return None
    if isinstance(Timeout, bool) or not isinstance(Timeout, (int, float)):
        raise TypeError(f'Timeout is a number of seconds, or None for no limit; not {Timeout!r}')
    return time.monotonic() + Timeout


def _stream(Names, kind, what, iterables, Chunk, Timeout, Ordered, Retry):
    """The generator of chunks; everything that can be wrong is said here, and nothing is done before the first is asked for."""
    if not iterables:
        raise TypeError('there is no input: an iterable at least')
    names = workers(Names)
    for name in names:
        refuse = getattr(type(name), '_refuse_chunks', None)
        if refuse is not None:
            refuse(name)
    _chunks.check_size(Chunk, 'Chunk')
    end = _end_of(Timeout)
    return _Stream(names, kind, _applied(what, names[0]), _chunks.Source(kind, iterables), Chunk, end, Ordered, Retry).chunks()


def map(Names, Method, *Iterables, Chunk=None, Timeout=None, Ordered=True, Retry=False):
    """Applies Method to each item of Iterables, at the Workers with these Names side by side: an iterator of results.

    Names is a list of Names of Workers, or a pool's Name. Method is the name of one of their methods, such a method itself (`name.work`,
    `Adder.work`), or any function that the Corps' serializer carries; methods and functions may be async. Of several Iterables the items
    are arguments side by side, until the shortest ends, as with the built-in map.

    The input is read while results are taken, at most some chunks ahead, so it may be endless. Chunk: how many items go in one call; None: as
    many as take some milliseconds. Ordered=False gives results as they come. After Timeout seconds CallTimeout is raised. An item that fails
    raises at its place, after the results before it; the exception's `Index` is the item's number. If a Worker dies, its chunks raise
    WorkerLost; with Retry=True they go to another one (or to the same, made again), so that an item may be done twice.
    """
    chunks = _stream(Names, 'map', Method, Iterables, Chunk, Timeout, Ordered, Retry)
    return Results(results for _, results in chunks)


def starmap(Names, Method, Iterable, Chunk=None, Timeout=None, Ordered=True, Retry=False):
    """As map; each item of Iterable is a tuple of arguments. Names, Method, Chunk, Timeout, Ordered and Retry are those of map."""
    return Results(results for _, results in _stream(Names, 'starmap', Method, (Iterable,), Chunk, Timeout, Ordered, Retry))


def filter(Names, Method, Iterable, Chunk=None, Timeout=None, Ordered=True, Retry=False):
    """An iterator of those items of Iterable for which Method gives what is true; None asks the items themselves. The items are those of
    the caller: they do not travel back. Names, Method, Chunk, Timeout, Ordered and Retry are those of map."""
    chunks = _stream(Names, 'filter', operator.truth if Method is None else Method, (Iterable,), Chunk, Timeout, Ordered, Retry)
    return Results(compress(items, results) for items, results in chunks)


_NOTHING = object()


def reduce(Names, Method, Iterable, Initial=_NOTHING, Chunk=None, Timeout=None, Retry=False):
    """Reduces Iterable to one value by Method, which takes two and must be associative: (a + b) + c is a + (b + c). It need not be commutative,
    as the order is kept. Every Worker reduces chunks, and then what has come of them is reduced in the same way. Initial stands before
    the first item. An empty Iterable without Initial raises TypeError. Names, Method, Chunk, Timeout and Retry are those of map."""
    names, end = workers(Names), _end_of(Timeout)

    def partials(items, chunk):
        left = None if end is None else end - time.monotonic()
        for _, results in _stream(names, 'reduce', Method, (items,), chunk, left, True, Retry):
            yield from results

    found = [] if Initial is _NOTHING else [Initial]
    for partial in partials(Iterable, Chunk):
        found.append(partial)
        if len(found) >= PARTIALS:
            found = list(partials(found, PARTIALS // 16))
    while len(found) > 1:
        found = list(partials(found, max(2, -(-len(found) // len(names)))))
    if not found:
        raise TypeError('reduce of an empty iterable without Initial has no value')
    return found[0]

