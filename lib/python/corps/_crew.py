"""What an Executor's Workers have to do: tasks and maps that wait, and which Worker gets what.

No thread of its own: who brings work gives it to a Worker that has room, and the thread of callbacks, which learns of every answer, gives
that Worker the next. So work goes on whether or not somebody waits for results.
"""

import threading
import time
from collections import deque
from concurrent.futures import CancelledError
from concurrent.futures.process import BrokenProcessPool
from functools import partial

from . import _chunks, _core
from ._errors import AsyncExecutionError, AsyncRemoteException, CallTimeout, WorkerLost, WorkerMoved
from ._future import _start_callbacks


class BrokenWorker(WorkerLost, BrokenProcessPool):
    """The process that ran a call has died; to `concurrent.futures` a BrokenExecutor. Another one takes its place, and the other calls
    go on."""


BrokenWorker.__module__ = 'corps'


def original(error):
    """What a function raised, as it raised it: its cause says where. What cannot travel stays what it came as."""
    if isinstance(error, WorkerLost) and not isinstance(error, AsyncRemoteException):
        return BrokenWorker(str(error))
    value = error
    while isinstance(value, AsyncExecutionError):
        value = value.Value
    if not isinstance(value, BaseException):
        return error
    value.__cause__ = error
    return value


class Task:
    """A call of a function: the Future that its caller has, and what goes to the Worker."""

    method = '_corps_apply'

    def __init__(self, future, payload):
        self.future, self.payload = future, payload

    def begins(self):
        """Is it still wanted? From now on it cannot be cancelled."""
        return self.future.set_running_or_notify_cancel()

    def depth(self):
        """How many of them a Worker has at the same time: one that waits behind another may be what that one waits for."""
        return 1

    def finish(self, answer):
        self.future.set_result(answer)

    def fail(self, error):
        self.future.set_exception(original(error))

    def break_off(self, error):
        """It does not begin."""
        if isinstance(error, CancelledError):
            self.future.cancel()
        if self.begins():
            self.fail(error)


class _Chunk:
    """A part of a map."""

    method = '_corps_chunk'

    def __init__(self, job, first, items, count):
        self.job, self.first, self.count = job, first, count
        self.payload = job.kind, job.function, items
        self.results = self.error = None

    def finish(self, answer):
        seconds, results, *failure = answer
        if failure:
            self._answer(results, original(_chunks.exception_of(failure[0], self.first + len(results))))
        else:
            self.job.sizer.learn(self.count, seconds)
            self._answer(results, None)

    def fail(self, error):
        self._answer((), original(error))

    def _answer(self, results, error):
        self.payload = None
        self.error = error
        self.results = results  # last: then it is taken
        self.job.answered(self)


class Job:
    """A map: input that is cut into chunks when a Worker has room, and results that wait to be taken. `window`: so many chunks are cut at most
    that nobody has taken; None: no limit."""

    def __init__(self, crew, kind, function, source, size, window=None, ordered=True, on_end=None):
        self.crew, self.kind, self.function, self.source = crew, kind, function, source
        self.sizer = _chunks.Sizer(size, _chunks.memory_of(function))
        self.window, self.ordered, self.on_end = window, ordered, on_end
        self.condition = threading.Condition()
        self.chunks = deque()  # not taken yet, in order
        self.done = deque()  # of them, those that are answered, where the order does not matter
        self.out = 0
        self.exhausted = False
        self.parked = False  # the window is full

    def depth(self):
        return self.sizer.depth()

    def has_room(self):
        """False: it is parked until somebody takes a chunk. Under the lock of the crew."""
        with self.condition:
            self.parked = self.window is not None and len(self.chunks) >= self.window
            return not self.parked

    def cut(self, weight):
        """The next chunk; None at the end of the input."""
        first = self.source.first
        cut = self.source.cut(self.sizer.size(self.source.left, weight)) if not self.exhausted else None
        chunk = _Chunk(self, first, *cut) if cut is not None else None
        with self.condition:
            if chunk is not None and not self.exhausted:
                self.chunks.append(chunk)
                self.out += 1
                return chunk
            self.exhausted = True
            self.condition.notify_all()
        self._look_for_end()
        return None

    def _look_for_end(self):
        """Tells who wants to know it when nothing more will come."""
        with self.condition:
            on_end = self.on_end if self.exhausted and self.out == 0 else None
            if on_end is not None:
                self.on_end = None
        if on_end is not None:
            on_end(self)

    def answered(self, chunk):
        with self.condition:
            self.out -= 1
            if not self.ordered and chunk in self.chunks:
                self.done.append(chunk)
            self.condition.notify_all()
        self._look_for_end()

    def break_off(self, error=None):
        """What has not been cut is not done. With an error: it is raised after the results that there are; without: nobody takes them."""
        with self.condition:
            self.exhausted = True
            if error is not None:
                self.source.error = error
            else:
                self.chunks.clear()
                self.done.clear()
            self.condition.notify_all()
        self._look_for_end()

    def _takeable(self):
        if self.done:
            chunk = self.done.popleft()
            self.chunks.remove(chunk)
            return chunk
        if self.ordered and self.chunks and self.chunks[0].results is not None:
            return self.chunks.popleft()
        return None

    def take(self, end=None):
        """The next chunk that is answered; None when there are no more. Waits; CallTimeout, a TimeoutError, at the time `end`."""
        with self.condition:
            chunk = self._takeable()
            while chunk is None:
                if self.exhausted and not self.chunks:
                    return None
                if not self.condition.wait(None if end is None else max(0.0, end - time.monotonic())) and end is not None:
                    chunk = self._takeable()
                    if chunk is None:
                        raise CallTimeout('no result within the timeout')
                    break
                chunk = self._takeable()
            parked, self.parked = self.parked, False
        if parked:
            self.crew.resume(self)
        return chunk

    def lists(self, end=None):
        """The generator of lists of results, in order; raises what an item has raised at its place. Its end gives up the rest."""
        try:
            while True:
                chunk = self.take(end)
                if chunk is None:
                    break
                yield chunk.results
                if chunk.error is not None:
                    raise chunk.error
            if self.source.error is not None:
                raise self.source.error
        finally:
            self.break_off()


class _Place:
    """A Worker, or a pool of `weight` Workers."""

    __slots__ = ('name', 'weight', 'out', 'up')

    def __init__(self, name, weight):
        self.name, self.weight = name, weight
        self.out = 0
        self.up = True

    def load(self):
        return self.out / self.weight


class Crew:
    """Workers, and work for them. `heal(name)` waits until a Worker that has died is there again; None: nobody waits for that."""

    def __init__(self, names, weights, heal):
        _start_callbacks()
        self.places = [_Place(name, weight) for name, weight in zip(names, weights)]
        self.heal = heal
        self.lock = threading.RLock()
        self.idle = threading.Condition(self.lock)
        self.waiting = deque()
        self.parked = []  # Jobs whose results somebody must take first
        self.bound = True
        self.active = 0  # pieces of work that are out, or being cut
        self.closed = None  # the text that says why nothing new is taken
        self.broken = None  # the exception of which all Workers have died
        self.on_idle = None

    # ---- bringing work ----

    def put(self, work, new=False):
        """Takes a Task or a Job. new: from a user, who is refused once this is closed: RuntimeError, or BrokenWorker."""
        with self.lock:
            if new and self.broken is not None:
                raise self._no_workers()
            if new and self.closed is not None:
                raise RuntimeError(self.closed)
            self.waiting.append(work)
        self.go()

    def close(self, text, cancel=False):
        """Nothing new is taken from now on, nor more of the input of Jobs whose results nobody takes. cancel: nor what waits."""
        with self.lock:
            self.closed = self.closed or text
            left, error = list(self.parked), RuntimeError(text)
            self.parked.clear()
            if cancel:
                left, error = left + list(self.waiting), CancelledError()
                self.waiting.clear()
        for work in left:
            work.break_off(error)
        self._look_for_idle()

    def resume(self, job):
        """Somebody has taken a chunk of a parked Job."""
        with self.lock:
            if job not in self.parked:
                return
            self.parked.remove(job)
            self.waiting.append(job)
        self.go()

    def unbind(self):
        """Results may pile up from now on: nobody may be left to take them, and what was asked for is done."""
        with self.lock:
            self.bound = False
            self.waiting.extend(self.parked)
            self.parked.clear()
        self.go()

    def end_by(self, function):
        """Calls it once, when this is closed and nothing is left to do."""
        with self.lock:
            self.on_idle = function
        self._look_for_idle()

    def wait(self, seconds=None):
        """Until nothing is left to do; did that happen within the time?"""
        with self.lock:
            return self.idle.wait_for(lambda: self.active == 0 and not self.waiting, seconds)

    # ---- giving it out ----

    def _free(self, depth):
        """The place that gets the next piece, or None."""
        free = [place for place in self.places if place.up and place.out < depth * place.weight]
        return min(free, key=_Place.load) if free else None

    def _next(self):
        """(place, work) under the lock; a Job still has to be cut."""
        while self.waiting:
            work = self.waiting[0]
            if self.broken is not None:
                self.waiting.popleft().break_off(self._no_workers())
                continue
            place = self._free(work.depth())
            if place is None:
                return None
            self.waiting.popleft()
            if isinstance(work, Job) and self.bound and not work.has_room():
                if self.closed is None:
                    self.parked.append(work)
                else:
                    work.break_off(RuntimeError(self.closed))
                continue
            if isinstance(work, Task) and not work.begins():
                continue
            place.out += 1
            self.active += 1
            return place, work
        return None

    def go(self):
        """Gives out what there is room for."""
        while True:
            with self.lock:
                found = self._next()
            if found is None:
                self._look_for_idle()
                return
            place, work = found
            if isinstance(work, Job):
                work = self._cut(place, work)
            if work is not None:
                self._send(place, work)

    def _cut(self, place, job):
        """A chunk; the Job comes back in front of what waits. No lock is held: the input may be a generator, which does what it likes."""
        chunk = job.cut(sum(place.weight for place in self.places))
        with self.lock:
            if chunk is None:
                place.out -= 1
                self.active -= 1
            else:
                self.waiting.appendleft(job)
        return chunk

    def _send(self, place, work):
        try:
            reply = _core.call(place.name, work.method, work.payload, None, False, False)
            if reply._notify(partial(self._came, place, work)):
                return
        except BaseException as error:
            self._failed(place, work, error)
            if not isinstance(error, Exception):
                raise  # Ctrl-C
            return
        self._settle(place, work, reply)

    def _came(self, place, work, reply):
        """On the thread of callbacks."""
        try:
            self._settle(place, work, reply)
        finally:
            self.go()

    def _settle(self, place, work, reply):
        try:
            answer = reply.Ret
        except BaseException as error:
            if isinstance(error, WorkerMoved) and not isinstance(error, AsyncRemoteException):
                self._send(place, work)  # it has not run: the pool has another member for it
            else:
                self._failed(place, work, error)
            return
        with self.lock:
            place.out -= 1
        self._tell(work.finish, answer)

    def _tell(self, tell, outcome):
        """Only then it is done: who waits for that finds the outcome."""
        try:
            tell(outcome)
        finally:
            with self.lock:
                self.active -= 1

    def _failed(self, place, work, error):
        lost = isinstance(error, WorkerLost) and not isinstance(error, AsyncRemoteException)
        with self.lock:
            place.out -= 1
            heals = lost and self.heal is not None and place.up
            if heals:
                place.up = False
        if heals:
            threading.Thread(target=self._heal, args=(place,), name='corps-executor-heal', daemon=True).start()
        self._tell(work.fail, error)

    def _heal(self, place):
        try:
            self.heal(place.name)
        except Exception as error:
            self._gone(place, error)
        else:
            with self.lock:
                place.up = True
        self.go()

    def _gone(self, place, error):
        """It does not come back. When none is left, what waits fails."""
        with self.lock:
            if place in self.places:
                self.places.remove(place)
            if self.places:
                return
            self.broken = error
            self.waiting.extend(self.parked)
            self.parked.clear()

    def _no_workers(self):
        return BrokenWorker(f'the Executor has lost its Workers: {self.broken}')

    def _look_for_idle(self):
        with self.lock:
            if self.active or self.waiting:
                return
            self.idle.notify_all()
            on_idle = self.on_idle if self.closed is not None else None
            if on_idle is not None:
                self.on_idle = None
        if on_idle is not None:
            on_idle()
