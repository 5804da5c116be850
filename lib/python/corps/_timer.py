"""Timers: calls at a time, or every so often."""

import atexit
import operator
import os

from . import _core, _hooks
from ._name import Attribute, Name, Unknown, callable_type
from ._worker import Conc

_atexit_of = None  # the process in which timers end with the interpreter


def _own_method(worker, bound):
    """(its Name, the method's name) of a method that a Worker has of itself."""
    if '_corps_worker' not in worker.__dict__:
        raise TypeError(f'{bound!r} is a method of an object that is no Worker: create it with create_Concs')
    found = getattr(bound, '__name__', '')
    names = [found] if getattr(worker, found, None) == bound else [name for name in dir(type(worker)) if getattr(worker, name, None) == bound]
    if not names:
        raise TypeError(f'{bound!r} is no attribute of its Worker, so that no call reaches it')
    return worker.my_Name(), names[0]


def _target(bound):
    """What is to be called: (Name, method)."""
    owner = getattr(bound, '__self__', None)
    method = getattr(getattr(bound, '__func__', None), '__corps_method__', None)
    if isinstance(owner, Name) and method is not None:
        return owner, method
    if isinstance(bound, Unknown):
        return bound.__dict__['_name'], bound.__dict__['_attribute']
    if isinstance(bound, callable_type):
        return bound, '__call__'
    if isinstance(bound, Attribute):
        bound()  # which says that there is no such method, and what may be meant
    if isinstance(owner, Conc):
        return _own_method(owner, bound)
    raise TypeError(f'a timer calls a method of a Name, as name.tick, or inside a Worker one of its own, as self.tick; not {bound!r}')


def _nanoseconds(seconds, what):
    number = float(seconds)
    if not 0 <= number < 9e9:
        raise ValueError(f'{what} must be a number of seconds from 0 on, not {seconds!r}')
    return int(number * 1e9)


class Timer:
    """What call_later and call_every give. It calls whether this object is kept or not, until it is cancelled or over.

    `with call_every(…):` cancels it at the end of the block.
    """

    __slots__ = ('_core', '_what', '__weakref__')

    def __init__(self, core, what):
        self._core, self._what = core, what

    def cancel(self):
        """Nothing is called any more when this returns; a call that was made is not taken back. True if it was to call again."""
        return self._core.stop()

    @property
    def active(self):
        """Is it to call again?"""
        return self._core.runs

    @property
    def calls(self):
        """How many calls it has made."""
        return self._core.counts[0]

    @property
    def skipped(self):
        """How many it has skipped: the last one was not answered, the mailbox was full, or this process did not run."""
        return self._core.counts[1]

    @property
    def failed(self):
        """How many of its calls are known to have failed. The first in a row is told on standard error."""
        return self._core.counts[2]

    @property
    def error(self):
        """Why it has stopped by itself, an exception: its Worker is gone, or has no such method; else None."""
        told = self._core.error
        if told is None:
            return None
        return AttributeError(told[1]) if told[0] == 'NO_METHOD' else _hooks.error(*told)

    def __enter__(self):
        return self

    def __exit__(self, *unused):
        self.cancel()

    def __repr__(self):
        calls, skipped, _ = self._core.counts
        state = 'active' if self.active else 'stopped' if self._core.error is not None else 'over'
        return f'<Timer {self._what}: {state}, {calls} calls, {skipped} skipped>'


def _start(bound, args, kwargs, first_ns, every_ns, count, when):
    global _atexit_of
    name, method = _target(bound)
    kwargs.pop('NoReply', None)  # it never has one
    if kwargs.pop('Retry', False):
        raise ValueError('the calls of a timer are not sent again: leave Retry out')
    if _core.own() is None and _atexit_of != os.getpid():
        _atexit_of = os.getpid()
        atexit.register(_core.timers_stop)  # before the interpreter, which it may need
    core = _core.timer_start(name, method, args, kwargs or None, first_ns, every_ns, count, False)
    return Timer(core, f'{method} of {name!r} {when}')


def call_later(seconds, bound, *args, **kwargs):
    """Has bound(*args, **kwargs) called once, in `seconds`, where bound is a method of a Name: call_later(5, name.tick, 1); or, inside a Worker,
    one of its own: call_later(5, self.tick, 1), which comes as a request of its own, when its turn comes. Returns a Timer at once.

    No result is asked for; what fails is told on standard error. It does not take a thread, and waits where the mailbox is full. A timer
    ends with the Worker in whose method (or __init__, if that is no coroutine) it was started, and with its process. Raises TypeError (no
    method of a Worker), ValueError (a negative time), WorkerLost (there is nobody to call).
    """
    return _start(bound, args, kwargs, _nanoseconds(seconds, 'the time of a timer'), 0, 0, f'in {seconds} s')


def call_every(seconds, bound, *args, First=None, Count=None, **kwargs):
    """Has bound(*args, **kwargs) called every `seconds`, the first time in `First` seconds (None: in `seconds`), `Count` times (None: until it
    is cancelled). Returns a Timer at once.

    The steps are even, however long the calls take. One is skipped where the last one has not been answered, the mailbox is full, or this
    process was stopped meanwhile: nothing is made up for. The rest is as for call_later.
    """
    every_ns = _nanoseconds(seconds, 'the period of a timer')
    if every_ns == 0:
        raise ValueError(f'the period of a timer must be more than 0 seconds, not {seconds!r}')
    count = 0 if Count is None else operator.index(Count)
    if Count is not None and count < 1:
        raise ValueError(f'the Count of a timer is at least 1, not {Count!r}')
    first_ns = every_ns if First is None else _nanoseconds(First, 'the First of a timer')
    return _start(bound, args, kwargs, first_ns, every_ns, count, f'every {seconds} s')


for _thing in (Timer, call_every, call_later):
    _thing.__module__ = 'corps'  # where users find them
