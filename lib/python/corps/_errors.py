"""Exceptions.

Two families, as in Corps Python 0.1. *Local*: the call could not be made, or its answer cannot come any more. *Remote*:
the method was called and raised.
"""

import concurrent.futures


_other_timeouts = {kind for kind in (concurrent.futures.TimeoutError,) if kind is not TimeoutError}
"""What concurrent.futures raises, which is no TimeoutError before Python 3.11."""


class AsyncLocalException(Exception):
    """Something went wrong on the caller's side of a call."""


class AsyncLocalMaxRetries(AsyncLocalException):
    """A call could not be delivered, or no answer can come any more; waiting was given up."""


class WorkerLost(AsyncLocalMaxRetries):
    """The Worker, its Env or its Corps has ended; the text says how."""


class WorkerMoved(WorkerLost):
    """The Worker has left its pool and takes no more calls. This one was not run: it may be made again, by the pool's Name."""


class CallTimeout(AsyncLocalMaxRetries, TimeoutError, *_other_timeouts):
    """A deadline, in seconds, has passed: of the call (see deadline), of result, exception or as_completed."""


class NotSerializable(AsyncLocalMaxRetries, TypeError):
    """The serializer does not carry an argument; the text names it by its path, for example args[1].x."""


class Deadlock(AsyncLocalMaxRetries):
    """The wait could never end: a Worker waits, over others or not, for itself (the text names the circle). Or too
    many threads wait inside methods."""


class AsyncRemoteException(Exception):
    """A method raised. TypeName: the class of what it raised; Value: the exception (or its text where it cannot
    travel); TracebackStrings: the remote traceback, one text."""

    TypeName = Value = TracebackStrings = None  # until __init__: an original type's own may ask for the text

    def __init__(self, TypeName=None, Value=None, TracebackStrings=None):
        Exception.__init__(self, TypeName, Value, TracebackStrings)
        self.TypeName = TypeName
        self.Value = Value
        self.TracebackStrings = TracebackStrings

    def __str__(self):
        if as_tuple:
            return _tuple_text(self)
        first = _short(str(self.Value).partition('\n')[0])
        head = first if isinstance(self.Value, AsyncRemoteException) else f'{self.TypeName}: {first}'
        trace = _short((self.TracebackStrings or '').rstrip(), 3 * _SHORT)
        return f'{head}\n\nAt the Worker:\n{trace}' if trace else head

    def __repr__(self):
        return f'{type(self).__name__}{_tuple_text(self)}'


as_tuple = False
"""The text of a remote exception is that of its three arguments, as in Corps Python 0.1; see corps.compat."""

_SHORT = 2000


def _tuple_text(error):
    return f'({error.TypeName!r}, {_short(repr(error.Value))}, {_short(repr(error.TracebackStrings))})'


def _short(text, most=_SHORT):
    """A text, without its middle if it is long: tracebacks quote exceptions that quote tracebacks, to any depth."""
    return text if len(text) <= most else f'{text[:most // 2]} ... {text[-most // 2:]}'


class AsyncExecutionError(AsyncRemoteException):
    """A method, or an __init__, raised."""


class Crash(Exception):
    """For a method to raise when its Worker is broken: `raise Crash('the index does not fit the file')`. The caller gets it as it gets
    any exception. The Worker stops: its cleanup is called; then it is made again if its Restart says so (see create_Concs),
    otherwise calls to it raise WorkerLost. Another Worker's Crash that reaches a method through a Future is that one's, and an exception
    like any other."""


def is_crash(exception):
    """Has a Worker said that it is broken itself?"""
    return isinstance(exception, Crash) and not isinstance(exception, AsyncRemoteException)


class AsyncRemoteMaxRetries(AsyncRemoteException):
    """For programs to raise in methods: a service that they call in turn gave up."""


class AsyncAttributeError(AsyncExecutionError):
    """The Worker has no such attribute or method."""


_mixed = {}


def mixed(base, original):
    """A class that is both `base` (of ours) and `original`, so that callers may catch either; `base` where that cannot
    be."""
    key = base, original
    if key not in _mixed:
        try:
            _mixed[key] = type(base.__name__, (base, original), {
                '__module__': base.__module__, '__doc__': base.__doc__, '__qualname__': base.__qualname__,
                '__reduce__': _reduce_mixed, '__str__': base.__str__, '__repr__': base.__repr__})
        except TypeError:  # layouts that do not go together
            _mixed[key] = base
    return _mixed[key]


def _reduce_mixed(self):
    for base in AsyncAttributeError, AsyncExecutionError:
        if isinstance(self, base):
            return base, (self.TypeName, self.Value, self.TracebackStrings)
    raise TypeError('not one of ours')


for _class in (AsyncLocalException, AsyncLocalMaxRetries, WorkerLost, WorkerMoved, CallTimeout, NotSerializable, Deadlock,
               AsyncRemoteException, AsyncExecutionError, AsyncRemoteMaxRetries, AsyncAttributeError, Crash):
    _class.__module__ = 'corps'  # where users find them
