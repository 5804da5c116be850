"""Classes by value: made again from their parts, without the hooks that ran where they were made.

This module is `_corps_auto_classes`.
"""
import abc
import gc
import types
import typing
import weakref

from _corps_auto_annotations import MADE, of_class
from _corps_auto_definitions import forget
from _corps_auto_identity import made_here, once

MADE_IN_PYTHON = 1 << 9  # Py_TPFLAGS_HEAPTYPE
_OF_TYPE = frozenset(('__class__', '__name__', '__dict__', '__weakref__', '__bases__', '__base__', '__mro__'))  # as entries of a class: its own
GIVEN = frozenset(('__dict__', '__weakref__', '_abc_impl', '__module__', '__qualname__', '__slots__', '__classcell__',
                   '__slotnames__'))  # what copyreg remembers there


class _Shield:
    """A first base while a class is made again: __init_subclass__ has run already, where it was made."""

    def __init_subclass__(cls, **_):
        pass


class _ShieldWithoutDict:
    """The same for bases without a __dict__: bases can be exchanged where their layout is the same."""

    __slots__ = ()

    def __init_subclass__(cls, **_):
        pass


class _ShieldOfAbstract(abc.ABC):
    """The same for bases that have their __dict__ beyond ABC."""

    def __init_subclass__(cls, **_):
        pass


class _ShieldOfGeneric(typing.Generic[typing.TypeVar('_T')]):
    """And beyond Generic."""

    def __init_subclass__(cls, **_):
        pass


def _shield_for(bases):
    if not any(base.__dictoffset__ for base in bases):
        return _ShieldWithoutDict
    layout = next(base for base in bases if base.__dictoffset__)
    while layout.__base__.__dictoffset__:
        layout = layout.__base__
    return {abc.ABC: _ShieldOfAbstract, typing.Generic: _ShieldOfGeneric}.get(layout.__base__, _Shield)


def _new_of(meta):
    """The __new__ that makes a class's structure: not the program's own, which has run already."""
    for base in meta.__mro__:
        if base is abc.ABCMeta or '__new__' in vars(base) and not isinstance(vars(base)['__new__'], (staticmethod, types.FunctionType)):
            return base.__new__
    return type.__new__


@once
def make_class(meta, name, bases, namespace, number):
    hooked = any('__init_subclass__' in vars(base) for one in bases for base in one.__mro__[:-1])
    if hooked:
        try:
            cls = _new_of(meta)(meta, name, (_shield_for(bases),) + bases, dict(namespace))
            cls.__bases__ = bases
            return cls
        except TypeError:
            pass  # another layout: then the hook runs again
    return _new_of(meta)(meta, name, bases, namespace)


def _set(cls, attributes):
    for name, value in attributes.items():
        if name in _OF_TYPE:  # set as any other it would be the class's own, or refused
            gc.get_referents(vars(cls))[0][name] = value
        else:
            type.__setattr__(cls, name, value)
    if not _OF_TYPE.isdisjoint(attributes):
        type.__setattr__(cls, '__module__', vars(cls)['__module__'])  # so that nobody remembers what was there


_filled = weakref.WeakSet()


def fill_class(cls, state):
    if cls in made_here:
        return  # ours: what came back is a copy of it
    if cls in _filled:
        forget(cls)
    _filled.add(cls)
    _, attributes, registered = state
    _set(cls, attributes)
    for other in registered or ():
        cls.register(other)


class Methods:
    """What a class's instances need while they are loaded, among its attributes: it is there before the others, which may hold
    such instances."""

    __slots__ = ('cls', 'attributes')

    def __init__(self, cls, attributes):
        self.cls, self.attributes = cls, attributes

    def __reduce__(self):
        found = {name: value if isinstance(value, _METHODS) else None for name, value in self.attributes.items()
                 if isinstance(value, _METHODS) or not name.startswith('__')}  # the others keep their places
        return _set_methods, (self.cls, found)


_METHODS = (types.FunctionType, staticmethod, classmethod, property)


def _set_methods(cls, methods):
    if cls not in made_here:
        _set(cls, methods)


def attributes_of(cls):
    """What of a class's __dict__ its structure does not make by itself."""
    names = dict(vars(cls))  # at once: what it is asked, and other threads, may add to it
    found = {name: value for name, value in names.items() if (name not in GIVEN or name in _OF_TYPE and type(value) is not types.GetSetDescriptorType)
             and name not in MADE and not (type(value) is types.MemberDescriptorType and value.__objclass__ is cls)}
    annotations = of_class(cls, names)
    if annotations:
        found['__annotations__'] = annotations
    return found


def registered_with(cls):
    """Virtual subclasses of an abstract class."""
    if not isinstance(cls, abc.ABCMeta):
        return None
    import _abc
    return {one for one in (ref() for ref in _abc._get_dump(cls)[0]) if one is not None} or None
