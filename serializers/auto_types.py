"""How a class travels: by name, as a definition, or with its parts in the message.

This module is `_corps_auto_types`.
"""
import enum

from _corps_auto_classes import MADE_IN_PYTHON, Methods, attributes_of, fill_class, make_class, registered_with
from _corps_auto_ctypes import of_ctypes, reduce_ctypes_type
from _corps_auto_definitions import definition
from _corps_auto_enums import reduce_enum
from _corps_auto_identity import by_name, module_of, number_of, represented
from _corps_auto_names import function_of_module, hidden, importable, remember
from _corps_auto_watch import watched_key


def _reduce_inline(state, cls):
    stands = represented(state, cls)
    if stands is not None:
        return stands
    number = number_of(state, cls)
    state.inline.add(cls)
    if isinstance(cls, enum.EnumMeta) and issubclass(cls, enum.Enum):
        return reduce_enum(state, cls, number)
    namespace = {'__module__': module_of(state, cls), '__qualname__': cls.__qualname__}
    if '__slots__' in vars(cls):
        namespace['__slots__'] = cls.__slots__
    attributes = attributes_of(cls)
    return (make_class, (type(cls), cls.__name__, cls.__bases__, namespace, number),
            (Methods(cls, attributes), attributes, registered_with(cls)), None, None, fill_class)


def reduce_type(state, cls):
    if state.digesting:
        named = by_name(state, cls)
        if named is not None:
            return named
    if importable(cls) and cls not in state.digesting:
        return remember(cls)
    if of_ctypes(cls):
        return reduce_ctypes_type(state, cls)
    if not importable(type(cls)) and not type(cls).__flags__ & MADE_IN_PYTHON:
        return NotImplemented  # of a metaclass in C
    if cls in (type(None), type(NotImplemented), type(...)):
        return NotImplemented
    if cls in hidden():
        return function_of_module, hidden()[cls]
    if not cls.__flags__ & MADE_IN_PYTHON:
        return NotImplemented  # made in C: pickle says why not
    if state.define is None or state.building or state.whole:
        return _reduce_inline(state, cls)
    key = watched_key(state, cls)
    return (definition, (key,)) if key is not None else _reduce_inline(state, cls)
