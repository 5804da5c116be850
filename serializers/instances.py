"""Objects whose own code must not run before they have their state.

pickle makes an instance by its class's __new__, adds items by the methods that the class has, asks the instance itself for
__setstate__, and puts it into dicts and sets while it is still empty. So a __new__ that wants arguments, a __setitem__ or
append, a __getattr__, a __setattr__ over slots, a __hash__ in a cycle meet an object without attributes. Instances of
such classes are made by their built-in class and filled with its methods, state first, then items; special methods are
looked for on the type. Classes that say themselves how they are pickled (__reduce__, copyreg) are left to pickle.

Works on Python 3.8 and later, imports nothing but the standard library. This module is `_corps_instances`.
"""
import collections
import copyreg
import types

_IN_PYTHON = 1 << 9  # Py_TPFLAGS_HEAPTYPE
_PLAIN = frozenset((type(None), bool, int, float, complex, str, bytes))


def _has_own_layout(cls):
    """Was it made by an extension module, so that nobody else's __new__ may make its instances?"""
    return isinstance(vars(cls).get('__new__'), types.BuiltinFunctionType)


def _native(cls):
    """The built-in class that gives a class its layout."""
    while cls not in _ADD and cls not in _VALUES and cls.__flags__ & _IN_PYTHON and not _has_own_layout(cls):
        cls = cls.__base__
    return cls


def _found(cls, name):
    """What the type has under this name, as it is there."""
    return next((vars(base)[name] for base in cls.__mro__ if name in vars(base)), None)


def _in_python(cls, *names):
    """Is one of these methods the program's own?"""
    return any(isinstance(_found(cls, name), (types.FunctionType, staticmethod)) for name in names)


_OF_NAMED_TUPLES = collections.namedtuple('_Nothing', '').__getnewargs__.__code__


def _has_new_over_named_tuple(cls):
    """A __new__ of its own, which would be called with what the named tuple's takes."""
    if getattr(_found(cls, '__getnewargs__'), '__code__', None) is not _OF_NAMED_TUPLES:
        return False
    return next(base for base in cls.__mro__ if '__new__' in vars(base) or '__getnewargs__' in vars(base)) not in (
        base for base in cls.__mro__ if '__getnewargs__' in vars(base))


def _wants_arguments(cls):
    """Has it a __new__ that cannot be called as pickle would?"""
    function = _found(cls, '__new__')
    function = getattr(function, '__func__', function)
    if not isinstance(function, types.FunctionType) or _in_python(cls, '__getnewargs__', '__getnewargs_ex__'):
        return False
    given = 1 if hasattr(cls, '__getnewargs__') else 0
    code = function.__code__
    most = code.co_argcount - 1
    least = most - len(function.__defaults__ or ())
    takes_any = code.co_flags & 0x04  # CO_VARARGS
    return least > given or most < given and not takes_any or code.co_kwonlyargcount > len(function.__kwdefaults__ or ())


def handler_of(cls):
    """How instances of this class are reduced: function (state, thing). None: as pickle does."""
    otherwise = _otherwise(cls)
    slots = _plain_slots(cls) if Plan is not None else None
    return otherwise if slots is None else Plan(cls, slots, slots + _DECIDING, otherwise, otherwise is _reduce_hashed)


def _otherwise(cls):
    if _is_said_by_library(cls):
        return _reduce_by_library
    if not cls.__flags__ & _IN_PYTHON or issubclass(cls, type) or cls in copyreg.dispatch_table \
            or _in_python(cls, '__reduce__', '__reduce_ex__'):
        return None
    native = _native(cls)
    if native not in _ADD and native not in _VALUES:
        return None
    asked = _in_python(cls, '__getattr__', '__getattribute__') or copyreg._slotnames(cls) and _in_python(cls, '__setattr__')
    items = native in _ADD and _in_python(cls, '__setitem__', 'append', 'extend', 'update')
    if cls.__reduce__ is object.__reduce__:
        if asked or items or _wants_arguments(cls) or _has_new_over_named_tuple(cls):
            return _reduce
        return _reduce_hashed if _in_python(cls, '__hash__') and cls.__dictoffset__ else None
    return _reduce if asked or items or _in_python(cls, '__init__', '__new__') else None


# ---- instances that are nothing but their attributes ----

Plan = None  # a host may set it: see python_shapes.h, which tells what plans and shapes are

_DECIDING = ('__reduce__', '__reduce_ex__', '__getstate__', '__setstate__', '__getnewargs__', '__getnewargs_ex__', '__new__',
             '__dict__', '__getattr__', '__getattribute__', '__setattr__', '__hash__')


def _is_object_s(cls, *names):
    """Are these of `object`, or nowhere?"""
    return all(_found(cls, name) is vars(object).get(name) for name in names)


def _slots_of(cls):
    """The names of its slots, None: some of them cannot be seen."""
    slots = tuple(copyreg._slotnames(cls))
    return slots if all(isinstance(_found(cls, name), types.MemberDescriptorType) for name in slots) else None


def _plain_slots(cls):
    """The slots of a class whose instances are their attributes and nothing else, None: there may be more to them."""
    if not cls.__flags__ & _IN_PYTHON or issubclass(cls, type) or _native(cls) is not object or cls in copyreg.dispatch_table:
        return None
    if not _is_object_s(cls, '__reduce__', '__reduce_ex__', '__getnewargs__', '__getnewargs_ex__', '__new__'):
        return None
    if cls.__dictoffset__ and not isinstance(_found(cls, '__dict__'), types.GetSetDescriptorType):
        return None
    slots = _slots_of(cls)
    return slots if slots is not None and _has_plain_state(cls, slots) else None


def _has_plain_state(cls, slots):
    """Nobody's __getstate__, or one that dataclasses or attrs made, which gives the slots that are fields."""
    if _is_object_s(cls, '__getstate__', '__setstate__'):
        return True
    found = _found(cls, '__getstate__'), _found(cls, '__setstate__')
    if not all(isinstance(method, types.FunctionType) for method in found):
        return False
    names = [(method.__globals__.get('__name__'), method.__code__.co_name) for method in found]
    if names == [('dataclasses', '_dataclass_getstate'), ('dataclasses', '_dataclass_setstate')]:
        fields = cls.__dataclass_fields__
    elif names == [('attr._make', 'slots_getstate'), ('attr._make', 'slots_setstate')]:
        fields = [field.name for field in cls.__attrs_attrs__]
    else:
        return False
    return not cls.__dictoffset__ and set(fields) == set(slots)


class Shape:
    """Makes instances of a class of the values of these slots and attributes. A host may have a faster one."""

    def __init__(self, cls, slots, names):
        self.what = cls, slots, names

    def __call__(self, *values):
        return _make_shaped(*self.what, *values)


def _settable(cls, slots, names):
    """May these be set past the class's own code?"""
    return (_native(cls) is object and _is_object_s(cls, '__new__') and _slots_of(cls) is not None
            and set(slots) <= set(_slots_of(cls)) and _has_plain_state(cls, slots) and (not names or cls.__dictoffset__ != 0)
            and not any(hasattr(type(_found(cls, name)), '__set__') for name in names))


def _make_shaped(cls, slots, names, *values):
    made = cls.__new__(cls)
    attributes, of_slots = dict(zip(names, values[len(slots):])), dict(zip(slots, values))
    if not _has_plain_state(cls, slots) and _found(cls, '__setstate__') is not None:
        cls.__setstate__(made, (attributes or None, of_slots) if of_slots else attributes)
        return made
    if attributes:
        object.__getattribute__(made, '__dict__').update(attributes)
    for name, value in of_slots.items():
        object.__setattr__(made, name, value)
    return made


# ---- writing ----

def _state_of(cls, thing):
    """As object.__getstate__ gives it, but for what the instance itself says."""
    getstate = _found(cls, '__getstate__')
    if isinstance(getstate, types.FunctionType):
        return getstate(thing)
    attributes = object.__getattribute__(thing, '__dict__') if cls.__dictoffset__ else None
    slots = {}
    for name in copyreg._slotnames(cls):
        try:
            slots[name] = object.__getattribute__(thing, name)
        except AttributeError:
            pass  # not set
    return (attributes, slots) if slots else attributes or None


def _new_arguments(cls, native, thing):
    """What the built-in class's __new__ (and __init__, where that makes it) takes."""
    if issubclass(native, (collections.defaultdict, collections.deque)):
        return thing.__reduce__()[1]
    if issubclass(native, frozenset):
        return frozenset(frozenset.__iter__(thing)),
    if native in _ADD or not hasattr(native, '__getnewargs__'):
        return ()
    return native.__getnewargs__(thing)


def _items_of(native, thing):
    if issubclass(native, dict):
        return dict(native.items(thing))
    if native in (list, collections.deque):
        return list(native.__iter__(thing))
    return set(set.__iter__(thing)) if native is set else None


def _reduce(state, thing):
    cls = type(thing)
    own = _found(cls, '__getnewargs_ex__') or _found(cls, '__getnewargs__')
    if isinstance(own, types.FunctionType) and not _has_new_over_named_tuple(cls):
        reduced = object.__reduce_ex__(thing, 4)
        made = reduced[:2]
    else:
        native = _native(cls)
        made = _make, (cls, *_new_arguments(cls, native, thing))
    return (*made, (_state_of(cls, thing), _items_of(_native(cls), thing)), None, None, _fill)


def _reduce_hashed(state, thing):
    """Its plain attributes at once: what it is hashed by, when something in its state holds it as a key."""
    cls = type(thing)
    early = {}
    for name, value in dict(thing.__dict__).items():
        if type(value) in _PLAIN:
            early[name] = value
    if len(early) == len(thing.__dict__) or isinstance(_found(cls, '__setstate__'), types.FunctionType) \
            or isinstance(_found(cls, '__getstate__'), types.FunctionType) or hasattr(cls, '__getnewargs__') or _in_python(cls, '__new__'):
        return NotImplemented
    return _make_with, (cls, early), _state_of(cls, thing), None, None, _fill_in_order


_OF_LIBRARY = frozenset(('collections', 'datetime', 'decimal', 'fractions', 'ipaddress', 'pathlib'))
"""Modules whose classes say how they are pickled as if none were derived from them: without attributes, by the constructor."""


def _who_says(cls):
    return next(base for base in cls.__mro__ if '__reduce__' in vars(base) or '__reduce_ex__' in vars(base))


def _is_of_library(cls):
    return isinstance(cls.__module__, str) and cls.__module__.partition('.')[0] in _OF_LIBRARY


def _is_said_by_library(cls):
    return cls.__flags__ & _IN_PYTHON and not issubclass(cls, type) and not _is_of_library(cls) and cls not in copyreg.dispatch_table \
        and _is_of_library(_who_says(cls)) and (_native(cls) not in _ADD or issubclass(cls, collections.Counter))


def _reduce_by_library(state, thing):
    cls = type(thing)
    base, reduced = _who_says(cls), thing.__reduce_ex__(4)
    if not isinstance(reduced, tuple) or len(reduced) != 2:
        return reduced
    if reduced[0] is cls and any(_found(cls, name) is not _found(base, name) for name in ('__new__', '__init__')):
        reduced = _make_by, (base, cls, reduced[1])
    attributes = object.__getattribute__(thing, '__dict__') if cls.__dictoffset__ else {}
    theirs = copyreg._slotnames(base)
    slots = {name: getattr(thing, name) for name in copyreg._slotnames(cls) if name not in theirs and hasattr(thing, name)}
    return (*reduced, (attributes, slots), None, None, _fill_in_order) if attributes or slots else reduced


# ---- reading ----

def _make_by(base, cls, args):
    made = base.__new__(cls, *args)
    if base.__init__ is not object.__init__:
        base.__init__(made, *args)
    return made



def _make(cls, *args):
    native = _native(cls)
    made = native.__new__(cls, *args)
    if native in _ADD:
        native.__init__(made, *args)
    return made


def _make_with(cls, early):
    made = object.__new__(cls)
    made.__dict__.update(early)
    return made


def _fill_in_order(thing, state):
    """Of a thing that has some of it already: attributes keep their order."""
    attributes, slots = state if isinstance(state, tuple) else (state, {})
    if attributes:
        thing.__dict__.clear()
        thing.__dict__.update(attributes)
    for name, value in slots.items():
        object.__setattr__(thing, name, value)


def _fill(thing, filling):
    state, items = filling
    cls = type(thing)
    setstate = _found(cls, '__setstate__')
    if state is not None and setstate is not None:
        cls.__setstate__(thing, state)
    elif state is not None:
        attributes, slots = state if isinstance(state, tuple) else (state, {})
        if attributes:
            object.__getattribute__(thing, '__dict__').update(attributes)
        for name, value in slots.items():
            object.__setattr__(thing, name, value)
    if items:
        _ADD[_native(cls)](thing, items)


def _add_in_order(thing, items):
    for key, value in items.items():
        collections.OrderedDict.__setitem__(thing, key, value)


_ADD = {
    dict: dict.update, collections.OrderedDict: _add_in_order, collections.defaultdict: dict.update,
    list: list.extend, collections.deque: collections.deque.extend, set: set.update,
}
"""Built-in classes of containers, and what adds items to them without the program's own methods."""

_VALUES = frozenset((object, int, float, complex, str, bytes, tuple, frozenset))
"""Built-in classes that take all they have by __new__."""
