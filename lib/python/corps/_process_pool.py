"""multiprocessing.Pool's interface, over an Executor."""

import multiprocessing
import threading
import time
from concurrent.futures import CancelledError

from . import _map
from ._executor import Executor, _count

_CLOSED = 'Pool not running'


class AsyncResult:
    """What apply_async and map_async give."""

    def __init__(self, callback, error_callback):
        self._event = threading.Event()
        self._callback, self._error_callback = callback, error_callback
        self._value = self._error = None

    def _set(self, value, error):
        self._value, self._error = value, error
        try:
            if error is None and self._callback is not None:
                self._callback(value)
            if error is not None and self._error_callback is not None:
                self._error_callback(error)
        finally:
            self._event.set()

    def _of_future(self, future):
        error = CancelledError() if future.cancelled() else future.exception()
        self._set(None if error is not None else future.result(), error)

    def _of_job(self, job):
        values = []
        try:
            for found in job.lists():
                values.extend(found)
        except BaseException as error:
            self._set(None, error)
        else:
            self._set(values, None)

    def ready(self):
        """Is the outcome here?"""
        return self._event.is_set()

    def successful(self):
        """Is it a result, and no exception? ValueError if it is not here yet."""
        if not self.ready():
            raise ValueError(f'{self!r} not ready')
        return self._error is None

    def wait(self, timeout=None):
        """Until the outcome is here, at most `timeout` seconds."""
        self._event.wait(timeout)

    def get(self, timeout=None):
        """The result, or raises what the function has raised; multiprocessing.TimeoutError after `timeout` seconds."""
        if not self._event.wait(timeout):
            raise multiprocessing.TimeoutError
        if self._error is not None:
            raise self._error
        return self._value


class _Iterator(_map.Results):
    """What imap gives: next(timeout) too."""

    __slots__ = ('_job', '_left')

    def __init__(self, job):
        super().__init__(job.lists())
        self._job, self._left = job, iter(())

    def __iter__(self):
        return self

    def __next__(self):
        return self.next()

    def next(self, timeout=None):
        """The next result; multiprocessing.TimeoutError if it is not there after `timeout` seconds. It can be asked for again."""
        end = None if timeout is None else time.monotonic() + timeout
        for found in self._left:
            return found
        while True:
            try:
                chunk = self._job.take(end)
            except TimeoutError:
                raise multiprocessing.TimeoutError from None
            if chunk is None:
                error, self._job.source.error = self._job.source.error, None
                raise error or StopIteration
            self._left = self._with_error(chunk)
            for found in self._left:
                return found

    @staticmethod
    def _with_error(chunk):
        yield from chunk.results
        if chunk.error is not None:
            raise chunk.error


class ProcessPool:
    """What `multiprocessing.Pool` is, over an Executor: the same methods, arguments and exceptions.

    processes: how many; None: one each processor. initializer(*initargs) runs in each before its first call. maxtasksperchild and context must be
    None: processes live as long as the pool, and there are no start methods to choose from. Further keywords are those of Executor.

    A process that dies fails the calls that it had with BrokenWorker, and is replaced; multiprocessing.Pool lets their callers wait for ever.
    chunksize: None is a size by the time that the items take, also for imap. imap reads its input at most some chunks ahead of what is taken.
    """

    def __init__(self, processes=None, initializer=None, initargs=(), maxtasksperchild=None, context=None, **options):
        if maxtasksperchild is not None:
            raise ValueError('ProcessPool has no maxtasksperchild: its processes live as long as it does; leave it out')
        if context is not None:
            raise ValueError('ProcessPool has no context: its processes are Envs, started as create_Corps does; leave it out')
        if 'pool' not in options:
            processes = _count(processes, 'processes')
        self._executor = Executor(processes, None, initializer, initargs, **options)
        self._crew = self._executor._crew
        self._closed = False

    def _check(self):
        if self._closed:
            raise ValueError(_CLOSED)

    def apply(self, func, args=(), kwds={}):
        """func(*args, **kwds) in a process; waits for the result."""
        return self.apply_async(func, args, kwds).get()

    def apply_async(self, func, args=(), kwds={}, callback=None, error_callback=None):
        """The same; gives an AsyncResult at once. callback gets the result, error_callback the exception, on a thread of callbacks."""
        self._check()
        result = AsyncResult(callback, error_callback)
        self._executor.submit(func, *args, **dict(kwds)).add_done_callback(result._of_future)
        return result

    def map(self, func, iterable, chunksize=None):
        """The list of func applied to each item of iterable; chunksize of them go to a process together."""
        return self.map_async(func, iterable, chunksize).get()

    def map_async(self, func, iterable, chunksize=None, callback=None, error_callback=None):
        """The same; gives an AsyncResult at once. callback gets the list, error_callback the exception."""
        return self._all('map', func, iterable, chunksize, callback, error_callback)

    def starmap(self, func, iterable, chunksize=None):
        """As map; each item of iterable is a tuple of func's arguments."""
        return self.starmap_async(func, iterable, chunksize).get()

    def starmap_async(self, func, iterable, chunksize=None, callback=None, error_callback=None):
        """As map_async; each item of iterable is a tuple of func's arguments."""
        return self._all('starmap', func, iterable, chunksize, callback, error_callback)

    def _all(self, kind, func, iterable, chunksize, callback, error_callback):
        self._check()
        result = AsyncResult(callback, error_callback)
        self._executor._job(kind, func, (iterable,), chunksize, on_end=result._of_job)
        return result

    def imap(self, func, iterable, chunksize=None):
        """An iterator of the results, in order."""
        return self._one_by_one(func, iterable, chunksize, True)

    def imap_unordered(self, func, iterable, chunksize=None):
        """An iterator of the results, as they come."""
        return self._one_by_one(func, iterable, chunksize, False)

    def _one_by_one(self, func, iterable, chunksize, ordered):
        self._check()
        window = _map.UNTAKEN_EACH * self._executor._max_workers
        return _Iterator(self._executor._job('map', func, (iterable,), chunksize, window, ordered=ordered))

    def close(self):
        """Takes nothing more. What was asked for is done, also what nobody has taken yet."""
        self._closed = True
        self._crew.unbind()
        self._crew.close(_CLOSED)

    def terminate(self):
        """Ends at once; what is not done is given up."""
        self._closed = True
        self._executor.terminate()

    def join(self):
        """Waits until the processes have ended, after close or terminate."""
        if not self._closed:
            raise ValueError('Pool is still running')
        self._executor.shutdown()

    def __enter__(self):
        self._check()
        return self

    def __exit__(self, kind, exception, trace):
        """As multiprocessing.Pool: terminates."""
        self.terminate()

    def __reduce__(self):
        raise NotImplementedError('pool objects cannot be passed between processes or pickled')


ProcessPool.__module__ = 'corps'
