"""What owns something outside of a process: a file that it deletes, a child, a descriptor, a segment, an obligation.

A copy of such an object ends what the original still uses, or works on whatever has the same number in its own process.
So an object of these classes is refused where it is sent, with what to send instead, or carried so that it owns nothing
over there. Where a rule can tell, there is a rule: a number of an open descriptor among the attributes, a finalizer that
has not run, a file that is open for writing. For the rest there is a table.

Classes that say themselves how they are pickled (__reduce__, __getstate__, copyreg) are believed, but for those in the
table. What no rule can see is a number that stands for something, without a telling name: see docs/serializers.md.

Works on Python 3.8 and later, imports nothing but the standard library. This module is `_corps_owned`.
"""
import copyreg
import os
import pickle
import threading
import types


class Refused(pickle.PicklingError):
    """Cannot travel, and why. `thing` is the object itself, for whoever looks for its place in the message."""

    def __init__(self, reason, thing=None):
        super().__init__(reason)
        self.thing = thing

    def __reduce__(self):
        return pickle.PicklingError, self.args


def _refusal(reason):
    def refuse(state, thing):
        raise Refused('%s: %s' % (type(thing).__name__, reason), thing)
    return refuse


# ---- finalizers and other obligations: when there are any ----

def _finalizer(state, thing):
    if thing.alive:
        raise Refused('a finalizer that has not run belongs to this process; send what it needs, and make it there', thing)
    return NotImplemented


def _finalizer_of_multiprocessing(state, thing):
    if thing.still_active():
        raise Refused('a finalizer that has not run belongs to this process', thing)
    return NotImplemented


def _exit_stack(state, thing):
    if thing._exit_callbacks:
        raise Refused('an ExitStack with something to leave belongs to this process; enter it there', thing)
    return NotImplemented


def _spooled_file(state, thing):
    if thing._rolled:
        raise Refused('a temporary file that is on disk belongs to this process; send its content', thing)
    return NotImplemented


# ---- multiprocessing: what can be attached there ----

_attaching = threading.RLock()


def _attached(cls, *args):
    """A segment that exists, without owning it: on most Pythons who attaches is made an owner, whose end removes it."""
    from multiprocessing import resource_tracker
    own = threading.get_ident()
    with _attaching:
        register = resource_tracker.register

        def skip(name, kind):
            if threading.get_ident() != own or kind != 'shared_memory':
                register(name, kind)
        resource_tracker.register = skip
        try:
            made = cls(*args)
        finally:
            resource_tracker.register = register
    memory = getattr(made, 'shm', made)
    if hasattr(memory, '_track'):
        memory._track = False
    return made


def _list_of(cls, name):
    return cls(name=name)


def _shared_memory(state, thing):
    from multiprocessing import shared_memory
    if type(thing).__reduce__ is not shared_memory.SharedMemory.__reduce__:
        return NotImplemented
    return _attached, (type(thing), thing.name, False, thing.size)


def _shareable_list(state, thing):
    from multiprocessing import shared_memory
    if type(thing).__reduce__ is not shared_memory.ShareableList.__reduce__:
        return NotImplemented
    return _attached, (_list_of, type(thing), thing.shm.name)


def _manager_proxy(state, thing):
    """With the key that multiprocessing leaves out unless it starts a process: without it the manager lets nobody in."""
    from multiprocessing import managers
    reduced = thing.__reduce__()
    if type(thing).__reduce__ is not managers.BaseProxy.__reduce__ or reduced[0] is not managers.RebuildProxy:
        return NotImplemented
    function, token, serializer, keywords = reduced[1]
    return reduced[0], (function, token, serializer, dict(keywords, authkey=bytes(thing._authkey)))


# ---- descriptors by number ----

def _says_how(cls):
    """Does it tell pickle what to take, instead of its attributes?"""
    return (cls.__reduce_ex__ is not object.__reduce_ex__ or cls.__reduce__ is not object.__reduce__ or cls in copyreg.dispatch_table
            or getattr(cls, '__getstate__', None) is not getattr(object, '__getstate__', None))


def _is_telling(name):
    return name in ('fd', 'fileno', '_fileno') or name.endswith('_fd')


def _code_names(function):
    code = getattr(getattr(function, '__func__', function), '__code__', None)
    return code.co_names if isinstance(code, types.CodeType) else ()


def _constants(annotate):
    """The names that a class of Python 3.14 annotates, among others: what makes its annotations is not asked."""
    code = getattr(annotate, '__code__', None)
    return [one for one in code.co_consts if type(one) is str] if code is not None else ()


def _slots(cls):
    slots = vars(cls).get('__slots__', ())
    return (slots,) if isinstance(slots, str) else slots if isinstance(slots, (tuple, list, dict)) else ()


def _may_hold_number(cls):
    """Can its instances have an attribute that is the number of a descriptor? Told from the names in its code."""
    for base in cls.__mro__[:-1]:
        own = dict(vars(base))
        annotations = own.get('__annotations__', own.get('__annotations_cache__'))
        names = [*own, *_slots(base), *(annotations if isinstance(annotations, dict) else _constants(own.get('__annotate_func__')))]
        for value in own.values():
            names.extend(_code_names(value))
        if any(map(_is_telling, names)):
            return True
    return False


def _numbers(thing):
    """The attributes that are numbers which descriptors beyond the standard streams could have."""
    found = dict(getattr(thing, '__dict__', ()))
    for base in type(thing).__mro__:
        for name in _slots(base):
            if hasattr(thing, name):
                found[name] = getattr(thing, name)
    return {name: value for name, value in found.items() if type(value) is int and value > 2}


def _own_number(thing, numbers):
    try:
        number = thing.fileno()
    except Exception:  # it has none, or none any more
        return ()
    return [number] if number in numbers.values() else ()


def _open_number(thing):
    """The descriptor that an object holds by its number, None when it holds none."""
    numbers = _numbers(thing)
    held = [value for name, value in numbers.items() if _is_telling(name)]
    if numbers and not held and hasattr(type(thing), 'fileno'):
        held = _own_number(thing, numbers)
    for number in held:
        try:
            os.fstat(number)
            return number
        except OSError:
            pass  # closed, or a number that means something else
    return None


def _by_number(state, thing):
    number = _open_number(thing)
    if number is not None:
        raise Refused('%s: it holds descriptor %d, which is another one in another process; send what is needed to open it there'
                      % (type(thing).__name__, number), thing)
    return NotImplemented


# ---- the table ----

_TEMPORARY = 'whoever drops its copy first deletes the file; send its name, and keep it open here'
_CHILD = 'a process belongs to the one that started it; send its pid, or call a Worker that has started it'
_INHERITED = 'such objects are handed to children as they start; use a Worker, or a proxy of multiprocessing.Manager()'
_LOOP = 'it belongs to an event loop of this process; send results'
_SOCKET = 'a connection belongs to this process; send the address, and connect there'
_DATABASE = 'a database that is open belongs to this process; send its path, and open it there'

_GUARDS = {
    'tempfile._TemporaryFileWrapper': _TEMPORARY, 'tempfile._TemporaryFileCloser': _TEMPORARY,
    'tempfile.TemporaryDirectory': 'whoever drops its copy first may remove the directory; send its name, and keep it here',
    'tempfile.SpooledTemporaryFile': _spooled_file,
    'weakref.finalize': _finalizer, 'multiprocessing.util.Finalize': _finalizer_of_multiprocessing,
    'contextlib._BaseExitStack': _exit_stack,
    'subprocess.Popen': _CHILD, 'multiprocessing.process.BaseProcess': _CHILD, 'multiprocessing.pool.Pool': _CHILD,
    'multiprocessing.managers.BaseManager': 'a manager belongs to the process that started it; send the proxies that it makes',
    'multiprocessing.managers.BaseProxy': _manager_proxy,
    'multiprocessing.shared_memory.SharedMemory': _shared_memory, 'multiprocessing.shared_memory.ShareableList': _shareable_list,
    'multiprocessing.connection._ConnectionBase': 'an end of a pipe belongs to this process; call a Worker through its Name instead',
    'multiprocessing.connection.Listener': _SOCKET, 'multiprocessing.resource_sharer.DupFd': _INHERITED,
    'multiprocessing.queues.Queue': _INHERITED, 'multiprocessing.queues.SimpleQueue': _INHERITED,
    'multiprocessing.synchronize.SemLock': _INHERITED, 'multiprocessing.synchronize.Condition': _INHERITED,
    'multiprocessing.synchronize.Event': _INHERITED, 'multiprocessing.sharedctypes.SynchronizedBase': _INHERITED,
    'multiprocessing.heap.Arena': _INHERITED,
    'concurrent.futures._base.Executor': 'the threads or processes of an executor belong to this process; make one there',
    'asyncio.events.AbstractEventLoop': _LOOP, 'asyncio.events.Handle': _LOOP, 'asyncio.transports.BaseTransport': _LOOP,
    '_asyncio.Future': _LOOP, 'asyncio.futures.Future': _LOOP,
    'socket.socket': _SOCKET, '_socket.socket': _SOCKET,
    '_ssl._SSLContext': 'an SSL context cannot be copied; make one there',
    'selectors._BaseSelectorImpl': 'it watches descriptors of this process; make one there',
    'select.epoll': 'it watches descriptors of this process; make one there',
    'select.poll': 'it watches descriptors of this process; make one there',
    'mmap.mmap': 'memory that is mapped belongs to this process; send bytes, or use multiprocessing.shared_memory',
    'posix.DirEntry': 'send its path', 'posix.ScandirIterator': 'an open directory belongs to this process; send its path',
    'sqlite3.Connection': _DATABASE, 'sqlite3.Cursor': _DATABASE, 'dbm.dumb._Database': _DATABASE, '_dbm.dbm': _DATABASE,
    '_gdbm.gdbm': _DATABASE,
    'ctypes.CDLL': 'its handle is an address in this process; send its name, and load it there',
    'urllib.request.URLopener': 'it deletes its temporary files at its end; make one there',
    'logging.handlers.BaseRotatingHandler': 'two processes would rename one file under each other; configure logging there',
}


def guard_of(cls):
    """What is to be asked about an instance of this class before it is pickled: function (State or None, thing) → a
    reduction, or NotImplemented: as otherwise. It raises Refused. None: nothing is to be asked."""
    if issubclass(cls, type):
        return None
    for base in cls.__mro__:
        found = _GUARDS.get('%s.%s' % (base.__module__, base.__qualname__))
        if found is not None:
            return _refusal(found) if isinstance(found, str) else found
    return _by_number if not _says_how(cls) and _may_hold_number(cls) else None


guards = {}  # of every type that was seen by `guard`; None: nothing to ask


def guard(state, thing):
    """The reducer_override of a pickler that leaves everything else to a library."""
    cls = type(thing)
    try:
        found = guards[cls]
    except KeyError:
        if len(guards) >= 4096:
            guards.clear()
        found = guards[cls] = guard_of(cls)
    return found(state, thing) if found is not None else NotImplemented
