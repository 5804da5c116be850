"""Pools: one Name over several Workers of one class, its members, of which there are more or fewer as it is needed."""

import inspect
import time

from . import _core, _create, _map, _name, _pickling, _plain
from ._config import parameters_of
from ._deadline import deadline
from ._errors import AsyncExecutionError, WorkerLost
from ._name import POOL_PREFIX, Name, class_text
from ._worker import Conc, Corps

_COUNT_SECONDS = 0.25
"""For so long map counts on what it knows of a pool's size."""


# ---- keys ----

def _encoded(value):
    """Bytes that are equal for equal keys, and for no others."""
    if isinstance(value, str):
        data = value.encode('utf-8', 'surrogatepass')
        return b's%d:' % len(data) + data
    if isinstance(value, bytes):
        return b'b%d:' % len(value) + value
    if isinstance(value, int):
        return b'i%d;' % value
    if isinstance(value, tuple):
        return b't%d:' % len(value) + b''.join(map(_encoded, value))
    raise ValueError(f'a key is a text, bytes, an integer or a tuple of these, and not {value!r}')


def key_of(value):
    """A key as a number of 64 bits, the same in every process. hash() would be another one in each."""
    import hashlib
    return int.from_bytes(hashlib.blake2b(_encoded(value), digest_size=8).digest(), 'little')


class _Sticky:
    """A method of a sticky pool's Name. The key is what the call says with Key, or what the parameter has that the pool was made for."""

    def __init__(self, method, original, parameter, retry):
        self.method, self.original, self.parameter, self.retry = method, original, parameter, retry
        self.at, self.default = _place_of(original, parameter)
        self.__doc__ = getattr(original, '__doc__', None)

    def __get__(self, name, owner=None):
        return self if name is None else _name.types.MethodType(self, name)

    def __getattr__(self, attribute):
        return getattr(self.original, attribute)  # __name__, __wrapped__, …

    def _value(self, args, kwargs):
        if self.at is not None:
            if self.parameter in kwargs:
                return kwargs[self.parameter]
            if len(args) > self.at:
                return args[self.at]
            if self.default is not inspect.Parameter.empty:
                return self.default
        raise ValueError(f"the pool is sticky by '{self.parameter}', and this call of {self.method} has none: say which key it has, "
                         f'{self.method}(…, Key=…)')

    def __call__(self, name, *args, **kwargs):
        key = kwargs.pop('Key') if 'Key' in kwargs else self._value(args, kwargs)
        no_reply = kwargs.pop('NoReply', False) == True  # noqa: E712 (1 counts, as it always did)
        retry = bool(kwargs.pop('Retry', self.retry and not no_reply))
        return _core.call(name, self.method, args, kwargs, no_reply, retry, key_of(key))


def _place_of(function, parameter):
    """(which positional argument of a call it is, its default); (None, …) where the method has none of that name."""
    try:
        names = list(inspect.signature(function).parameters.values())
    except (TypeError, ValueError):
        return None, None
    if names and names[0].name == 'self':
        del names[0]
    for at, found in enumerate(names):
        if found.name == parameter and found.kind not in (found.VAR_POSITIONAL, found.VAR_KEYWORD):
            return (at if found.kind != found.KEYWORD_ONLY else 1 << 30), found.default
    return None, None


# ---- Names of pools ----

def pool_members(Pool):
    """The Names of the Workers that are in the pool with the Name Pool now, a list. They stay Names of these Workers; which leave the pool
    when it shrinks. Raises TypeError if it is no pool's Name."""
    if not isinstance(Pool, _core.Name) or not Pool.__corps_class__.startswith(POOL_PREFIX):
        raise TypeError(f'{Pool!r} is no Name of a pool')
    return [_name.restore(address) for address in _core.pool_members(Pool)]


def _members_count(self):
    """How many members there are, or were a moment ago."""
    counted, known = type(self)._counted, self.__corps_numbers__
    count, until = counted.get(known, (0, 0.0))
    if time.monotonic() >= until:
        count = len(_core.pool_members(self))
        counted[known] = count, time.monotonic() + _COUNT_SECONDS
    return count


def _refuse_chunks(self):
    if type(self)._sticky:
        raise ValueError('the pool is sticky: which member an item belongs to is said by the key of each call, and map puts many items into '
                         'one; call its methods one by one')


def _exit(self, *, NoReply=False, Retry=False):
    """Ends the pool and its members, each when it has done what it had."""
    own = _core.Name(self.__corps_address__[:16] + b'Pool')  # its own Conc: calls by its Name go to members
    return _core.call(own, 'corps:end', (), None, bool(NoReply), bool(Retry))


def _setattr(self, attribute, value):
    raise AttributeError(f"'{attribute}' cannot be written through the Name of a pool: each of its members has attributes of its own")


def _leave(self, kind, exception, trace):
    """The end of a block: ends the pool."""
    if not _name.leaves(self):
        return
    try:
        with deadline(None):
            self.exit().Ret
    except WorkerLost:
        pass  # it has ended already


def _reduce(self):
    made = type(self)
    return restore, (self.__corps_address__, self.__corps_external__, self.__corps_creator__, made._methods, made._sticky)


_ALWAYS = {'exit': _exit, '_members_count': _members_count, '_refuse_chunks': _refuse_chunks, '__setattr__': _setattr, '__exit__': _leave,
           '__reduce__': _reduce}
_UNLESS_ITS_OWN = {'map': _map.map, 'starmap': _map.starmap, 'filter': _map.filter, 'reduce': _map.reduce}
"""What the Worker's class calls so is its own; corps.map(pool, …) works always."""

_classes = {}


def class_of(base, sticky=None):
    """The class of Names of pools of the Workers that have Names of the class `base`. sticky: the parameter that is the key."""
    if sticky is None:
        sticky = sticky_of(base._worker_class)
    made = _classes.get((base, sticky))
    if made is None:
        own = {name: function for name, function in _UNLESS_ITS_OWN.items() if not hasattr(base, name)}
        own.update(_ALWAYS, _sticky=sticky, _counted={}, __module__=base.__module__, __doc__=base.__doc__)
        if isinstance(sticky, str):
            for method in dir(base):
                found = inspect.getattr_static(base, method)
                if isinstance(found, _core.Method) and method not in own:
                    own[method] = _Sticky(method, getattr(base._worker_class, method, None), sticky, method in base._retries)
        made = _classes.setdefault((base, sticky), type(f'PoolOf{base.__name__}', (base,), own))
    return made


def sticky_of(cls):
    """What a class of Workers says itself: the name of a parameter, True, or None."""
    said = inspect.getattr_static(cls, 'Sticky', None) if cls is not None else None
    return said if said is True or isinstance(said, str) else None


def restore(address, external=False, creator=-1, methods=None, sticky=None):
    """A pool's Name from its address."""
    text = bytes(address[16 + len(POOL_PREFIX):]).decode()
    return class_of(_name.class_by_text(text, methods), sticky)(address, external, creator)


# ---- creating ----

def _count(value, name):
    if isinstance(value, bool) or not isinstance(value, int):
        raise TypeError(f'{name} is a number of members, not {value!r}')
    if value < 1:
        raise ValueError(f'{name} must be at least 1, not {value!r}')
    return value


def _seconds(value, name):
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise TypeError(f'{name} is a number of seconds, not {value!r}')
    if not 0 < value < 1e9:
        raise ValueError(f'{name} must be more than 0 seconds, not {value!r}')
    return max(1, int(value * 1e9))


def _check_sticky(cls, sticky):
    if sticky is None or sticky is False:
        return sticky_of(cls)
    if sticky is not True and not isinstance(sticky, str):
        raise TypeError(f"Sticky is the name of a parameter of the Worker's methods, or True where calls say Key=…; not {sticky!r}")
    if isinstance(sticky, str) and cls is not None and not any(
            _place_of(getattr(cls, method, None), sticky)[0] is not None for method in dir(cls) if not method.startswith('__')):
        raise ValueError(f"Sticky='{sticky}': no method of {cls.__name__} has a parameter of that name")
    return sticky


def _where(kind, value, replicated):
    """(type, Env, host or label) as the core takes them."""
    if _core.own() is None:
        raise RuntimeError('pools are created inside a Corps: call create_Pool in a method or an __init__')
    if replicated:
        if kind != _create.LocType.Auto or value is not None:
            raise ValueError('a replicated pool has a member in every Env: leave out LocType and LocVal')
        kind = _create.LocType.PerEnv
    return _create._location(kind, value)


def _policy(cls, kwargs):
    """How members are made again: on_failure, unless somebody says otherwise."""
    said = 'Restart' in kwargs and 'Restart' not in parameters_of(cls) or isinstance(getattr(cls, 'Restart', None), str)
    policy = _create._supervision(cls, kwargs)
    return policy if said else dict(policy, restart=_create.RESTARTS.index('on_failure'))


def create_Pool(ConcClass, *args, Min=1, Max=None, Target=0.01, Quiet=30.0, LocType=_create.LocType.Auto, LocVal=None, Sticky=None,
                Replicated=False, Env_Each=False, Mgr=None, **kwargs):
    """Creates a pool inside a Corps: one Name over several Workers ConcClass(*args, **kwargs), its members. A call through the Name goes to
    a member that has little to do.

    There are Min members at least and Max at most (None: four for each Env). While requests wait for longer than Target seconds the pool
    grows, at once; when they have waited no longer than half of that for Quiet seconds it gives up one member, which does first what it has.
    A member that fails is made again; Restart and what goes with it are those of create_Concs, but for the default, which is 'on_failure'.

    LocType and LocVal say where members are: Auto: in the Env that has the fewest; EnvId: in that of number LocVal; in a Corps of several hosts, Host
    and Region: on the host, or on those with the label, LocVal. Replicated=True: one in each
    Env, and callers take the nearest; Min and Max are not given then. Env_Each=True: each member gets an Env of its own, which comes and goes
    with it.

    Sticky: the name of a parameter of the methods; calls in which it has the same value go to the same member, as long as the members stay. True:
    each call says its key, name.method(…, Key=…). A key is a text, bytes, an integer or a tuple of these. Mgr is what my_Mgr() of the members
    returns.

    The Name has the methods of ConcClass, and map, starmap, filter and reduce, where the class has none of its own called so. Its exit ends the pool.
    Raises ValueError for what makes no sense together, TypeError, and what create_Concs raises.
    """
    plain = isinstance(ConcClass, str)
    cls = None if plain else ConcClass
    if not plain:
        _create._check_class(ConcClass, Conc)
        if issubclass(ConcClass, Corps):
            raise AttributeError(f'{ConcClass.__name__} is a Corps: a pool is made of Concs')
        _name.retries_of(ConcClass)
    sticky = _check_sticky(cls, Sticky)
    location = _where(LocType, LocVal, Replicated)
    options = _options(Min, Max, Target, Quiet, sticky, Env_Each, location[0] == _create.LocType.PerEnv)
    policy = _policy(cls, kwargs)
    if plain:
        payload, text = args, ConcClass
        if text not in _core.classes():
            raise TypeError(f"'{text}' is no class; written in C and made known by load_classes are: {', '.join(_core.classes()) or 'none'}")
    else:
        kwargs, attributes = _create._split(kwargs)
        attributes['Mgr'] = Mgr
        text = class_text(ConcClass)
        payload = ConcClass if _pickling.allowed else _plain.class_name(ConcClass), _core.own()[1], args, kwargs, attributes
    try:
        address = _core.create_pool(text, payload, *location, plain, options, policy)
    except AsyncExecutionError as error:
        from ._hooks import mix
        raise mix(error) from None
    base = Name if plain else _name.name_class(ConcClass)
    return class_of(base, sticky)(address, False, _core.own()[1])


def _options(Min, Max, Target, Quiet, sticky, env_each, is_nearest):
    """As the core takes them."""
    options = {'target_ns': _seconds(Target, 'Target'), 'quiet_ns': _seconds(Quiet, 'Quiet'), 'sticky': int(bool(sticky)),
               'env_each': int(bool(env_each)), 'min_count': _count(Min, 'Min'), 'max_count': 0 if Max is None else _count(Max, 'Max')}
    if is_nearest:
        if Min != 1 or Max is not None:
            raise ValueError('a replicated pool has as many members as there are Envs: leave out Min and Max')
        options['min_count'] = 0
    elif Max is not None and Min > Max:
        raise ValueError(f'a pool cannot have at least {Min} members and at most {Max}')
    return options


for _thing in (create_Pool, pool_members):
    _thing.__module__ = 'corps'  # where users find them
