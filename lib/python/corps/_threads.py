"""The threads that run methods: those of the core's pool, as the module threading sees them, and those of one Worker alone.

The core starts them, so threading would know them as _DummyThread: that cannot be joined, breaks multiprocessing in forked children, hands
"daemon" on to the threads that a method starts, and is not traced. What makes them threads like others is in no public interface; it
is what Thread's own bootstrap does.
"""

import itertools
import sys
import threading

_numbers = itertools.count(1)
_local = threading.local()
# Where a Thread keeps the system's, from 3.13 on.
_HANDLE = next((name for name in ('_os_thread_handle', '_handle') if hasattr(threading.main_thread(), name)), None)


class _PoolThread(threading.Thread):
    def __init__(self):
        super().__init__(name=f'corps-{next(_numbers)}', daemon=True)
        self._started.set()
        self._set_ident()
        self._set_native_id()
        if _HANDLE:
            setattr(self, _HANDLE, threading._make_thread_handle(self.ident))
        else:
            self._set_tstate_lock()
        self._daemonic = False  # threads that methods start are none; only now, so that the interpreter's end does not wait for it
        with threading._active_limbo_lock:
            threading._active[self.ident] = self
        _local.end = _End(self)


class _End:
    """Goes with what the thread has of its own."""

    def __init__(self, thread):
        self.thread = thread

    def __del__(self):
        if _HANDLE:
            getattr(self.thread, _HANDLE)._set_done()
        with threading._active_limbo_lock:
            if threading._active.get(self.thread.ident) is self.thread:
                del threading._active[self.thread.ident]


def adopt():
    """On a thread that is about to run its first method."""
    if isinstance(threading._active.get(threading.get_ident()), (type(None), threading._DummyThread)):
        _PoolThread()
    if threading._trace_hook is not None:
        sys.settrace(threading._trace_hook)
    if threading._profile_hook is not None:
        sys.setprofile(threading._profile_hook)


def moves(cls, worker):
    """In an init: is it to be run again on a thread of the Worker's own? Starts that."""
    if cls.Thread == 'own':
        if not worker.move():
            return False
        thread = threading.Thread(target=worker.serve, name=f'corps-{cls.__name__}', daemon=True)
        thread.start()
        thread._daemonic = False  # as above
        return True
    if cls.Thread != 'pool':
        raise ValueError(f"{cls.__name__}.Thread must be 'pool' or 'own', not {cls.Thread!r}")
    return False
