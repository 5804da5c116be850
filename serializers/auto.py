"""The serializer `auto`: pickle, with reducers for what pickle refuses or what the other side could not load.

One pass: the C pickler asks `reduce` about every class, function and object of the types in HANDLERS, before it tries
by itself. Importable classes and functions travel by name, as with pickle. Others travel by value: their code, the
globals that the code names, closure cells (shared ones stay shared), class attributes, slots.

A class keeps its identity over messages by a random number that it gets when it is first sent (cloudpickle's class
tracker is the model); a class that came back to where it was made is the one that is there. What of a message is a
*definition* (code, and classes whose parts can all be watched for change) can be left out of it: `State.define` is
asked to keep it under a key of its content, and the message holds the key alone. Mutable data is never kept so.

Loading runs code, as with pickle: for peers that have proved themselves. Works on Python 3.8 and later, imports nothing
but the standard library. This module is `_corps_auto` in every process that loads what it wrote. What must not be copied
is known to its neighbour, _corps_owned (owned.py).
"""
import contextvars
import copyreg
import functools
import gc
import io
import pickle
import sys
import threading
import types

from _corps_auto_contexts import is_logger, reduce_context, reduce_logger, reduce_variable
from _corps_auto_ctypes import is_ctypes, reduce_ctypes
from _corps_auto_definitions import PROTOCOL, key_of, reduce_code
from _corps_auto_files import FILES, reduce_file, refuse_other_file
from _corps_auto_functions import reduce_cell, reduce_function, reduce_method, reduce_module
from _corps_auto_memory import is_array, reduce_array, sharing
from _corps_auto_names import is_found, is_known, known_importable, register_by_value  # noqa: F401 (for hosts)
from _corps_auto_objects import DERIVED, OBJECTS, is_random, reduce_random, reduce_sentinel, reduce_thread
from _corps_auto_order import Ordered, lies_as_built_in
from _corps_auto_types import reduce_type
from _corps_auto_watch import let_go
from _corps_exceptions import reduce as _reduce_exception
from _corps_instances import handler_of as _handler_of_instances
from _corps_owned import guards
from _corps_owned import guard as _guard
from _corps_owned import guard_of


class State:
    """What one message being written has so far. `define` (blob → True when it is kept under key_of(blob)) may be None."""

    __slots__ = ('define', 'filled', 'scopes', 'building', 'inline', 'instances', 'used', 'whole', 'digesting', 'entered', 'has_sets',
                 'views', 'shared', 'defined')

    def __init__(self, define=None, digesting=()):
        self.has_sets = False  # of classes derived from the built-in ones
        self.define = define
        self.building = 0
        self.views = []  # arrays and memoryviews that others may share memory with
        self.defined = []  # watches of all classes whose definitions the message names
        self.used = []  # watches of classes whose definitions have parts that the message may hold as well
        self.digesting = digesting  # things whose numbers are being made: outer ones first; entered: the last one's parts
        self.instances = {}  # how many of a class the message has; see _corps_instances
        self.clear()

    def clear(self):
        self.filled = set()  # ids of cells whose contents are in the message
        self.scopes = {}  # id of a globals dict → (what stands for it, names in the message)
        self.inline = set()  # classes whose parts are in the message
        self.instances.clear()
        self.entered = False
        self.used.clear()
        self.defined.clear()
        self.views.clear()
        self.shared = None  # where a view lies, once that is known: see _corps_auto_memory
        self.whole = False  # are all classes in the message itself?

    def is_done(self, pickler):
        """Is it right as it was written? Otherwise it is to be written anew."""
        split = bool(self.used) and self._is_split(pickler)
        shared = sharing(self.views, pickler) if self.views else None
        if split or shared:
            pickler.clear_memo()
            self.clear()
            self.whole, self.shared = split, shared or None
        return not (split or shared)

    def _is_split(self, pickler):
        """Does it hold a part of a definition for itself, or do two definitions? They would be one no more."""
        used = {watch.key: watch.shareable for watch in self.used}.values()
        parts = set().union(*used)
        return (len(parts) != sum(map(len, used)) or any(not parts.isdisjoint(watch.own) for watch in self.defined)
                or not parts.isdisjoint(pickler.memo.copy()))

    def alone(self, thing):
        """The message of `thing` by itself: a definition."""
        inner = State(self.define)
        inner.building = 1
        return _dumps_in_order(thing, inner)

    def bytes_of(self, thing):
        """Of a part of the same message, by itself."""
        return _dumps_in_order(thing, self.fresh())

    def fresh(self):
        """For a part of the same message, looked at by itself."""
        made = State(digesting=self.digesting)
        made.entered = True
        return made

    def digest(self, thing):
        """Of what a thing without a number consists of."""
        return key_of(_dumps_in_order(thing, State(digesting=(*self.digesting, thing))))


HANDLERS = {
    types.FunctionType: reduce_function,
    types.CodeType: reduce_code,
    types.CellType: reduce_cell,
    types.ModuleType: reduce_module,
    types.MethodType: reduce_method,
    **dict.fromkeys(FILES, reduce_file),
    **OBJECTS,
    contextvars.ContextVar: reduce_variable,
    contextvars.Context: reduce_context,
}
_BY_BASE = ((BaseException, _reduce_exception), (threading.Thread, reduce_thread), *DERIVED,
            *((kind, refuse_other_file) for kind in (*FILES, io.BufferedRWPair)))
_handlers = dict(HANDLERS)  # of every type that was seen; None: pickle manages


def _guarded(guard, handler):
    def asked(state, thing):
        answer = guard(state, thing)
        return handler(state, thing) if answer is NotImplemented and handler is not None else answer
    return asked


def _see_set(state, thing):
    state.has_sets = True
    return NotImplemented


def _handler_of(cls):
    if len(_handlers) >= 4096:
        _handlers.clear()
        _handlers.update(HANDLERS)
    found = next((handler for base, handler in _BY_BASE if issubclass(cls, base)), None) or _handler_of_instances(cls)
    if found is None and issubclass(cls, (set, frozenset)) and lies_as_built_in(cls):
        found = _see_set
    if is_logger(cls):
        found = reduce_logger
    if found is None and is_array(cls):
        found = reduce_array
    if found is None and is_ctypes(cls):
        found = reduce_ctypes
    if found is None and is_random(cls):
        found = reduce_random
    guard = guard_of(cls) if not issubclass(cls, BaseException) else None
    if guard is not None:
        found = _guarded(guard, found)
    if cls.__module__ == 'dataclasses' and cls.__name__ in ('_FIELD_BASE', '_MISSING_TYPE', '_KW_ONLY_TYPE', '_HAS_DEFAULT_FACTORY_CLASS'):
        found = reduce_sentinel
    _handlers[cls] = found
    return found


def _before_collecting(phase, info):
    """What is remembered of classes that nobody can import must not be all that holds them."""
    if phase == 'start' and info['generation'] == 2:
        for cls in set(_handlers).union(guards).difference(HANDLERS):
            if not is_found(cls):
                _handlers.pop(cls, None)
                guards.pop(cls, None)
        known_importable.clear()
        let_go()


if sys.version_info >= (3, 9):  # before, a callback where the recursion limit is reached ends the process: there classes are kept
    gc.callbacks.append(_before_collecting)


def reduce(state, thing):
    """What the pickler's reducer_override answers."""
    cls = type(thing)
    try:
        handler = _handlers[cls]
    except KeyError:
        handler = _handler_of(cls)
    if handler is not None:
        registered = copyreg.dispatch_table.get(cls)
        return handler(state, thing) if registered is None else registered(thing)
    if isinstance(thing, type):
        return NotImplemented if is_known(thing) and not state.digesting else reduce_type(state, thing)
    return NotImplemented


class Pickler(pickle.Pickler):
    """As pickle.Pickler."""

    def __init__(self, file, protocol=PROTOCOL, buffer_callback=None, state=None):
        super().__init__(file, protocol, buffer_callback=buffer_callback)
        self.reducer_override = functools.partial(reduce, state if state is not None else State())


class Bare(pickle.Pickler):
    """For a host that sets reducer_override itself."""


class Sink:
    """A file that keeps the pieces written to it in a list."""

    __slots__ = ('write',)

    def __init__(self, pieces):
        self.write = pieces.append


def dumps(thing, protocol=PROTOCOL, buffer_callback=None, define=None):
    """As pickle.dumps; in protocol 5 the same bytes in every process."""
    if buffer_callback is None and protocol == PROTOCOL:
        return _dumps_in_order(thing, State(define))
    return dumps_as_it_lies(thing, protocol, buffer_callback, define)


def dumps_as_it_lies(thing, protocol=PROTOCOL, buffer_callback=None, define=None):
    """As dumps, but sets are in the order of this process's hashes: faster where there are any."""
    return _dump(thing, State(define), protocol, buffer_callback)


_SETS = frozenset((set, frozenset))


def _has_sets(pickler, data):
    """Could the order of a set show in what it wrote? As a rule a look for the two opcodes tells."""
    return (b'\x90' in data or b'\x91' in data) and any(len(thing) > 1 for _, thing in pickler.memo.copy().values() if type(thing) in _SETS)


def _dump(thing, state, protocol=PROTOCOL, buffer_callback=None, look_for_sets=False):
    with io.BytesIO() as file:
        pickler = Pickler(file, protocol, buffer_callback, state)
        pickler.dump(thing)
        if (state.used or state.views) and not state.is_done(pickler):
            file.seek(0)
            file.truncate()
            pickler.dump(thing)
        data = file.getvalue()
        if look_for_sets and not state.has_sets:
            state.has_sets = _has_sets(pickler, data)
        return data


def _dumps_in_order(thing, state):
    data = _dump(thing, state, look_for_sets=True)
    if not state.has_sets:
        return data
    whole, shared = state.whole, state.shared
    state.clear()
    state.whole, state.shared = whole, shared
    with io.BytesIO() as file:
        Ordered(file, reduce, state).dump(thing)
        return file.getvalue()


class _Guarded(pickle.Pickler):
    """As pickle.Pickler, but what must not be copied is refused, or carried so that it owns nothing there."""

    def reducer_override(self, thing):
        return _guard(None, thing)


def dumps_by_name(thing, protocol=PROTOCOL, buffer_callback=None):
    """As pickle.dumps, with the same guard."""
    with io.BytesIO() as file:
        _Guarded(file, protocol, buffer_callback=buffer_callback).dump(thing)
        return file.getvalue()


def refuse_file(file):
    """Raises Refused for a file that a copy would damage."""
    reduce_file(None, file)


loads = pickle.loads
