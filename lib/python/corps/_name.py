"""Names: addresses of Workers that can be called like the Workers themselves.

For every class of Workers there is a class of Names, made when it is first needed: a method of the Worker is a
`_core.Method` there, a class attribute is its value, a property runs with the Name as self. Everything else is asked
of the Worker.
"""

import difflib
import inspect
import ipaddress
import sys
import types
from collections.abc import Iterable

from . import _core, _pickling
from ._deadline import deadline
from ._errors import WorkerLost
from ._future import Future

OWN = ('Proxy', 'TheClassName', 'TheModuleName')
"""A Name's own attributes; they hide the Worker's of the same name."""

_OF_ALL = ('start', 'main', 'cleanup', 'exit', 'my_Class', 'my_Name', 'my_Self', 'my_Mgr', 'my_ExtName', 'my_Tag', 'before_rec_msg',
           'before_request', 'after_request', 'after_reply')
"""The methods of every Worker."""

POOL_PREFIX = 'pool of '
"""How the class text of a pool's Name begins; the rest is that of its members."""

LOCAL_IP = ipaddress.IPv4Address('127.0.0.1')


class ConcAddr:
    """Where a Worker is: the Env that made it, its number there, and the Env where it lives."""

    def __init__(self, MgrEnvId, ConcId, LocEnvId):
        self.MgrEnvId = MgrEnvId
        self.ConcId = ConcId
        self.LocEnvId = LocEnvId

    def _key(self):
        return self.MgrEnvId, self.ConcId, self.LocEnvId

    def __eq__(self, other):
        return self._key() == other._key() if isinstance(other, ConcAddr) else NotImplemented

    def __hash__(self):
        return hash(self._key())

    def __repr__(self):
        return f'L{self.LocEnvId}:M{self.MgrEnvId}.{self.ConcId}'


class ExtAddr(ConcAddr):
    """The same for Workers of other Corps: with the host's address, and a number that tells the Corps on it."""

    def __init__(self, MgrEnvId, ConcId, LocEnvId, IpAddr, Port):
        super().__init__(MgrEnvId, ConcId, LocEnvId)
        self.IpAddr = IpAddr
        self.Port = Port

    def _key(self):
        return super()._key() + (self.IpAddr, self.Port)

    __hash__ = ConcAddr.__hash__

    def __repr__(self):
        return f'{super().__repr__()}@{self.IpAddr}:{self.Port}'


def port_of(corps_id):
    """The number that stands for a Corps in printed addresses."""
    return corps_id & 0xffffffff


def main_name(module):
    """A module's name; that of the main program is the same in every process."""
    return '__main__' if module == '__mp_main__' else module


def class_text(cls):
    """What a class is called in addresses: unique as far as class names within modules are."""
    return f'{cls.__name__} in {main_name(cls.__module__)}.py'


_entered = []  # the Names in whose with blocks this process is
_of_parent = []  # those in whose blocks its parent was when it forked this one


def _take(names, name):
    """Takes this very Name out of a list; was it there?"""
    for index in reversed(range(len(names))):
        if names[index] is name:
            del names[index]
            return True
    return False


def leaves(name):
    """At the end of its with block: is it this process's to end? The child of a fork leaves the block too, but the Worker is its parent's."""
    if _take(_of_parent, name):
        return False
    _take(_entered, name)
    return True


def _remote_get(name, attribute):
    return _core.call(name, 'corps:get', (attribute,), None, False, False)


def _remote_set(name, attribute, value):
    _core.call(name, 'corps:set', (attribute, value), None, False, False).Ret


class Name(_core.Name):
    """A Worker's address and proxy. name.method(…) gives a Future at once; with NoReply=True nothing comes back.

    With Retry=True the call goes again if its link is lost or its Env is started again before the answer has come (create_Corps:
    Restart); over the loss of a link it takes effect once. The class attribute Retry of a Worker is the default: see Conc.

    Names can be arguments and results, in any process of this user on this host. Two Names of one Worker are equal.
    """

    def __setattr__(self, attribute, value):
        """Writes at the Worker, and returns when that is done."""
        kind = inspect.getattr_static(type(self), attribute, None)
        if isinstance(kind, _Property):
            kind.write(self, value)
            return
        _remote_set(self, attribute, value)
        if attribute in type(self)._class_attributes:
            self.__dict__[attribute] = value  # this Name reads back what it wrote

    def __delattr__(self, attribute):
        raise AttributeError(f"attribute '{attribute}' of a Worker cannot be deleted through a Name")

    def __bool__(self):
        return True

    def __repr__(self):
        corps, env, conc = self.__corps_numbers__
        own = _core.own()
        foreign = own is None or own[0] != corps
        where = f'@{LOCAL_IP}:{port_of(corps)}' if foreign or self.__corps_external__ else ''
        creator = self.__corps_creator__
        return f'L{env}:M{env if creator < 0 else creator}.{conc}{where} Class {self.__corps_class__}'

    __str__ = __repr__

    def __format__(self, spec):
        return format(repr(self), spec)

    def __copy__(self):
        return self

    def __deepcopy__(self, memo):
        return self

    def __reduce__(self):
        return restore, (self.__corps_address__, self.__corps_external__, self.__corps_creator__, type(self)._methods)

    def __enter__(self):
        _entered.append(self)
        return self

    def __exit__(self, kind, exception, trace):
        """Ends the Worker; of a Corps that this process created, waits until all of it has ended (after Ctrl-C not for
        long)."""
        from . import _create
        if not leaves(self):
            return
        if kind is not None and issubclass(kind, KeyboardInterrupt):
            _create.wait_end(self, _create.INTERRUPTED_SECONDS)
            return
        try:
            with deadline(None):
                _core.call(self, 'exit', (), None, False, False).Ret
        except WorkerLost:
            pass  # it has ended already
        _create.wait_end(self)

    @property
    def Proxy(self):
        """The Name itself; Corps Python 0.1 had an object of its own here."""
        return self

    @property
    def TheClassName(self):
        """The name of the Worker's class, a text."""
        return self.__corps_class__.rpartition(' in ')[0]

    @property
    def TheModuleName(self):
        """The name of the module of the Worker's class, a text without its folders."""
        return self.__corps_class__.rpartition(' in ')[2][:-3]

    _worker_class = None
    _methods = None  # sent along when receivers cannot import the class
    _class_attributes = frozenset()
    _retries = frozenset()  # the methods whose calls are retry calls, by the class


def missing(name, attribute):
    """Python found no such attribute in the Name: it is one of the Worker's instance."""
    cls = type(name)
    if attribute.startswith('__') and attribute.endswith('__'):
        found = inspect.getattr_static(cls._worker_class, attribute, None) if cls._worker_class else None
        if found is None or not callable(getattr(cls._worker_class, attribute, None)):
            raise AttributeError(attribute)
        return types.MethodType(_core.Method(attribute, found, attribute in cls._retries), name)
    if attribute.startswith(('_repr_', '_ipython_')):
        raise AttributeError(attribute)  # what notebooks ask of every object
    if cls._worker_class is None and cls._methods is None:
        return Unknown(name, attribute)
    future = _remote_get(name, attribute)
    future.__class__ = Attribute
    future.of_name = name, attribute
    return future


if sys.version_info >= (3, 12):  # before, the type _core.Name calls it
    Name.__getattr__ = missing


def loan(name, bytes):
    """Memory for arrays that go to a Worker without a copy: a writable memoryview of `bytes` bytes (one dimension, format 'B').

    Over shm and cma it is shared with the Env of the Worker `name`, if a call through this Name has gone before and the link has
    room. Otherwise it is ordinary memory, and what lies in it is copied when it is sent. Write it, then send it; do not
    write it while a receiver may read it. It stays as long as an object here or at the receiver refers to it.
    """
    return _core.loan(name, bytes)


class NoSuchMethod(AttributeError, TypeError):
    """A method that the Worker's class has not; the text says which one may be meant."""


class Attribute(Future):
    """What a Name gives for an attribute that the Worker's class, which is known here, has not: one of its object. If
    somebody calls it, a method was meant."""

    __slots__ = ()

    def __call__(self, *args, **kwargs):
        name, attribute = self.of_name
        raise NoSuchMethod(_no_method(type(name), attribute))


def _no_method(name_type, attribute):
    methods = [method for method in dir(name_type)
               if isinstance(inspect.getattr_static(name_type, method), _core.Method)]
    near = difflib.get_close_matches(attribute, methods, 1)
    own = [method for method in methods if not method.startswith('_') and method not in _OF_ALL]
    return (f"'{name_type.__name__[:-len('Name')]}' has no method '{attribute}'; " +
            (f"did you mean '{near[0]}'?" if near else f"it has {', '.join(own[:12])}{', …' if len(own) > 12 else ''}"
             if own else 'it has none of its own'))


def _call(name, method, args, kwargs):
    """Calls a method of which the class is not known here. Takes NoReply out of the keywords (1 counts, as it always did), and Retry."""
    no_reply = kwargs.pop('NoReply', False) == True  # noqa: E712
    key = None
    if 'Key' in kwargs and name.__corps_class__.startswith(POOL_PREFIX):
        from ._pool import key_of
        key = key_of(kwargs.pop('Key'))
    return _core.call(name, method, args, kwargs, no_reply, bool(kwargs.pop('Retry', False)), key)


class Unknown:
    """An attribute of a Worker whose class is not known here: can be called as a method, or read as a Future."""

    def __init__(self, name, attribute):
        self._name = name
        self._attribute = attribute
        self._future = None

    def __call__(self, *args, **kwargs):
        return _call(self._name, self._attribute, args, kwargs)

    def __getattr__(self, attribute):
        if attribute.startswith('__'):
            raise AttributeError(attribute)
        return getattr(self._read(), attribute)

    def __await__(self):
        return self._read().__await__()

    def _read(self):
        if self._future is None:
            self._future = _remote_get(self._name, self._attribute)
        return self._future


class _Property:
    """A property of the Worker's class: its functions run here, with the Name as self."""

    def __init__(self, attribute, original):
        self.attribute = attribute
        self.original = original
        self.__doc__ = original.__doc__

    def __get__(self, name, owner=None):
        if name is None:
            return self
        try:
            return self.original.fget(name)
        except Exception:  # it needs the Worker's own values
            return _remote_get(name, self.attribute)

    def __set__(self, name, value):
        self.write(name, value)

    def write(self, name, value):
        if self.original.fset is None:
            raise AttributeError(f"property '{self.attribute}' cannot be set")
        try:
            self.original.fget(name)
        except Exception:
            _remote_set(name, self.attribute, value)
        else:
            self.original.fset(name, value)


_name_classes = {}  # class → its class of Names
_by_text = {}  # class text, or (class text, methods) of a class that cannot be imported → the same


def _is_importable(cls):
    from . import _main
    module = main_name(cls.__module__)
    found = getattr(sys.modules.get(module), cls.__name__, None)
    return found is cls and (module != '__main__' or _main.is_importable())


def name_class(cls):
    """The class of Names of Workers of this class."""
    made = _name_classes.get(cls)
    if made is None:
        made = _name_classes.setdefault(cls, _make(cls))
        _by_text[class_text(cls) if made._methods is None else (class_text(cls), made._methods)] = made
    return made


def retries_of(cls):
    """The methods whose calls are retry calls, by the class attribute Retry: True is all that its author has written."""
    said = inspect.getattr_static(cls, 'Retry', None)
    if said is None or said is False or isinstance(said, (property, staticmethod, classmethod)) or callable(said):
        return frozenset()
    methods = {name for name in dir(cls) if callable(getattr(cls, name, None))}
    if said is True:
        return frozenset(methods.difference(_OF_ALL, dir(object)))
    names = None if isinstance(said, str) or not isinstance(said, Iterable) else list(said)
    if names is None or not all(isinstance(name, str) for name in names):
        raise TypeError(f"Retry of the class {cls.__name__} must be True, False or a collection of names of its methods, not {said!r}")
    unknown = [name for name in names if name not in methods]
    if unknown:
        raise ValueError(f"Retry of the class {cls.__name__} names {', '.join(map(repr, unknown))}, and there is no such method")
    return frozenset(names)


def _make(cls):
    attributes, plain, methods, retries = {}, set(), [], retries_of(cls)
    for attribute in dir(cls):
        if attribute.startswith('__') and attribute.endswith('__') or attribute in OWN:
            continue
        found = inspect.getattr_static(cls, attribute)
        if isinstance(found, property):
            attributes[attribute] = _Property(attribute, found)
        elif isinstance(found, (staticmethod, classmethod)) or callable(found):
            attributes[attribute] = _core.Method(attribute, getattr(cls, attribute), attribute in retries)
            methods.append(attribute)
        elif not hasattr(type(found), '__get__'):
            attributes[attribute] = found
            plain.add(attribute)
    attributes['_worker_class'] = cls
    attributes['_class_attributes'] = frozenset(plain)
    attributes['_retries'] = retries
    attributes['_methods'] = None if _is_importable(cls) else tuple(methods)
    attributes['__module__'] = cls.__module__
    attributes['__doc__'] = cls.__doc__
    return type(f'{cls.__name__}Name', (Name,), attributes)


def _find(text):
    """The class that a text names, imported if need be (but where no code comes with messages, since they bring texts);
    None when there is none."""
    class_name, _, module = text.rpartition(' in ')
    module = module[:-3]
    if not module:
        return None
    try:
        if _pickling.allowed:
            __import__(module)
        found = getattr(sys.modules.get(module), class_name, None)
    except Exception:  # then the Name must do without its class
        return None
    return found if isinstance(found, type) else None


def restore(address, external=False, creator=-1, methods=None):
    """A Name from its address."""
    text = bytes(address[16:]).decode()
    if text.startswith(POOL_PREFIX):
        from . import _pool
        return _pool.restore(address, external, creator, methods)
    return class_by_text(text, methods)(address, external, creator)


def class_by_text(text, methods=None):
    """The class of Names of the Workers whose class has this text."""
    key = text if methods is None else (text, methods)  # classes made at run time may share their names
    made = _by_text.get(key)
    if made is None:
        cls = _find(text) if methods is None else None
        if cls is not None:
            made = name_class(cls)
        elif methods is not None:
            made = type(f"{text.partition(' in ')[0]}Name", (Name,), {
                '_methods': methods, **{method: _core.Method(method) for method in methods}})
        else:
            made = Name
        if made is not Name or _pickling.allowed:  # else the module may be imported later
            _by_text[key] = made
    return made


class _Callable(Name):
    """The Name of a Func."""

    def __call__(self, *args, **kwargs):
        return _call(self, '__call__', args, kwargs)

    def __reduce__(self):
        return restore_callable, (self.__corps_address__, type(self)._methods)


callable_type = _Callable

_callables = {}


def restore_callable(address, methods):
    """The Name of a Func from its address."""
    methods = tuple(methods)
    if methods not in _callables:
        own = {method: _core.Method(method) for method in methods + ('exit', 'my_Name', 'my_Mgr', 'my_Class')}
        _callables[methods] = type('FuncName', (_Callable,), {'_methods': methods, **own})
    return _callables[methods](address)


def callable_name(name, methods):
    """The same from another Name of it."""
    return restore_callable(name.__corps_address__, methods)


def forked():
    """In the child of a fork: the blocks are the parent's."""
    _of_parent.extend(_entered)
    _entered.clear()
