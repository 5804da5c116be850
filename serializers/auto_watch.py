"""Is a class still what was sent? Its parts are watched, so that a definition of it can be left out of later messages.

This module is `_corps_auto_watch`.
"""
import enum
import itertools
import types
import weakref
from operator import is_

from _corps_auto_annotations import of_function
from _corps_auto_classes import GIVEN, MADE_IN_PYTHON, registered_with
from _corps_auto_definitions import key_of, own
from _corps_auto_functions import global_names
from _corps_auto_names import hidden, importable, known_importable
from _corps_auto_objects import attributes_of_wrapper

WATCHED_MAX = 1000  # parts of a definition; larger ones travel anew each time
_MISSING = object()
_STEADY = frozenset((type(None), bool, int, float, complex, str, bytes, type(...), type(NotImplemented), range, types.ModuleType,
                     types.BuiltinFunctionType, types.MethodDescriptorType, types.WrapperDescriptorType,
                     types.MemberDescriptorType, types.GetSetDescriptorType, types.CodeType, object))
_watches = weakref.WeakKeyDictionary()


class _Unsteady(Exception):
    """Something in a class may change without our seeing it."""


class _Watch:
    """What a class consists of, and how to see that it is still that."""

    __slots__ = ('key', 'blob', 'used', 'dicts', 'functions', 'containers', 'seen', 'own', 'shareable')

    def __init__(self, cls):
        self.dicts, self.functions, self.containers, self.seen, self.own = [], [], [], set(), set()
        self.used = True
        self.look(cls)
        parts = (record[0] for record in itertools.chain(self.dicts, self.functions, self.containers))
        self.shareable = frozenset(map(id, parts)) - self.own  # what others may hold as well
        self.own = frozenset(self.own)
        self.seen = None

    def look(self, thing):
        if type(thing) in _STEADY or id(thing) in self.seen:
            return
        if len(self.seen) >= WATCHED_MAX:
            raise _Unsteady
        self.seen.add(id(thing))
        if isinstance(thing, type):
            if thing not in known_importable and not importable(thing) and thing not in hidden():
                self.look_class(thing)
        elif type(thing) is types.FunctionType:
            if not importable(thing):
                self.look_function(thing)
        elif type(thing) in (tuple, frozenset):
            for part in thing:
                self.look(part)
        elif type(thing) in (list, set):
            parts = tuple(thing)
            self.containers.append((thing, parts))
            for part in parts:
                self.look(part)
        elif type(thing) is dict:
            keys, values = tuple(thing), tuple(thing.values())
            self.dicts.append((thing, keys, values))
            for part in (*keys, *values):
                self.look(part)
        elif type(thing) in (staticmethod, classmethod):
            if attributes_of_wrapper(thing):
                raise _Unsteady
            self.look(thing.__func__)
        elif type(thing) is property:
            for part in (thing.fget, thing.fset, thing.fdel):
                self.look(part)
        elif type(thing).__module__ == 'dataclasses':
            for name in ('default', 'default_factory'):
                self.look(getattr(thing, name, None))
        else:
            raise _Unsteady

    def look_class(self, cls):
        if not cls.__flags__ & MADE_IN_PYTHON or isinstance(cls, enum.EnumMeta) or registered_with(cls):
            raise _Unsteady
        names, copy = vars(cls), dict(vars(cls))
        self.own.add(id(names))
        self.dicts.append((names, tuple(copy), tuple(copy.values())))
        self.own.update(id(part) for name, value in copy.items() for part in _own_parts(cls, name, value))
        self.look(type(cls))
        for part in itertools.chain(cls.__bases__, (value for name, value in copy.items() if name not in GIVEN)):
            self.look(part)

    def look_function(self, function):
        names = tuple(name for name in global_names(function.__code__) if name in function.__globals__)
        scope = function.__globals__
        values = tuple(scope[name] for name in names)
        cells = function.__closure__ or ()
        contents = tuple(_contents(cell) for cell in cells)
        self.functions.append((function, function.__code__, function.__defaults__, function.__kwdefaults__, scope, names, values,
                               cells, contents))
        annotations = of_function(function)
        self.own.update(map(id, (function.__kwdefaults__, annotations, function.__dict__)))
        looked_into = (content for name, content in zip(function.__code__.co_freevars, contents) if name != '__classdict__')
        for part in itertools.chain((function.__defaults__, function.__kwdefaults__, annotations), values, looked_into):
            self.look(part)
        if function.__dict__:
            self.look(function.__dict__)

    def holds(self):
        """Is everything as it was?"""
        for names, keys, values in self.dicts:
            if len(names) != len(keys) or not all(map(is_, names.values(), values)) or not all(map(is_, names, keys)):
                return False
        for function, code, defaults, keywords, scope, names, values, cells, contents in self.functions:
            if function.__code__ is not code or function.__defaults__ is not defaults or function.__kwdefaults__ is not keywords:
                return False
            for name, value in zip(names, values):
                if scope.get(name, _MISSING) is not value:
                    return False
            for cell, content in zip(cells, contents):
                if _contents(cell) is not content:
                    return False
        for container, parts in self.containers:
            if len(container) != len(parts) or not all(map(is_, container, parts)):
                return False
        return True


def _own_parts(cls, name, value):
    """What of a class's entry nobody else has as a rule: its methods, and what Python itself keeps there."""
    if name.startswith('__'):
        yield value
    for function in (value, getattr(value, '__func__', None), getattr(value, 'fget', None), getattr(value, 'fset', None)):
        if isinstance(function, types.FunctionType) and function.__qualname__ == '%s.%s' % (cls.__qualname__, function.__name__):
            yield function


def _contents(cell):
    try:
        return cell.cell_contents
    except ValueError:
        return _MISSING


def watched_key(state, cls):
    """The key of the definition of `cls`, None: it has to travel itself."""
    watch = _watches.get(cls)
    if watch is None or not watch.holds():
        try:
            watch = _Watch(cls)
        except _Unsteady:
            return None
        watch.blob = state.alone(cls)
        watch.key = key_of(watch.blob)
        _watches[cls] = watch
        own[watch.key] = cls
    watch.used = True
    if not state.define(watch.key, watch.blob):
        return None
    state.defined.append(watch)
    if watch.shareable:
        state.used.append(watch)
    return watch.key


def let_go():
    """Of watches that were not used since the last time: they hold what they watch, and with it their classes."""
    for cls, watch in list(_watches.items()):
        if watch.used:
            watch.used = False
        else:
            _watches.pop(cls, None)
