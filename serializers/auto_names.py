"""What travels by its name, and what by value.

This module is `_corps_auto_names`, in every process that loads what `auto` wrote.
"""
import importlib
import sys

_by_value_modules = set()
known_importable = set()  # classes and functions that were found importable; for the fast way in C too
whole_path = globals().get('whole_path')  # a host may have set it: function (name of code's file) → what it is called elsewhere
by_reference = globals().get('by_reference')  # a host may have set it: function (thing of __main__) → do others have it?


def register_by_value(module):
    """What `module` defines travels by value from now on: the other side cannot import it."""
    _by_value_modules.add(module.__name__)
    known_importable.clear()


def in_registered(name):
    while name:
        if name in _by_value_modules:
            return True
        name = name.rpartition('.')[0]
    return False


def find(module, qualname):
    found = sys.modules.get(module)
    for part in qualname.split('.'):
        found = getattr(found, part, None)
    return found


def is_found(thing):
    """Is it a module's, under its own name?"""
    module, name = getattr(thing, '__module__', None), getattr(thing, '__qualname__', None)
    return isinstance(module, str) and isinstance(name, str) and find(module, name) is thing


def importable(thing):
    """Does the other side get this class or function by its name?"""
    module = getattr(thing, '__module__', None)
    name = getattr(thing, '__qualname__', None)
    if not isinstance(module, str) or not isinstance(name, str):
        return False
    if module == '__main__':
        return by_reference is not None and by_reference(thing)
    return '<locals>' not in name and not in_registered(module) and find(module, name) is thing


def is_known(thing):
    try:
        return thing in known_importable
    except TypeError:
        return False  # its metaclass has no hash


def remember(thing):
    if len(known_importable) >= 4096:
        known_importable.clear()
    try:
        known_importable.add(thing)
    except TypeError:
        pass  # asked about again
    return NotImplemented


_HIDDEN = {}  # types that have no importable name: what gives them


def hidden():
    if not _HIDDEN:
        for module in ('types', '_collections_abc', 'builtins', '_thread', 'queue', 'weakref', 're', 'functools', 'typing'):
            for name, value in dict(vars(importlib.import_module(module))).items():
                if isinstance(value, type) and not name.startswith('__'):
                    _HIDDEN.setdefault(value, (module, name))
    return _HIDDEN


def function_of_module(module, name):
    return getattr(importlib.import_module(module), name)
