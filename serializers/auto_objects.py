"""Objects of built-in types that pickle refuses.

This module is `_corps_auto_objects`.
"""
import _thread
import collections
import copyreg
import functools
import gc
import struct
import sys
import threading
import types
import typing
import weakref

from _corps_auto_identity import number_of, once, represented
from _corps_auto_memory import reduce_memoryview
from _corps_auto_names import find, importable, in_registered
from _corps_owned import Refused


def reduce_descriptor(state, descriptor):
    return getattr, (descriptor.__objclass__, descriptor.__name__)


def _entry(cls, name):
    return vars(cls)[name]


def reduce_class_method_of_c(state, descriptor):
    return _entry, (descriptor.__objclass__, descriptor.__name__)


def reduce_key(state, key):
    """functools.cmp_to_key's: it shows its function to the collector alone."""
    parts = [part for part in gc.get_referents(key) if part is not type(key)]
    if not parts:
        raise Refused('this Python does not show what a key of cmp_to_key compares by; send the function', key)
    return (_key_of, (parts[0], key.obj)) if hasattr(key, 'obj') else (functools.cmp_to_key, (parts[0],))


def _key_of(function, thing):
    return functools.cmp_to_key(function)(thing)


_COPIED = frozenset(('__module__', '__name__', '__qualname__', '__doc__', '__annotations__', '__annotate__'))  # from the function


def attributes_of_wrapper(wrapper):
    """What a staticmethod or classmethod has got beside its function."""
    return {name: value for name, value in dict(getattr(wrapper, '__dict__', ())).items() if name not in _COPIED}


def reduce_wrapped(state, wrapper):
    return type(wrapper), (wrapper.__func__,), attributes_of_wrapper(wrapper) or None


def reduce_property(state, found):
    return property, (found.fget, found.fset, found.fdel, found.__doc__)


def _derived(native, arguments_of):
    """How instances of classes derived from a wrapper of functions are reduced that do not say it themselves: without the
    program's own __init__, which has run."""
    def reduce_derived(state, thing):
        cls = type(thing)
        if cls.__reduce__ is not object.__reduce__ or cls.__reduce_ex__ is not object.__reduce_ex__:
            return NotImplemented
        slots = {name: getattr(thing, name) for name in copyreg._slotnames(cls) or () if hasattr(thing, name)}
        found = {name: value for name, value in dict(getattr(thing, '__dict__', ())).items() if name not in ('__annotations__', '__annotate__')}
        if '__setstate__' in dir(cls) and hasattr(thing, '__getstate__'):
            return _make_derived, (native, cls, arguments_of(thing)), thing.__getstate__()
        return _make_derived, (native, cls, arguments_of(thing)), (found or None, slots) if slots else found or None
    return reduce_derived


def _make_derived(native, cls, arguments):
    made = native.__new__(cls, *arguments)
    native.__init__(made, *arguments)
    return made


DERIVED = ((property, _derived(property, lambda found: (found.fget, found.fset, found.fdel, found.__doc__))),
           *((kind, _derived(kind, lambda wrapper: (wrapper.__func__,))) for kind in (staticmethod, classmethod)))


def reduce_cached(state, function):
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


def reduce_lock(state, lock):
    return _lock, (lock.locked(),)


def reduce_rlock(state, lock):
    if repr(lock).startswith('<locked'):
        raise Refused('a held RLock belongs to its thread', lock)
    return threading.RLock, ()


def reduce_thread(state, thread):
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


def reduce_ref(state, ref):
    return _ref, (ref(),)


def reduce_proxy(state, proxy):
    try:
        target = proxy.__repr__.__self__
    except ReferenceError:
        target = _Gone()
    return weakref.proxy, (target,)


def reduce_weak_mapping(state, mapping):
    return type(mapping), (), None, None, iter(list(mapping.items()))


def reduce_weak_set(state, found):
    return weakref.WeakSet, (set(found),)


def reduce_super(state, found):
    return super, (found.__thisclass__, found.__self__)


def reduce_mappingproxy(state, proxy):
    parts = gc.get_referents(proxy)  # what it shows, which others may hold as well
    return types.MappingProxyType, (parts[0] if len(parts) == 1 and not isinstance(parts[0], type) else dict(proxy),)


def _view(name, mapping):
    return getattr(mapping, name)()


def reduce_view(state, view):
    name = type(view).__name__.partition('_')[2]
    mapping = getattr(view, 'mapping', None)
    if mapping is None:
        made = dict(view) if name == 'items' else dict.fromkeys(view) if name == 'keys' else dict(enumerate(view))
    else:
        made = dict(mapping)
    if type(view).__name__.startswith('odict'):
        made = collections.OrderedDict(made)
    return _view, (name, made)


def is_random(cls):
    """Is it derived from random.Random, which forgets what else an instance has?"""
    random = getattr(sys.modules.get('random'), 'Random', None)
    return random is not None and issubclass(cls, random) and cls is not random and cls.__reduce__ is random.__reduce__ \
        and cls.getstate is random.getstate and cls.__dictoffset__ != 0


def reduce_random(state, generator):
    return _random_of, (type(generator),), (generator.getstate(), vars(generator)), None, None, _fill_random


def _random_of(cls):
    import random
    return random.Random.__new__(cls)


def _fill_random(generator, state):
    import random
    vars(generator).update(state[1])
    random.Random.setstate(generator, state[0])


def reduce_struct(state, found):
    return struct.Struct, (found.format,)


@once
def _typevar(kind, name, constraints, rest, number):
    return getattr(typing, kind)(name, *constraints, **rest)


def reduce_typevar(state, variable):
    if find(variable.__module__, variable.__name__) is variable and variable.__module__ != '__main__' \
            and not in_registered(variable.__module__):
        return variable.__name__
    rest = {name: getattr(variable, '__%s__' % name) for name in ('bound', 'covariant', 'contravariant', 'infer_variance')
            if getattr(variable, '__%s__' % name, None)}
    if hasattr(variable, 'has_default') and variable.has_default():
        rest['default'] = variable.__default__
    return represented(state, variable) or (_typevar, (type(variable).__name__, variable.__name__, getattr(variable, '__constraints__', ()), rest,
                      number_of(state, variable)))


def reduce_newtype(state, found):
    if importable(found):
        return found.__qualname__
    return represented(state, found) or (_newtype, (found.__name__, found.__supertype__, found.__module__, number_of(state, found)))


@once
def _newtype(name, supertype, module, number):
    made = typing.NewType(name, supertype)
    made.__module__ = module
    return made


def reduce_alias(state, alias):
    """Of `type X = …`; one that names itself nests without end."""
    if importable(alias):
        return alias.__name__
    return _alias, (alias.__name__, alias.__value__, alias.__type_params__)


def _alias(name, value, parameters):
    return typing.TypeAliasType(name, value, type_params=parameters)


def reduce_sentinel(state, found):
    """What dataclasses compares by identity."""
    module = sys.modules[type(found).__module__]
    name = next(name for name, value in dict(vars(module)).items() if value is found)
    return getattr, (module, name)


OBJECTS = {
    types.ClassMethodDescriptorType: reduce_class_method_of_c,
    type(functools.cmp_to_key(len)): reduce_key,
    types.MemberDescriptorType: reduce_descriptor,
    types.GetSetDescriptorType: reduce_descriptor,
    staticmethod: reduce_wrapped,
    classmethod: reduce_wrapped,
    property: reduce_property,
    type(functools.lru_cache()(len)): reduce_cached,
    type(_thread.allocate_lock()): reduce_lock,
    type(threading.RLock()): reduce_rlock,
    weakref.ref: reduce_ref,
    weakref.ProxyType: reduce_proxy,
    weakref.CallableProxyType: reduce_proxy,
    weakref.WeakKeyDictionary: reduce_weak_mapping,
    weakref.WeakValueDictionary: reduce_weak_mapping,
    weakref.WeakSet: reduce_weak_set,
    super: reduce_super,
    types.MappingProxyType: reduce_mappingproxy,
    memoryview: reduce_memoryview,
    struct.Struct: reduce_struct,
    typing.TypeVar: reduce_typevar,
}
for _kind in (dict, collections.OrderedDict):
    OBJECTS.update({type(getattr(_kind(), _name)()): reduce_view for _name in ('keys', 'values', 'items')})
for _name in ('ParamSpec', 'TypeVarTuple'):
    if hasattr(typing, _name):
        OBJECTS[getattr(typing, _name)] = reduce_typevar
if isinstance(typing.NewType, type):
    OBJECTS[typing.NewType] = reduce_newtype
if hasattr(typing, 'TypeAliasType'):
    OBJECTS[typing.TypeAliasType] = reduce_alias
