"""An Executor as concurrent.futures has them, whose Workers are Concs in Envs of their own."""

import atexit
import concurrent.futures
import os
import time
import weakref

from . import _chunks, _core, _create, _map, _processors
from ._crew import BrokenWorker, Crew, Job, Task
from ._deadline import deadline
from ._errors import AsyncExecutionError, WorkerLost
from ._hands import Hands

WORKERS_MAX = 1023
"""A Corps has 1024 Envs, and its first holds no Worker of an Executor."""


def _restart(count):
    """A call that kills its process fails, whatever the others do meanwhile. The core bears a hundred restarts in a period at most: so an Env
    that dies again within a second waits, for longer the more there are."""
    return {'Restart': 'always', 'Restart_Intensity': 100, 'Restart_Period': 1, 'Restart_Max_Backoff': max(0.1, count * 0.02)}


def _count(max_workers, name='max_workers'):
    if max_workers is None:
        return min(_processors.count(), WORKERS_MAX)
    if isinstance(max_workers, bool) or not isinstance(max_workers, int):
        raise TypeError(f'{name} is a number of Workers, or None for one each processor; not {max_workers!r}')
    if max_workers <= 0:
        raise ValueError(f'{name} must be greater than 0')
    if max_workers > WORKERS_MAX:
        raise ValueError(f'{name} must be at most {WORKERS_MAX}, not {max_workers}')
    return max_workers


def _heal(name):
    """Waits until a Hand is there again."""
    with deadline(None):
        _core.call(name, 'ready', (), None, False, False).Ret


def _boot(count, initializer, initargs, options):
    """(the Corps' Name, the Names of its Hands)."""
    options = dict(_restart(count), Tag='Executor', NumEnvs=count + 1, Ext=False, **options)
    corps = _create.create_Corps(Hands, count, initializer, initargs, **options)
    try:
        with deadline(None):
            hands = corps.names().Ret
            for future in [hand.ready() for hand in hands] if initializer is not None else ():
                future.Ret
    except BaseException as error:
        _end(corps, 0.0)
        if isinstance(error, AsyncExecutionError):
            raise BrokenWorker(f'the initializer failed: {error}') from error
        if isinstance(error, WorkerLost):
            raise BrokenWorker(f'a Worker died while it was made ready: {error}') from error
        raise
    return corps, hands


def _end(corps, seconds=None):
    """Ends a Corps of ours; waits for that, at most so many seconds."""
    if seconds is None:
        try:
            with deadline(None):
                _core.call(corps, 'exit', (), None, False, False).Ret
        except WorkerLost:
            pass  # it has ended already
    _create.wait_end(corps, seconds)


def _ask_to_end(corps):
    """Ends it, and waits for nothing; what it holds here is given back later."""
    try:
        _core.call(corps, 'exit', (), None, True, False)
    except Exception:
        pass  # it has ended already


_open = weakref.WeakSet()
_registered = False


def _at_exit():
    """The end of a program that has not shut its Executors down: what was asked for is done first, unless Ctrl-C has ended it."""
    interrupted = _create._was_interrupted()
    for executor in list(_open):
        if executor._pid != os.getpid():
            continue  # a forked child: it is its parent's
        if interrupted:
            executor.terminate()
        else:
            executor.shutdown()


class Executor(concurrent.futures.Executor):
    """A `concurrent.futures.Executor` whose Workers are processes: in place of ProcessPoolExecutor.

    max_workers: how many processes; None: one each processor. initializer(*initargs) runs in each before its first call, and again in a
    process that has taken the place of one that died. pool: a pool's Name, or a list of Names of Workers, to be used instead of processes of
    its own; it outlives the Executor. mp_context and max_tasks_per_child must be None: there are no start methods to choose from, and
    processes live as long as the Executor. Further keywords, such as Serializer and Threads, are variables of the configuration: see create_Corps.

    A process that dies fails the calls that it had with BrokenWorker (a WorkerLost, and a BrokenExecutor); another one takes its place and the
    Executor goes on. ProcessPoolExecutor is broken then, and fails all calls. Functions travel as arguments do: also lambdas and closures.
    """

    def __init__(self, max_workers=None, mp_context=None, initializer=None, initargs=(), *, max_tasks_per_child=None, pool=None, **options):
        if mp_context is not None:
            raise ValueError('Executor has no mp_context: its processes are Envs, started as create_Corps does; leave it out')
        if max_tasks_per_child is not None:
            raise ValueError('Executor has no max_tasks_per_child: its processes live as long as it does; leave it out')
        if initializer is not None and not callable(initializer):
            raise TypeError('initializer must be a callable')
        self._corps, self._pid = None, os.getpid()
        if pool is not None:
            if max_workers is not None or initializer is not None or options:
                raise ValueError('an Executor over a pool takes the Workers as they are: leave out max_workers, initializer, '
                                 'and what is about processes of its own')
            names = _map.workers(pool)
            members = [_map._Member(name) for name in names]
            self._crew = Crew(names, [member.weight for member in members], None)
        else:
            count = _count(max_workers)
            self._corps, names = _boot(count, initializer, initargs, options)
            self._crew = Crew(names, [1] * count, _heal)
        self._register()

    def _register(self):
        global _registered
        _open.add(self)
        if not _registered and _core.own() is None:
            _registered = True
            atexit.register(_at_exit)

    @property
    def _max_workers(self):
        return sum(place.weight for place in self._crew.places)

    def submit(self, fn, /, *args, **kwargs):
        """Calls fn(*args, **kwargs) at a Worker; gives a Future of `concurrent.futures` at once. It can be cancelled until it has begun.
        An `async def` function is awaited on the event loop of the Worker's Env."""
        if not callable(fn):
            raise TypeError(f'{fn!r} is no function')
        future = concurrent.futures.Future()
        self._crew.put(Task(future, (fn, args, kwargs)), True)
        return future

    def map(self, fn, *iterables, timeout=None, chunksize=None, buffersize=None):
        """An iterator of fn applied to the items of iterables side by side, in order. Everything is begun at once, and goes on whether or not
        results are taken. chunksize: how many items go to a Worker together; None: as many as take some milliseconds. buffersize: at most
        so many chunks are under way or wait to be taken, and the input is read as results are taken, so that it may be endless.
        TimeoutError if a result is not there `timeout` seconds after this call."""
        end = None if timeout is None else time.monotonic() + timeout
        job = self._job('map', fn, iterables, chunksize, buffersize)
        return _map.Results(job.lists(end))

    def _job(self, kind, fn, iterables, chunksize, window=None, **more):
        if not callable(fn):
            raise TypeError(f'{fn!r} is no function')
        if not iterables:
            raise TypeError('map takes an iterable at least')
        _chunks.check_size(chunksize, 'chunksize')
        _chunks.check_size(window, 'buffersize')
        given = iterables if window is not None else [
            items if type(items) in (range, tuple) else list(items) for items in iterables]
        job = Job(self._crew, kind, fn, _chunks.Source(kind, given), chunksize, window, **more)
        self._crew.put(job, True)
        return job

    def shutdown(self, wait=True, *, cancel_futures=False):
        """Takes no more calls. Those that were taken are done; with cancel_futures=True those that have not begun are cancelled. Then the
        processes end. wait: returns when all of that is done; else at once."""
        crew, corps = self._crew, self._corps
        crew.close('cannot schedule new futures after shutdown', cancel_futures)
        if wait:
            crew.wait()
            self._leave(None)
        elif corps is not None:
            crew.end_by(lambda: _ask_to_end(corps))

    def _leave(self, seconds):
        _open.discard(self)
        self._crew.heal = None
        corps, self._corps = self._corps, None
        if corps is not None:
            _end(corps, seconds)

    def terminate(self):
        """Ends at once: what waits is cancelled, and the processes are killed if they have not ended within a second."""
        self._crew.close('cannot schedule new futures after shutdown', True)
        self._leave(_create.INTERRUPTED_SECONDS)

    def __exit__(self, kind, exception, trace):
        """Waits until all is done, and ends; after Ctrl-C at once."""
        if kind is not None and issubclass(kind, KeyboardInterrupt):
            self.terminate()
        else:
            try:
                self.shutdown(wait=True)
            except KeyboardInterrupt:
                self.terminate()
                raise
        return False

    def __del__(self):
        if getattr(self, '_crew', None) is not None and self._corps is not None and self._pid == os.getpid():
            self.shutdown(wait=False)


Executor.__module__ = 'corps'
