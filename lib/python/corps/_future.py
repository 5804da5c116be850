"""Futures: answers to calls, and waiting for several of them."""

import contextvars
import sys
import threading
import time
import types
from concurrent.futures import CancelledError, InvalidStateError, _base
from concurrent.futures._base import CANCELLED_AND_NOTIFIED, FINISHED, PENDING

from . import _core, _loop
from ._errors import AsyncLocalMaxRetries, CallTimeout


class NoRetType:
    """The type of NoRet."""

    def __repr__(self):
        return 'NoRet'

    def __reduce__(self):
        return 'NoRet'


NoRet = NoRetType()
"""Stands for a result that never came; equal to no result."""

_callbacks_lock = threading.Lock()
_callbacks_started = False


def _start_callbacks():
    """Starts the thread that runs callbacks, when there are any for the first time."""
    global _callbacks_started
    with _callbacks_lock:
        if not _callbacks_started:
            _callbacks_started = True
            threading.Thread(target=_core.serve_callbacks, name='corps-callbacks', daemon=True).start()


class _Watch:
    """What `wait` and `as_completed` of concurrent.futures use of a Future. Made when they first ask, so that calls do
    not pay for it. `state` changes under `condition` alone, as they rely on; the Future itself may be further."""

    __slots__ = ('condition', 'state', 'waiters')

    def __init__(self, state):
        self.condition = threading.Condition()
        self.state = state
        self.waiters = []

    def settle(self, future):
        """Tells the waiters, once, when the outcome is here."""
        with self.condition:
            if self.state != PENDING or not future.ret_ready():
                return
            self.state = future._now()
            if self.waiters:
                failed = future._exception is not None
                tell = 'add_cancelled' if future.cancelled() else 'add_exception' if failed else 'add_result'
                for waiter in self.waiters:
                    getattr(waiter, tell)(future)
            self.condition.notify_all()


class _OnLoop:
    """A callback that was added where an event loop runs, and is called by that loop, as asyncio's Futures do it."""

    __slots__ = ('loop', 'function', 'context')

    def __init__(self, loop, function, context):
        self.loop = loop
        self.function = function
        self.context = context

    def __eq__(self, other):
        return self.function == (other.function if isinstance(other, _OnLoop) else other)

    __hash__ = None

    def __call__(self, future):
        try:
            self.loop.call_soon_threadsafe(self.function, future, context=self.context)
        except RuntimeError:  # the loop has ended
            self.function(future)


def _running_loop():
    """The event loop that this thread runs, or None."""
    asyncio = sys.modules.get('asyncio')
    return asyncio._get_running_loop() if asyncio is not None else None


async def _answer(future):
    return await future


def _is_the_workers(self, *args):
    """Raises InvalidStateError: only the Worker gives the answer to a call."""
    raise InvalidStateError('the answer to a call comes from its Worker; nobody else can give it')


class Future(_core.Future, _base.Future):
    """The answer to a call: a `concurrent.futures.Future` that can also be awaited.

    `Ret` (or `ret`) waits and gives the result, or raises what the method raised, as often as it is read. Any thread
    may use it.
    """

    __slots__ = ()  # but attributes may be set, as on those of the standard library
    __class_getitem__ = classmethod(getattr(types, 'GenericAlias', lambda cls, of: cls))

    def __new__(cls, *args, **kwargs):
        raise TypeError('Futures are made by calls alone')

    def __repr__(self):
        state = 'cancelled' if self.cancelled() else 'ready' if self.ret_ready() else 'pending'
        return f'<Future {state} at {id(self):#x}>'

    def __reduce__(self):
        raise TypeError('a Future belongs to its process and cannot travel; send its Ret')

    def done(self):
        """Is the outcome here? Never waits."""
        return self.ret_ready()

    def running(self):
        """False: whether the method runs is not known here."""
        return False

    def result(self, timeout=None):
        """The result; raises what the method raised, or CallTimeout (a TimeoutError) after `timeout` seconds."""
        if not self._wait(timeout):
            raise CallTimeout(f'no answer within {timeout} s')
        return self.Ret

    def exception(self, timeout=None):
        """What the method raised, or None; waits as result does. Of a cancelled Future: raises CancelledError."""
        if not self._wait(timeout):
            raise CallTimeout(f'no answer within {timeout} s')
        if self.cancelled():
            return self.Ret  # raises
        return self._exception

    def cancel(self):
        """Gives the call up, if its outcome is not here yet. The Worker is told: it drops a request that has not begun, and a method
        that runs sees it by corps.cancelled(), or if it is a coroutine by CancelledError. Is it cancelled now?"""
        return self._cancel(CancelledError()) or self.cancelled()

    def add_done_callback(self, fn, *, context=None):
        """Calls fn(self) when the outcome is here: at once; on the event loop that runs where this is called; or
        on a thread of its own for all callbacks. What it raises goes to standard error, by hooks that docs/python.md names."""
        _start_callbacks()
        loop = _running_loop()
        called = fn if loop is None else _OnLoop(loop, fn, context or contextvars.copy_context())
        if not self._notify(called):
            try:
                called(self)
            except Exception:
                _base.LOGGER.exception('exception calling callback for %r', self)

    def remove_done_callback(self, fn):
        """Forgets a callback; how many there were of it."""
        return self._forget(fn)

    set_result = set_exception = set_running_or_notify_cancel = _is_the_workers

    def _now(self):
        if not self.ret_ready():
            return PENDING
        return CANCELLED_AND_NOTIFIED if self.cancelled() else FINISHED

    def _watch(self):
        made = self.__dict__.get('_watched')
        if made is None:
            _start_callbacks()
            with _callbacks_lock:
                made = self.__dict__.setdefault('_watched', _Watch(PENDING))
            self._notify(made.settle)
        return made

    @property
    def _condition(self):
        watch = self._watch()
        watch.settle(self)
        return watch.condition

    @property
    def _waiters(self):
        return self._watch().waiters

    @property
    def _state(self):
        watch = self.__dict__.get('_watched')
        return self._now() if watch is None else watch.state

    def as_coroutine(self):
        """A coroutine that awaits this Future, for what takes nothing else: asyncio.create_task, TaskGroup."""
        return _answer(self)

    def __await__(self):
        if not self.ret_ready():
            import asyncio
            loop = asyncio.get_running_loop()
            waiter = loop.create_future()

            def wake():
                if not waiter.done():
                    waiter.set_result(None)

            def ready(_):
                try:
                    loop.call_soon_threadsafe(wake)
                except RuntimeError:
                    pass  # the loop has ended: nobody waits any more

            _start_callbacks()
            if self._notify(ready):
                try:
                    yield from waiter
                except asyncio.CancelledError:
                    request = _loop.current.get()
                    if request is not None and request.cancelled:
                        self.cancel()  # what was called for it is not needed either
                    raise
        if self.cancelled():
            import asyncio
            raise asyncio.CancelledError
        return self.Ret


def _budget(InitDelay, DelayIncPct, MaxTries):
    """The sum of the delays with which Corps Python 0.1 polled, in seconds."""
    total, delay = 0.0, InitDelay
    for _ in range(MaxTries):
        total += delay
        delay += delay * DelayIncPct / 100
    return total


sequences_only = False
"""corps.compat changes this: other iterables were a TypeError."""


def _checked(futures):
    """They as a list, whatever gave them."""
    if sequences_only and not hasattr(futures, '__getitem__'):
        raise TypeError(f'a {type(futures).__name__} is no list of Futures')
    futures = list(futures)
    for future in futures:
        if not isinstance(future, _core.Future):
            raise TypeError(f'a {type(future).__name__} is no Future of a call; those of other kinds are waited for, '
                            'together with these, by concurrent.futures.wait and as_completed')
    return futures


def _gave_up(seconds):
    return AsyncLocalMaxRetries(f'not all Futures were ready within {seconds:.3g} s; raise MaxTries or InitDelay')


def wait_all(FutRets, InitDelay=0.05, DelayIncPct=20, MaxTries=25):
    """Waits until all Futures of the iterable FutRets are ready, and returns True. Results and exceptions are not looked at.

    Raises AsyncLocalMaxRetries when the budget is used up: the sum of MaxTries delays, the first InitDelay seconds long, each
    DelayIncPct percent longer than the one before; 24 seconds by default. Nothing polls: it wakes when the last one is ready."""
    seconds = _budget(InitDelay, DelayIncPct, MaxTries)
    end = time.monotonic() + seconds
    for future in _checked(FutRets):
        if not future._wait(max(0.0, end - time.monotonic())):
            raise _gave_up(seconds)
    return True


def wait_next(FutRets, InitDelay=0.05, DelayIncPct=20, MaxTries=25):
    """Yields the index in FutRets of each Future as it becomes ready, each index once. The budget (InitDelay, DelayIncPct, MaxTries)
    and the error are those of wait_all."""
    left = _checked(FutRets)
    seconds = _budget(InitDelay, DelayIncPct, MaxTries)
    end = time.monotonic() + seconds
    for _ in range(len(left)):
        index = _core.wait_next(left, max(0.0, end - time.monotonic()))
        if index is None:
            raise _gave_up(seconds)
        left[index] = None
        yield index


def as_completed(futures, timeout=None):
    """Yields each Future of the iterable `futures` as it becomes ready. Raises CallTimeout if not all are ready `timeout` seconds after
    the first item was asked for; None: no limit."""
    left = _checked(futures)
    end = None if timeout is None else time.monotonic() + timeout
    for _ in range(len(left)):
        index = _core.wait_next(left, None if end is None else max(0.0, end - time.monotonic()))
        if index is None:
            raise CallTimeout(f'not all Futures were ready within {timeout} s')
        future, left[index] = left[index], None
        yield future


def forked():
    """In the child of a fork: the thread of callbacks is not there."""
    global _callbacks_lock, _callbacks_started
    _callbacks_lock = threading.Lock()
    _callbacks_started = False
