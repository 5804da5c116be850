"""What the extension module asks of the package: see core.h."""

import copy as copying
import os
import pickle
import re
import traceback

from . import _env, _errors, _guard, _loop, _pickling, _plain, _threads, _worker
from ._future import Future  # noqa: F401 (hooks themselves)
from ._name import missing, restore  # noqa: F401
from ._state import checkpoint, give_state  # noqa: F401

_FOLDER = os.path.dirname(os.path.abspath(__file__))

mix_types = True
"""Remote exceptions are also instances of the original type. corps.compat turns that off: there they never were."""


def make(class_text, worker, payload):
    """A Worker's init. payload: (class or its name, creating Env, args, kwargs, attributes). NotImplemented: it is run again on a
    thread of the Worker's own."""
    with _guard.making():
        cls, creator, args, kwargs, attributes = payload
        if not isinstance(cls, type):
            cls = _plain.find_class(*cls)
        if _threads.moves(cls, worker):
            return NotImplemented
        return _worker.make(cls, worker, creator, args, kwargs, attributes)


def cleanup(worker):
    """The Corps ends and nobody has called the Worker's exit."""
    _worker.clean_up(worker, lambda: True)


def _traceback_text(exception):
    """The traceback from the Worker's own code downwards."""
    trace = exception.__traceback__
    while trace is not None and trace.tb_frame.f_code.co_filename.startswith(_FOLDER) and trace.tb_next is not None:
        trace = trace.tb_next
    return ''.join(traceback.format_exception(type(exception), exception, trace))


def _described(exception):
    """(type, text, traceback) of an exception."""
    kind = type(exception).__name__
    try:
        text = str(exception)
    except Exception:
        text = f'<the text of a {kind} cannot be made>'
    try:
        trace = _traceback_text(exception)
    except Exception:
        trace = f'{kind}: {text}\n'
    return kind, text, trace


def failure(exception):
    """(type, text, traceback, pickle, is the Worker itself broken?) of what a method raised; the class's name where no pickles are loaded."""
    try:
        data = _pickling.dumps(exception) if _pickling.allowed else _plain.exception_name(exception)
        if _pickling.allowed:
            _pickling.loads(data)  # one that cannot be loaded is no use to the caller
    except Exception:
        data = b''
    return tuple(part.replace('\0', '?') for part in (
        part.encode('utf-8', 'replace').decode() for part in _described(exception))) + (data, _errors.is_crash(exception))


def own_failure(exception):
    """The exception for what was raised here instead of in a Worker."""
    kind, _, trace = _described(exception)
    error = _errors.AsyncExecutionError(kind, exception, trace)
    return mix(error) if mix_types else error


_PATH = re.compile(r'(: )\[(?:"args"\]\[)?(\d+)\]')
_KEYWORD = re.compile(r'(: )\["kwargs"\](?:\["([^"]*)"\])')


def _named_argument(detail):
    """'pickle: [1].x: …' → 'pickle: args[1].x: …'"""
    return _KEYWORD.sub(r'\1\2', _PATH.sub(r'\1args[\2]', detail, count=1), count=1)


_LOCAL = {
    'EXITED': _errors.WorkerLost, 'WORKER_LOST': _errors.WorkerLost, 'NO_WORKER': _errors.WorkerLost,
    'CLOSED': _errors.WorkerLost, 'MOVED': _errors.WorkerMoved, 'TIMEOUT': _errors.CallTimeout, 'REFUSED': _errors.NotSerializable,
    'DEADLOCK': _errors.Deadlock, 'FULL': _errors.AsyncLocalMaxRetries,
}


def error(code, detail):
    """The exception for a call that could not be made."""
    if code == 'LIMIT' and 'wait inside methods' in detail:
        return _errors.Deadlock(detail)
    if code in ('INVALID', 'UNKNOWN', 'UNSUPPORTED'):
        return ValueError(detail)
    if code == 'REFUSED':
        detail = _named_argument(detail)
    if code == 'NO_MEMORY':
        return MemoryError(detail)
    return _LOCAL.get(code, _errors.AsyncLocalMaxRetries)(f'{detail} ({code})')


_KINDS = {'REFUSED': 'PicklingError', 'NO_METHOD': 'AttributeError', 'NO_MEMORY': 'MemoryError'}


def remote(code, kind, text, trace, data, origin, trusted):
    """The exception for a failed request: what the method raised, or why there is no answer. trusted: `data` may be
    unpickled."""
    if code == 'REMOTE' and (kind in _LOCAL or kind == 'NO_MEMORY') and not data:
        code = kind  # the core's own word, from a Worker's Env
    if code in _LOCAL and code != 'REFUSED':
        return _LOCAL[code](f'{text} ({code}{", at " if origin else ""}{origin})')
    if code != 'REMOTE':
        kind, trace = _KINDS.get(code, code), f'{code}: {text}\n'
    value, original = text, MemoryError if code == 'NO_MEMORY' else None
    if data:
        try:
            value = _pickling.loads(data) if trusted else text
        except Exception:  # its class is not known here: the text must do
            value = text
        original = _plain.find_exception(data, kind) if value is text else None
    base = _errors.AsyncAttributeError if kind == 'AttributeError' else _errors.AsyncExecutionError
    error = base(kind, value, trace)
    return mix(error, original) if mix_types else error


def mix(error, original=None):
    """The same as an instance of the original type as well (that of its Value, or this one), where that can be."""
    value = error.Value
    while isinstance(value, _errors.AsyncExecutionError):
        value = value.Value  # passed on by Workers between
    original = type(value) if original is None else original
    if not issubclass(original, Exception) or issubclass(original, _errors.AsyncRemoteException):
        return error
    import _corps_exceptions
    try:
        mixed = _errors.mixed(type(error), original)
        if not isinstance(value, original):
            return mixed(error.TypeName, error.Value, error.TracebackStrings)
        made = _corps_exceptions.like(mixed, value)  # whatever its own constructor wants
        _errors.AsyncRemoteException.__init__(made, error.TypeName, error.Value, error.TracebackStrings)
        return made
    except Exception:  # a type with a constructor of its own mind
        return error


def coroutine(started, request):
    """An `async def` method was called: runs it on the event loop, which answers."""
    _loop.start(started, request)


def key(value):
    """What a call says with Key, as a number."""
    from ._pool import key_of
    return key_of(value)


def copy(thing):
    """What FastPath = 'copy' passes inside an Env."""
    return pickle.loads(_pickling.dumps(thing)) if _pickling.allowed else copying.deepcopy(thing)


boot = _env.boot
adopt = _threads.adopt


def child_ends(exception):
    """See _fork, as for the next two."""
    from . import _fork
    _fork.end(exception)


def before_fork():
    from . import _fork
    _fork.before_fork()


def in_child():
    from . import _fork
    _fork.in_child()

