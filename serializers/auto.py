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
import _thread
import abc
import collections
import copyreg
import dis
import enum
import functools
import gc
import hashlib
import importlib
import importlib.util
import io
import itertools
import marshal
import os
import pickle
import queue
import re
import struct
import sys
import threading
import types
import typing
import weakref
from operator import is_

from _corps_exceptions import reduce as _reduce_exception
from _corps_instances import handler_of as _handler_of_instances
from _corps_owned import Refused, guard_of
from _corps_owned import guard as _guard

PROTOCOL = 5
KEY_BYTES = 16
WATCHED_MAX = 1000  # parts of a definition; larger ones travel anew each time


class State:
    """What one message being written has so far. `define` (blob → True when it is kept under key_of(blob)) may be None."""

    __slots__ = ('define', 'filled', 'scopes', 'building', 'inline')

    def __init__(self, define=None):
        self.define = define
        self.building = 0
        self.clear()

    def clear(self):
        self.filled = set()  # ids of cells whose contents are in the message
        self.scopes = {}  # id of a globals dict → (what stands for it, names in the message)
        self.inline = set()  # classes whose parts are in the message


# ---- by name or by value ----

_by_value_modules = set()
_by_reference = set()  # classes and functions that were found importable; for the fast way in C too
by_reference = globals().get('by_reference')  # a host may have set it: function (thing of __main__) → do others have it?


def register_by_value(module):
    """What `module` defines travels by value from now on: the other side cannot import it."""
    _by_value_modules.add(module.__name__)
    _by_reference.clear()


def _in_registered(name):
    while name:
        if name in _by_value_modules:
            return True
        name = name.rpartition('.')[0]
    return False


def _find(module, qualname):
    found = sys.modules.get(module)
    for part in qualname.split('.'):
        found = getattr(found, part, None)
    return found


def importable(thing):
    """Does the other side get this class or function by its name?"""
    module = getattr(thing, '__module__', None)
    name = getattr(thing, '__qualname__', None)
    if not isinstance(module, str) or not isinstance(name, str):
        return False
    if module == '__main__':
        return by_reference is not None and by_reference(thing)
    return '<locals>' not in name and not _in_registered(module) and _find(module, name) is thing


def _remember(thing):
    if len(_by_reference) >= 4096:
        _by_reference.clear()
    _by_reference.add(thing)
    return NotImplemented


# ---- definitions ----

_loaded = {}  # key → what was made of it here
_own = weakref.WeakValueDictionary()  # key → class of ours
_making = threading.RLock()  # of things with a number: two threads that load one class must not make two


def key_of(blob):
    """The name of a definition: of its content."""
    return hashlib.blake2b(blob, digest_size=KEY_BYTES).digest()


def lookup(key):
    """The blob of a definition that came; None: it never did. The host replaces it."""
    return None


def _definition(key):
    found = _loaded.get(key)
    return found if found is not None else _load_definition(key)


def _load_definition(key):
    with _making:
        found = _loaded.get(key, _own.get(key))
        if found is not None:
            return found
        blob = lookup(key)
        if blob is None:
            raise pickle.UnpicklingError('a definition that this message needs never came')
        if key_of(blob) != key:
            raise pickle.UnpicklingError('a definition is not what its name says')
        found = _loaded[key] = pickle.loads(blob)
        return found


_keys_of_code = weakref.WeakKeyDictionary()  # code → (key, blob)


def _code_here(magic, data):
    if magic != importlib.util.MAGIC_NUMBER:
        raise pickle.UnpicklingError('code of another version of Python cannot run on %s' % sys.version.split()[0])
    return marshal.loads(data)


def _reduce_code(state, code):
    inline = _code_here, (importlib.util.MAGIC_NUMBER, marshal.dumps(code))
    if state.define is None or state.building:
        return inline
    known = _keys_of_code.get(code)
    if known is None:
        blob = pickle.dumps(_Reduced(inline), PROTOCOL)
        known = _keys_of_code[code] = key_of(blob), blob
    return (_definition, (known[0],)) if state.define(*known) else inline


class _Reduced:
    """Stands for what a reduction makes."""

    def __init__(self, reduction):
        self.reduction = reduction

    def __reduce__(self):
        return self.reduction


# ---- functions ----

_names_of_code = weakref.WeakKeyDictionary()
_GLOBAL = {dis.opmap[name] for name in ('LOAD_GLOBAL', 'STORE_GLOBAL', 'DELETE_GLOBAL', 'LOAD_NAME') if name in dis.opmap}


def _global_names(code):
    """The globals that code and the code within it name, in order."""
    names = _names_of_code.get(code)
    if names is None:
        found = {}
        for instruction in dis.get_instructions(code):
            if instruction.opcode in _GLOBAL or instruction.opname in ('LOAD_GLOBAL', 'LOAD_FROM_DICT_OR_GLOBALS'):
                found[instruction.argval] = None
        for constant in code.co_consts:
            if isinstance(constant, types.CodeType):
                found.update(dict.fromkeys(_global_names(constant)))
        names = _names_of_code[code] = tuple(found)
    return names


def _annotated_names(function):
    """The types and modules that annotations name which are texts: for typing.get_type_hints."""
    texts = [text for text in (getattr(function, '__annotations__', None) or {}).values() if type(text) is str]
    names = {name for text in texts for name in re.findall(r'[^\W\d]\w*', text)}
    return sorted(name for name in names if isinstance(function.__globals__.get(name), (type, types.ModuleType)))


def _submodules(code, values):
    """Modules that the code reaches as attributes of packages: they must be imported there too."""
    packages = [value.__name__ for value in values if isinstance(value, types.ModuleType) and hasattr(value, '__path__')]
    names = set(code.co_names)
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            names.update(constant.co_names)
    return [sys.modules[full] for package in packages for name in names for full in ('%s.%s' % (package, name),)
            if full in sys.modules]


class _Scope:
    """Stands for the globals of functions in a message."""

    __slots__ = ('names',)

    def __init__(self, names):
        self.names = names

    def __reduce__(self):
        return _scope, (self.names,)


def _scope(names):
    return dict(names, __builtins__=__builtins__)


class _ScopeOfModule:
    __slots__ = ('module',)

    def __init__(self, module):
        self.module = module

    def __reduce__(self):
        return vars, (self.module,)


def _scope_for(state, function):
    """(what stands for the function's globals, the names that are in the message already)."""
    known = state.scopes.get(id(function.__globals__))
    if known is None:
        told = {name: function.__globals__[name] for name in ('__name__', '__package__', '__file__')
                if type(function.__globals__.get(name)) is str}
        known = state.scopes[id(function.__globals__)] = _Scope(told), set()
    return known


def _make_cell():
    return types.CellType()


def _fill_cell(cell, contents):
    cell.cell_contents = contents


def _reduce_cell(state, cell):
    if id(cell) in state.filled:
        return _make_cell, ()
    state.filled.add(id(cell))
    try:
        contents = cell.cell_contents
    except ValueError:
        return _make_cell, ()
    return _make_cell, (), contents, None, None, _fill_cell


def _function(code, scope, name, cells):
    return types.FunctionType(code, scope, name, None, cells)


def _function_of_module(module, name):
    return getattr(importlib.import_module(module), name)


def _reduce_function(state, function):
    if importable(function):
        return _remember(function)
    code = function.__code__
    scope, told = _scope_for(state, function)
    values = {name: function.__globals__[name] for name in itertools.chain(_global_names(code), _annotated_names(function))
              if name in function.__globals__ and name not in told}
    told.update(values)
    contents = []
    for cell in function.__closure__ or ():
        if id(cell) not in state.filled:
            state.filled.add(id(cell))
            try:
                contents.append((cell, cell.cell_contents))
            except ValueError:
                pass  # an empty one
    rest = {name: getattr(function, name) for name in
            ('__qualname__', '__module__', '__doc__', '__defaults__', '__kwdefaults__', '__type_params__')
            if getattr(function, name, None) not in (None, ())}
    annotations = getattr(function, '__annotations__', None)
    if annotations:
        rest['__annotations__'] = annotations
    return (_function, (code, scope, function.__name__, function.__closure__),
            (values, contents, rest, function.__dict__, _submodules(code, values.values())), None, None, _fill_function)


def _fill_function(function, state):
    values, contents, rest, attributes, _ = state
    function.__globals__.update(values)
    for cell, content in contents:
        cell.cell_contents = content
    function.__module__ = None
    for name, value in rest.items():
        setattr(function, name, value)
    function.__dict__.update(attributes)


def _home_of(owner, name):
    """The class that defines a method."""
    for base in (owner if isinstance(owner, type) else type(owner)).__mro__:
        if name in vars(base):
            return base


def _reduce_method(state, method):
    """By its name where that gives this method, so that it stays the class's."""
    function, owner = method.__func__, method.__self__
    name = getattr(function, '__name__', None)
    if state.inline and _home_of(owner, name) in state.inline:
        return _method_of, (function, owner, name)
    if isinstance(name, str) and name not in getattr(owner, '__dict__', ()) or isinstance(owner, type):
        found = getattr(owner, name, None)
        if isinstance(found, types.MethodType) and found.__func__ is function and found.__self__ is owner:
            return getattr, (owner, name)
    return types.MethodType, (function, owner)


def _method_of(function, owner, name):
    """Of a class that may not have it yet: its function is the same one. What comes home is ours."""
    home = _home_of(owner, name)
    return getattr(owner, name) if home in _made_here else types.MethodType(function, owner)


# ---- classes ----

_trackers = weakref.WeakKeyDictionary()  # class → the number that names it in every process
_tracked = weakref.WeakValueDictionary()  # and back
_made_here = weakref.WeakSet()


def _tracker(cls):
    number = _trackers.get(cls)
    if number is None:
        with _making:
            number = _trackers.get(cls)
            if number is None:
                number = os.urandom(16)
                _tracked[number] = cls
                _made_here.add(cls)
                _trackers[cls] = number
    return number


def _track(cls, number):
    _trackers[cls] = number
    _tracked[number] = cls
    return cls


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


def _once(make):
    """One thread at a time makes what has a number; the last argument is it."""
    @functools.wraps(make)
    def once(*args):
        with _making:
            known = _tracked.get(args[-1])
            return known if known is not None else _track(make(*args), args[-1])
    return once


@_once
def _class(meta, name, bases, namespace, number):
    hooked = any('__init_subclass__' in vars(base) for one in bases for base in one.__mro__[:-1])
    if hooked:
        try:
            cls = _new_of(meta)(meta, name, (_shield_for(bases),) + bases, dict(namespace))
            cls.__bases__ = bases
            return cls
        except TypeError:
            pass  # another layout: then the hook runs again
    return _new_of(meta)(meta, name, bases, namespace)


def _fill_class(cls, state):
    if cls in _made_here:
        return  # ours: what came back is a copy of it
    attributes, registered = state
    for name, value in attributes.items():
        type.__setattr__(cls, name, value)
    for other in registered:
        cls.register(other)


@_once
def _enum(bases, name, namespace, members, contents, options, number):
    """contents: what the built-in class of a member is made of, where the program's own __new__ or __init__ made it."""
    meta = type(bases[-1])
    made = meta.__prepare__(name, bases)
    if contents is not None:
        namespace = dict(namespace, __new__=_member_maker([value for _, value in members], contents), __init__=_ready)
        members = [(key, index) for index, (key, _) in enumerate(members)]
    for key, value in itertools.chain(namespace.items(), members):
        made[key] = value
    return meta.__new__(meta, name, bases, made, **options)


def _member_maker(values, contents):
    def make(cls, index):
        index = index[0] if isinstance(index, tuple) else index  # members that are tuples get theirs in one
        member = cls._member_type_.__new__(cls, *contents[index])
        member._value_ = values[index]
        return member
    return make


def _ready(member, *_):
    """A member's __init__ has run already, where it was made."""


def _fill_enum(cls, state):
    if cls in _made_here:
        return
    attributes, machinery, later = state
    _fill_class(cls, (attributes, ()))
    if machinery is not None:
        for name in _MACHINERY:
            if name in machinery:
                type.__setattr__(cls, name, machinery[name])
            elif name in vars(cls):
                type.__delattr__(cls, name)
    for name, found in later.items():
        cls.__members__[name].__dict__.update(found)


_MACHINERY = ('__init__', '__new_member__', '_new_member_', '_use_args_')
_OF_MEMBERS = ('_value_', '_name_', '__objclass__', '_sort_order_')


_GIVEN = frozenset(('__dict__', '__weakref__', '_abc_impl', '__module__', '__qualname__', '__slots__', '__classcell__'))
_ENUM_MADE = frozenset(('_generate_next_value_', '_member_names_', '_member_map_', '_value2member_map_', '_member_type_',
                        '_value_repr_', '_hashable_values_', '_unhashable_values_', '_unhashable_values_map_', '__new__',
                        '__new_member__', '_new_member_', '_use_args_', '_boundary_', '_flag_mask_', '_all_bits_',
                        '_singles_mask_', '_inverted_', '_order_', '__doc__', '_missing_'))


def _attributes(cls):
    """What of a class's __dict__ its structure does not make by itself."""
    return {name: value for name, value in vars(cls).items() if name not in _GIVEN
            and not (isinstance(value, types.MemberDescriptorType) and value.__objclass__ is cls)}


def _reduce_enum(cls):
    made = set(_ENUM_MADE)
    names = list(cls.__members__)
    attributes = {name: value for name, value in _attributes(cls).items() if name not in made and name not in names
                  and not isinstance(value, (types.DynamicClassAttribute, getattr(enum, 'property', types.DynamicClassAttribute)))
                  or name == '_missing_'}
    attributes = {name: value for name, value in attributes.items() if name in vars(cls) and not (
        name in vars(enum.Flag) and vars(cls)[name] is vars(enum.Flag)[name])}
    early = {'__module__': cls.__module__, '__qualname__': cls.__qualname__}
    early.update({name: attributes.pop(name) for name in ('__new__', '__init__', '_missing_', '_ignore_') if name in attributes})
    members = [(name, member._value_) for name, member in cls.__members__.items()]
    contents, machinery = _contents_of_members(cls), None
    if contents is not None:
        machinery = {name: vars(cls)[name] for name in _MACHINERY if name in vars(cls)}
        early.pop('__init__', None)
    options = {'boundary': cls._boundary_} if getattr(cls, '_boundary_', None) is not None else {}
    later = {name: {key: value for key, value in member.__dict__.items() if key not in _OF_MEMBERS}
             for name, member in cls.__members__.items() if member._name_ == name}
    return (_enum, (cls.__bases__, cls.__name__, early, members, contents, options, _tracker(cls)),
            (attributes, machinery, {name: found for name, found in later.items() if found}), None, None, _fill_enum)


def _contents_of_members(cls):
    """What __new__ of their built-in class takes, where the program's own methods make members; None: Enum's do."""
    new = getattr(cls, '_new_member_', None) or getattr(cls, '__new_member__', None)
    if not any(isinstance(method, types.FunctionType) and method.__module__ != 'enum' for method in (new, cls.__init__)):
        return None
    return [cls._member_type_.__getnewargs__(member) if hasattr(cls._member_type_, '__getnewargs__') else ()
            for member in cls.__members__.values()]


def _registered(cls):
    """Virtual subclasses of an abstract class."""
    if not isinstance(cls, abc.ABCMeta):
        return []
    import _abc
    return [one for one in (ref() for ref in _abc._get_dump(cls)[0]) if one is not None]


def _reduce_class_inline(state, cls):
    state.inline.add(cls)
    if isinstance(cls, enum.EnumMeta) and issubclass(cls, enum.Enum):
        return _reduce_enum(cls)
    namespace = {'__module__': cls.__module__, '__qualname__': cls.__qualname__}
    if '__slots__' in vars(cls):
        namespace['__slots__'] = cls.__slots__
    return (_class, (type(cls), cls.__name__, cls.__bases__, namespace, _tracker(cls)), (_attributes(cls), _registered(cls)),
            None, None, _fill_class)


_HIDDEN = {}  # types that have no importable name: what gives them


def _hidden():
    if not _HIDDEN:
        for module in ('types', '_collections_abc', 'builtins', '_thread', 'queue', 'weakref', 're', 'functools', 'typing'):
            for name, value in vars(importlib.import_module(module)).items():
                if isinstance(value, type) and not name.startswith('__'):
                    _HIDDEN.setdefault(value, (module, name))
    return _HIDDEN


_MADE_IN_PYTHON = 1 << 9  # Py_TPFLAGS_HEAPTYPE


def _reduce_type(state, cls):
    if importable(cls):
        return _remember(cls)
    if not importable(type(cls)) and not type(cls).__flags__ & _MADE_IN_PYTHON:
        return NotImplemented  # of a metaclass in C, such as that of ctypes.Structure
    if cls in (type(None), type(NotImplemented), type(...)):
        return NotImplemented
    if cls in _hidden():
        return _function_of_module, _hidden()[cls]
    if not cls.__flags__ & _MADE_IN_PYTHON:
        return NotImplemented  # made in C: pickle says why not
    if state.define is None or state.building:
        return _reduce_class_inline(state, cls)
    key = _watched_key(state, cls)
    return (_definition, (key,)) if key is not None else _reduce_class_inline(state, cls)


# ---- watching classes for change ----

class _Unsteady(Exception):
    """Something in a class may change without our seeing it."""


class _Watch:
    """What a class consists of, and how to see that it is still that."""

    __slots__ = ('key', 'blob', 'dicts', 'functions', 'containers', 'seen')

    def __init__(self, cls):
        self.dicts, self.functions, self.containers, self.seen = [], [], [], set()
        self.look(cls)
        self.seen = None

    def look(self, thing):
        if type(thing) in _STEADY or id(thing) in self.seen:
            return
        if len(self.seen) >= WATCHED_MAX:
            raise _Unsteady
        self.seen.add(id(thing))
        if isinstance(thing, type):
            if thing not in _by_reference and not importable(thing) and thing not in _hidden():
                self.look_class(thing)
        elif type(thing) is types.FunctionType:
            if not importable(thing):
                self.look_function(thing)
        elif type(thing) in (tuple, frozenset):
            for part in thing:
                self.look(part)
        elif type(thing) in (list, set):
            self.containers.append((thing, tuple(thing)))
            for part in thing:
                self.look(part)
        elif type(thing) is dict:
            self.dicts.append((thing, tuple(thing), tuple(thing.values())))
            for part in itertools.chain(thing, thing.values()):
                self.look(part)
        elif type(thing) in (staticmethod, classmethod):
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
        if not cls.__flags__ & _MADE_IN_PYTHON or isinstance(cls, enum.EnumMeta) or _registered(cls):
            raise _Unsteady
        names = vars(cls)
        self.dicts.append((names, tuple(names), tuple(names.values())))
        self.look(type(cls))
        for part in itertools.chain(cls.__bases__, (value for name, value in names.items() if name not in _GIVEN)):
            self.look(part)

    def look_function(self, function):
        names = tuple(name for name in _global_names(function.__code__) if name in function.__globals__)
        scope = function.__globals__
        values = tuple(scope[name] for name in names)
        cells = function.__closure__ or ()
        contents = tuple(_contents(cell) for cell in cells)
        self.functions.append((function, function.__code__, function.__defaults__, function.__kwdefaults__, scope, names, values,
                               cells, contents))
        for part in itertools.chain((function.__defaults__, function.__kwdefaults__, function.__annotations__), values, contents):
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


_MISSING = object()
_STEADY = frozenset((type(None), bool, int, float, complex, str, bytes, type(...), type(NotImplemented), range, types.ModuleType,
                     types.BuiltinFunctionType, types.MethodDescriptorType, types.WrapperDescriptorType,
                     types.MemberDescriptorType, types.GetSetDescriptorType, types.CodeType, object))
_watches = weakref.WeakKeyDictionary()


def _contents(cell):
    try:
        return cell.cell_contents
    except ValueError:
        return _MISSING


def _watched_key(state, cls):
    """The key of the definition of `cls`, None: it has to travel itself."""
    watch = _watches.get(cls)
    if watch is None or not watch.holds():
        try:
            watch = _Watch(cls)
        except _Unsteady:
            return None
        inner = State(state.define)
        inner.building = 1
        with io.BytesIO() as file:
            Pickler(file, state=inner).dump(cls)
            watch.blob = file.getvalue()
        watch.key = key_of(watch.blob)
        _watches[cls] = watch
        _own[watch.key] = cls
    return watch.key if state.define(watch.key, watch.blob) else None


# ---- objects of other types ----

def _reduce_module(state, module):
    name = module.__name__
    if sys.modules.get(name) is module and name != '__main__' and not _in_registered(name):
        return importlib.import_module, (name,)
    state.scopes.setdefault(id(vars(module)), (_ScopeOfModule(module), set(vars(module))))
    attributes = {key: value for key, value in vars(module).items() if key not in ('__builtins__', '__loader__', '__spec__')}
    return types.ModuleType, (name,), attributes, None, None, _fill_module


def _fill_module(module, attributes):
    vars(module).update(attributes)


def _reduce_descriptor(state, descriptor):
    return getattr, (descriptor.__objclass__, descriptor.__name__)


def _entry(cls, name):
    return vars(cls)[name]


def _reduce_class_method_of_c(state, descriptor):
    return _entry, (descriptor.__objclass__, descriptor.__name__)


def _reduce_key(state, key):
    """functools.cmp_to_key's: it shows its function to the collector alone."""
    parts = [part for part in gc.get_referents(key) if part is not type(key)]
    if not parts:
        raise Refused('this Python does not show what a key of cmp_to_key compares by; send the function', key)
    return (_key_of, (parts[0], key.obj)) if hasattr(key, 'obj') else (functools.cmp_to_key, (parts[0],))


def _key_of(function, thing):
    return functools.cmp_to_key(function)(thing)


def _reduce_wrapped(state, wrapper):
    return type(wrapper), (wrapper.__func__,)


def _reduce_property(state, found):
    return property, (found.fget, found.fset, found.fdel, found.__doc__)


def _reduce_cached(state, function):
    if importable(function):
        return function.__qualname__
    info = function.cache_parameters() if hasattr(function, 'cache_parameters') else {'maxsize': function.cache_info().maxsize}
    return _cached, (function.__wrapped__, info.get('maxsize'), info.get('typed', False)), function.__dict__


def _cached(function, maxsize, typed):
    return functools.lru_cache(maxsize, typed)(function)


def _lock(locked):
    lock = _thread.allocate_lock()
    if locked:
        lock.acquire()
    return lock


def _reduce_lock(state, lock):
    return _lock, (lock.locked(),)


def _reduce_rlock(state, lock):
    if repr(lock).startswith('<locked'):
        raise Refused('a held RLock belongs to its thread', lock)
    return threading.RLock, ()


def _reduce_thread(state, thread):
    if thread.ident is not None or type(thread).__reduce_ex__ is not object.__reduce_ex__:
        raise Refused('a thread that was started belongs to this process; start one there', thread)
    made = vars(threading.Thread())
    rest = {name: value for name, value in vars(thread).items() if name not in made}
    start = {name: vars(thread).get(name) for name in ('_target', '_args', '_kwargs')}
    return _thread_of, (type(thread),), (thread.name, thread.daemon, start, rest), None, None, _fill_thread


def _thread_of(cls):
    thread = cls.__new__(cls)
    threading.Thread.__init__(thread)
    return thread


def _fill_thread(thread, state):
    thread.name, thread.daemon, start, rest = state
    vars(thread).update(start)
    vars(thread).update(rest)


def _ref(target):
    return weakref.ref(target if target is not None else _Gone())


class _Gone:
    """Ends at once."""


def _reduce_ref(state, ref):
    return _ref, (ref(),)


def _reduce_proxy(state, proxy):
    try:
        target = proxy.__repr__.__self__
    except ReferenceError:
        target = _Gone()
    return weakref.proxy, (target,)


def _reduce_weak_mapping(state, mapping):
    return type(mapping), (), None, None, iter(list(mapping.items()))


def _reduce_weak_set(state, found):
    return weakref.WeakSet, (list(found),)


def _reduce_super(state, found):
    return super, (found.__thisclass__, found.__self__)


def _reduce_mappingproxy(state, proxy):
    return types.MappingProxyType, (dict(proxy),)


def _view(name, mapping):
    return getattr(mapping, name)()


def _reduce_view(state, view):
    name = type(view).__name__.partition('_')[2]
    mapping = getattr(view, 'mapping', None)
    if mapping is None:
        made = dict(view) if name == 'items' else dict.fromkeys(view) if name == 'keys' else dict(enumerate(view))
    else:
        made = dict(mapping)
    if type(view).__name__.startswith('odict'):
        made = collections.OrderedDict(made)
    return _view, (name, made)


def _memoryview(data, readonly, form, shape):
    view = memoryview(data)
    if form != 'B' or len(shape) != 1:
        view = view.cast('B').cast(form, shape)
    return view.toreadonly() if readonly and not view.readonly else view


def _reduce_memoryview(state, view):
    whole = view.c_contiguous and type(view.obj) in (bytes, bytearray) and len(view.obj) == view.nbytes
    data = view.obj if whole else view.tobytes() if view.readonly else bytearray(view.tobytes())
    return _memoryview, (data, view.readonly, view.format, view.shape)


def _reduce_struct(state, found):
    return struct.Struct, (found.format,)


def _file(name, mode, encoding, errors, newline, position):
    file = open(name, mode, encoding=encoding, errors=errors, newline=newline)
    file.seek(position)
    return file


def _can_open_again(file):
    name = getattr(file, 'name', None)
    try:
        return isinstance(name, str) and os.path.isfile(name) and os.path.samestat(os.fstat(file.fileno()), os.stat(name))
    except (OSError, ValueError):
        return False  # closed, removed, or not on disk


def _reduce_file(state, file):
    for name in ('stdin', 'stdout', 'stderr'):
        if file is getattr(sys, name) or file is getattr(sys, '__%s__' % name):
            return getattr, (sys, name)
    if not _can_open_again(file):
        raise Refused('this file cannot be opened again there; send its path or its content', file)
    text = isinstance(file, io.TextIOWrapper)
    mode = 'a' if file.writable() else 'r'
    if mode == 'a' and getattr(file, 'mode', None) not in (('a',) if text else ('ab', 'a')):
        raise Refused('a file that is open for writing cannot travel: two processes would write it; send its path', file)
    if mode == 'a':
        file.flush()
    return _file, (os.path.abspath(file.name), mode if text else mode + 'b', file.encoding if text else None,
                   file.errors if text else None, None, file.tell())


def _refuse_file(state, file):
    raise Refused('a file of class %s cannot be opened again there; send its path or its content' % type(file).__name__, file)


@_once
def _typevar(kind, name, constraints, rest, number):
    return getattr(typing, kind)(name, *constraints, **rest)


def _reduce_typevar(state, variable):
    if _find(variable.__module__, variable.__name__) is variable and variable.__module__ != '__main__' \
            and not _in_registered(variable.__module__):
        return variable.__name__
    rest = {name: getattr(variable, '__%s__' % name) for name in ('bound', 'covariant', 'contravariant')
            if getattr(variable, '__%s__' % name, None)}
    return _typevar, (type(variable).__name__, variable.__name__, getattr(variable, '__constraints__', ()), rest,
                      _tracker(variable))


def _reduce_newtype(state, found):
    if importable(found):
        return found.__qualname__
    return _newtype, (found.__name__, found.__supertype__, found.__module__, _tracker(found))


@_once
def _newtype(name, supertype, module, number):
    made = typing.NewType(name, supertype)
    made.__module__ = module
    return made


def _reduce_sentinel(state, found):
    """What dataclasses compares by identity."""
    module = sys.modules[type(found).__module__]
    name = next(name for name, value in vars(module).items() if value is found)
    return getattr, (module, name)


HANDLERS = {
    types.FunctionType: _reduce_function,
    types.CodeType: _reduce_code,
    types.CellType: _reduce_cell,
    types.ModuleType: _reduce_module,
    types.MethodType: _reduce_method,
    types.ClassMethodDescriptorType: _reduce_class_method_of_c,
    type(functools.cmp_to_key(len)): _reduce_key,
    types.MemberDescriptorType: _reduce_descriptor,
    types.GetSetDescriptorType: _reduce_descriptor,
    staticmethod: _reduce_wrapped,
    classmethod: _reduce_wrapped,
    property: _reduce_property,
    type(functools.lru_cache()(len)): _reduce_cached,
    type(_thread.allocate_lock()): _reduce_lock,
    type(threading.RLock()): _reduce_rlock,
    weakref.ref: _reduce_ref,
    weakref.ProxyType: _reduce_proxy,
    weakref.CallableProxyType: _reduce_proxy,
    weakref.WeakKeyDictionary: _reduce_weak_mapping,
    weakref.WeakValueDictionary: _reduce_weak_mapping,
    weakref.WeakSet: _reduce_weak_set,
    super: _reduce_super,
    types.MappingProxyType: _reduce_mappingproxy,
    memoryview: _reduce_memoryview,
    struct.Struct: _reduce_struct,
    io.TextIOWrapper: _reduce_file,
    io.BufferedReader: _reduce_file,
    io.BufferedWriter: _reduce_file,
    io.BufferedRandom: _reduce_file,
    io.FileIO: _reduce_file,
    typing.TypeVar: _reduce_typevar,
}
for _kind in (dict, collections.OrderedDict):
    HANDLERS.update({type(getattr(_kind(), _name)()): _reduce_view for _name in ('keys', 'values', 'items')})
for _name in ('ParamSpec', 'TypeVarTuple'):
    if hasattr(typing, _name):
        HANDLERS[getattr(typing, _name)] = _reduce_typevar
if isinstance(typing.NewType, type):
    HANDLERS[typing.NewType] = _reduce_newtype

_BY_BASE = ((BaseException, _reduce_exception), (threading.Thread, _reduce_thread), *(
    (kind, _refuse_file) for kind in (io.FileIO, io.BufferedReader, io.BufferedWriter, io.BufferedRandom, io.BufferedRWPair,
                                      io.TextIOWrapper)))
_handlers = dict(HANDLERS)  # of every type that was seen; None: pickle manages


def _guarded(guard, handler):
    def asked(state, thing):
        answer = guard(state, thing)
        return handler(state, thing) if answer is NotImplemented and handler is not None else answer
    return asked


def _handler_of(cls):
    if len(_handlers) >= 4096:
        _handlers.clear()
        _handlers.update(HANDLERS)
    found = next((handler for base, handler in _BY_BASE if issubclass(cls, base)), None) or _handler_of_instances(cls)
    guard = guard_of(cls) if not issubclass(cls, BaseException) else None
    if guard is not None:
        found = _guarded(guard, found)
    if cls.__module__ == 'dataclasses' and cls.__name__ in ('_FIELD_BASE', '_MISSING_TYPE', '_KW_ONLY_TYPE', '_HAS_DEFAULT_FACTORY_CLASS'):
        found = _reduce_sentinel
    _handlers[cls] = found
    return found


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
        return NotImplemented if thing in _by_reference else _reduce_type(state, thing)
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
    """As pickle.dumps."""
    with io.BytesIO() as file:
        Pickler(file, protocol, buffer_callback, State(define)).dump(thing)
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
    _reduce_file(None, file)


loads = pickle.loads
