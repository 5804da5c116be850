"""Classes and their like keep who they are over messages: a number in every process stands for one.

This module is `_corps_auto_identity`.
"""
import functools
import os
import threading
import weakref

making = threading.RLock()  # of things with a number: two threads that load one class must not make two
_trackers = weakref.WeakKeyDictionary()  # class → the number that names it in every process
_tracked = weakref.WeakValueDictionary()  # and back
made_here = weakref.WeakSet()


def tracker(cls):
    number = _trackers.get(cls)
    if number is None:
        with making:
            number = _trackers.get(cls)
            if number is None:
                number = os.urandom(16)
                _tracked[number] = cls
                made_here.add(cls)
                _trackers[cls] = number
    return number


def _track(cls, number):
    _trackers[cls] = number
    _tracked[number] = cls
    return cls


def once(make):
    """One thread at a time makes what has a number; the last argument is it."""
    @functools.wraps(make)
    def once(*args):
        with making:
            known = _tracked.get(args[-1])
            return known if known is not None else _track(make(*args), args[-1])
    return once
