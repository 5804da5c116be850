"""Futures: answers to calls, and waiting for several of them."""

import threading
import time

from . import _core
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


class Future(_core.Future):
    """The answer to a call.

    `Ret` (or `ret`) waits and gives the result, or raises what the method raised, as often as it is read. The methods
    are those of `concurrent.futures.Future`; it can also be awaited. Any thread may use it.
    """

    __slots__ = ()

    def __getattr__(self, name):
        if name in ('Ret', 'ret'):  # they raised an AttributeError, so Python looks here too
            raise self._exception().with_traceback(None)
        raise AttributeError(f"a Future has no attribute '{name}'; read its Ret first")

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
        """What the method raised, or None; waits as result does."""
        if not self._wait(timeout):
            raise CallTimeout(f'no answer within {timeout} s')
        return self._exception()

    def cancel(self):
        """Gives the answer up, if it is not here yet; the method may run nevertheless. Says whether it did."""
        from concurrent.futures import CancelledError
        return self._cancel(CancelledError())

    def add_done_callback(self, function):
        """Calls function(self) when the outcome is here: at once, or on a thread of its own for all callbacks."""
        _start_callbacks()
        if not self._notify(function):
            function(self)

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

            self.add_done_callback(ready)
            yield from waiter
        return self.Ret


def _budget(InitDelay, DelayIncPct, MaxTries):
    """The sum of the delays with which Corps Python 0.1 polled, in seconds."""
    total, delay = 0.0, InitDelay
    for _ in range(MaxTries):
        total += delay
        delay += delay * DelayIncPct / 100
    return total


def _gave_up(seconds):
    return AsyncLocalMaxRetries(f'not all Futures were ready within {seconds:.3g} s; raise MaxTries or InitDelay')


def wait_all(FutRets, InitDelay=0.05, DelayIncPct=20, MaxTries=25):
    """Waits until all Futures are ready; True. Raises AsyncLocalMaxRetries when the budget is used up: the sum of
    MaxTries delays, the first InitDelay seconds long, each DelayIncPct percent longer than the one before. Wakes up
    when the last one is ready. Results and exceptions are not looked at."""
    seconds = _budget(InitDelay, DelayIncPct, MaxTries)
    end = time.monotonic() + seconds
    for index in range(len(FutRets)):
        if not FutRets[index]._wait(max(0.0, end - time.monotonic())):
            raise _gave_up(seconds)
    return True


def wait_next(FutRets, InitDelay=0.05, DelayIncPct=20, MaxTries=25):
    """Yields the index of each Future as it gets ready, each once. The budget is that of wait_all."""
    left = [FutRets[index] for index in range(len(FutRets))]
    seconds = _budget(InitDelay, DelayIncPct, MaxTries)
    end = time.monotonic() + seconds
    for _ in range(len(left)):
        index = _core.wait_next(left, max(0.0, end - time.monotonic()))
        if index is None:
            raise _gave_up(seconds)
        left[index] = None
        yield index


def as_completed(futures, timeout=None):
    """Yields the Futures as they get ready. Raises CallTimeout `timeout` seconds from the first call."""
    left = list(futures)
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
