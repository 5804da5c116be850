"""Types of ctypes by value, and what is made of them where there is no pointer in it.

This module is `_corps_auto_ctypes`.
"""
import sys

from _corps_auto_classes import attributes_of
from _corps_auto_identity import made_here, module_of, number_of, once, represented
from _corps_owned import Refused

_STRUCTURE = ('_pack_', '_align_', '_layout_', '_anonymous_', '_type_', '_length_')  # read when the class is made, or its fields
_MADE = ('_fields_', '__pointer_type__', '__ctype_be__', '__ctype_le__', 'from_param')


def is_ctypes(cls):
    module = sys.modules.get('_ctypes')
    return module is not None and issubclass(cls, module.Structure.__base__)


def of_ctypes(cls):
    """Is it one of these types, or what they are made by?"""
    module = sys.modules.get('_ctypes')
    return module is not None and (issubclass(cls, module.Structure.__base__) or cls in _metaclasses(module))


def _metaclasses(module):
    return {type(one): one for one in (module.Structure, module.Union, module.Array, module._SimpleCData, module._Pointer, module.CFuncPtr)}


def _array_type(of, count):
    return of * count


def _function_type(result, arguments):
    import ctypes
    return ctypes.CFUNCTYPE(result, *arguments)


def _by_parts(cls, module):
    """What ctypes makes of another type and remembers; None: it is not that."""
    import ctypes
    if issubclass(cls, module.Array) and cls._type_ * cls._length_ is cls:
        return _array_type, (cls._type_, cls._length_)
    if issubclass(cls, module._Pointer) and hasattr(cls, '_type_') and ctypes.POINTER(cls._type_) is cls:
        return ctypes.POINTER, (cls._type_,)
    if issubclass(cls, module.CFuncPtr) and hasattr(cls, '_argtypes_') and ctypes.CFUNCTYPE(cls._restype_, *cls._argtypes_) is cls:
        return _function_type, (cls._restype_, cls._argtypes_)
    own, swapped = ('__ctype_le__', '__ctype_be__')[::1 if sys.byteorder == 'little' else -1]
    if vars(cls).get(swapped) is cls and own in vars(cls):
        return getattr, (vars(cls)[own], swapped)
    return None


def _field_type():
    import ctypes
    return type(type('One', (ctypes.Structure,), {'_fields_': [('one', ctypes.c_int)]}).one)


@once
def _make(meta, name, bases, namespace, number):
    return meta(name, bases, namespace)


def _fill(cls, state):
    if cls in made_here:
        return
    fields, attributes = state
    if fields is not None and '_fields_' not in vars(cls):
        cls._fields_ = fields
    for name, value in attributes.items():
        setattr(cls, name, value)


def reduce_ctypes_type(state, cls):
    module = sys.modules['_ctypes']
    if cls in _metaclasses(module):
        return type, (_metaclasses(module)[cls],)
    made = _by_parts(cls, module)
    if made is not None:
        return made
    if not cls.__flags__ & 1 << 9 or issubclass(cls, (module._Pointer, module.CFuncPtr)):
        return NotImplemented
    stands = represented(state, cls)
    if stands is not None:
        return stands
    namespace = {'__module__': module_of(state, cls), '__qualname__': cls.__qualname__}
    namespace.update((name, vars(cls)[name]) for name in ('__slots__', *_STRUCTURE) if name in vars(cls))
    field = _field_type()
    attributes = {name: value for name, value in attributes_of(cls).items()
                  if name not in namespace and name not in _MADE and not isinstance(value, field)}
    return (_make, (type(cls), cls.__name__, cls.__bases__, namespace, number_of(state, cls)),
            (vars(cls).get('_fields_'), attributes), None, None, _fill)


# ---- instances ----

def reduce_ctypes(state, thing):
    if state.shared is None:
        if thing._b_base_ is not None:
            state.views.append(thing)
    elif id(thing) in state.shared:
        return _part, (type(thing), *state.shared[id(thing)])
    try:
        return thing.__reduce_ex__(5)
    except ValueError:
        raise Refused('a %s of ctypes has pointers, which are addresses in this process; send what they point at'
                      % type(thing).__name__, thing) from None


def _part(cls, memory, offset):
    return cls.from_buffer(memory, offset)
