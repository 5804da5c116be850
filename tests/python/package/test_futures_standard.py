"""A Future is one of the standard library: concurrent.futures and asyncio take it wherever they take their own."""

import asyncio
import concurrent.futures
import contextvars
import functools
import threading
import time
from concurrent.futures import ALL_COMPLETED, FIRST_COMPLETED, FIRST_EXCEPTION, CancelledError, InvalidStateError

from corps import CallTimeout, Conc, Corps, Future, as_completed, create_Concs, create_Corps, wait_all, wait_next
from gate import gates
from helpers import expect, wait_until


class Sleeper(Conc):
    def later(self, seconds, value=None):
        time.sleep(seconds)
        return value

    def held(self, gate, value=None):
        gate.wait()
        return value

    def wrong(self, seconds=0):
        time.sleep(seconds)
        raise KeyError('k')


class Service(Corps):
    def __init__(self):
        super().__init__()
        self.sleepers = create_Concs(Sleeper, Num=6)

    def names(self):
        return self.sleepers

    def inside(self):
        futures = [sleeper.later(0.01 * i, i) for i, sleeper in enumerate(self.sleepers)]
        done, left = concurrent.futures.wait(futures)
        return sorted(future.result() for future in done), len(left)


# ---- concurrent.futures ----

def check_kind(names):
    future = names[0].later(0, 1)
    assert isinstance(future, concurrent.futures.Future) and isinstance(future, Future)
    assert type(future).__mro__.index(concurrent.futures.Future) > 0
    assert '_watched' not in vars(future)           # what only wait and as_completed need is not made for a call
    future.note = 'mine'                            # as on any other
    assert future.note == 'mine' and future.result() == 1
    assert Future[int] and expect(TypeError, Future)
    for method, args in (('set_result', (1,)), ('set_exception', (ValueError(),)), ('set_running_or_notify_cancel', ())):
        expect(InvalidStateError, getattr(future, method), *args)


def check_wait(names):
    futures = [name.later(0.05 * i, i) for i, name in enumerate(names)]
    done, left = concurrent.futures.wait(futures, return_when=FIRST_COMPLETED)
    assert done and done | left == set(futures)
    done, left = concurrent.futures.wait(futures, timeout=0.001)
    assert done | left == set(futures)
    done, left = concurrent.futures.wait(futures, return_when=ALL_COMPLETED)
    assert done == set(futures) and not left
    assert concurrent.futures.wait(futures, timeout=0).done == set(futures)     # ready ones need no time
    assert [future._state for future in futures] == ['FINISHED'] * len(futures)


def check_first_exception(names):
    with gates() as (gate,):
        slow = names[0].held(gate)
        done, left = concurrent.futures.wait([slow, names[1].wrong(0.01)], return_when=FIRST_EXCEPTION)
        assert left == {slow} and isinstance(done.pop().exception(), KeyError)
        bad = names[1].wrong()
        expect(KeyError, bad.result)
        assert concurrent.futures.wait([slow, bad], return_when=FIRST_EXCEPTION).done == {bad}
    assert concurrent.futures.wait([slow, names[2].later(0)], return_when=FIRST_EXCEPTION).not_done == set()


def check_as_completed(names):
    with gates(6) as closed:
        futures = {name.held(gate, i): i for i, (name, gate) in enumerate(zip(names, closed))}
        order = []
        closed[5].open()
        for future in concurrent.futures.as_completed(futures):
            order.append(futures[future])
            closed[order[-1] - 1].open()
        assert order == [5, 4, 3, 2, 1, 0]
    assert sorted(futures[future] for future in concurrent.futures.as_completed(futures, timeout=0)) == list(range(6))
    with gates() as (gate,):
        slow = names[0].held(gate)
        expect(concurrent.futures.TimeoutError, list, concurrent.futures.as_completed([slow], timeout=0.01))
        assert expect(CallTimeout, slow.result, 0.01) and issubclass(CallTimeout, concurrent.futures.TimeoutError)
    assert list(concurrent.futures.as_completed([slow, slow])) == [slow]


def check_mixed(names):
    """Beside those of an executor."""
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        futures = [pool.submit(time.sleep, 0.02), names[0].later(0.05, 'n'), pool.submit(int, '7'), names[1].later(0, 'm')]
        assert concurrent.futures.wait(futures).done == set(futures)
        assert set(concurrent.futures.as_completed(futures)) == set(futures)
        futures = [pool.submit(time.sleep, 0.02), names[0].later(0.01, 'n')]
        assert len(list(concurrent.futures.as_completed(futures))) == 2
        text = str(expect(TypeError, wait_all, futures))
        assert 'concurrent.futures.wait' in text, text


def check_cancelled(names):
    with gates() as (gate,):
        future = names[0].held(gate)
        threading.Timer(0.05, future.cancel).start()
        assert concurrent.futures.wait([future]).done == {future}
    assert future.cancelled() and future._state == 'CANCELLED_AND_NOTIFIED' and future.cancel() is True
    expect(CancelledError, future.exception)
    expect(CancelledError, future.exception, 0)
    expect(CancelledError, future.result)
    assert list(concurrent.futures.as_completed([future])) == [future]
    ready = names[1].later(0)
    ready.result()
    assert ready.cancel() is False


def check_threads(names):
    """Many wait for the same ones while they get ready: each sees all of them."""
    for _ in range(20):
        futures = [name.later(0, i) for i, name in enumerate(names) for _ in range(5)]
        seen = []
        threads = [threading.Thread(target=lambda: seen.append(len(concurrent.futures.wait(futures, 60).done)))
                   for _ in range(3)]
        threads += [threading.Thread(target=lambda: seen.append(len(list(concurrent.futures.as_completed(futures, 60)))))
                    for _ in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert seen == [30] * 6, seen


def check_callbacks(names):
    seen = []
    with gates() as (gate,):
        future = names[0].held(gate)
        future.add_done_callback(seen.append)
        partial = functools.partial(seen.append, 'p')
        future.add_done_callback(partial)
        assert future.remove_done_callback(partial) == 1 and future.remove_done_callback(partial) == 0
    future.result()
    assert wait_until(lambda: seen == [future]), seen
    future.add_done_callback(lambda ready: 1 / 0)       # logged, as concurrent.futures does
    future.add_done_callback(seen.append)
    assert seen == [future, future]


def check_iterables(names):
    """wait_all, wait_next and as_completed take what gives Futures, once or again and again."""
    futures = [name.later(0, i) for i, name in enumerate(names)]
    for made in (iter, tuple, set, dict.fromkeys, lambda them: dict(enumerate(them)).values(), lambda them: (f for f in them)):
        assert wait_all(made(futures)) is True
        assert sorted(wait_next(made(futures))) == list(range(6))
        assert set(as_completed(made(futures))) == set(futures)
    assert wait_all(map(Sleeper.__getattribute__, (), ())) is True
    expect(TypeError, wait_all, futures[0])
    expect(TypeError, wait_all, [1])
    expect(TypeError, wait_next([None]).__next__)


# ---- asyncio ----

async def check_wrap(names):
    future = names[0].later(0.05, 'x')
    wrapped = asyncio.wrap_future(future)
    assert asyncio.isfuture(wrapped) and await wrapped == 'x'
    assert await asyncio.wrap_future(future) == 'x'
    try:
        await asyncio.wrap_future(names[1].wrong())
    except KeyError:
        pass
    else:
        raise AssertionError('no exception')
    with gates(2) as closed:
        future = names[0].held(closed[0])
        wrapped = asyncio.wrap_future(future)
        wrapped.cancel()
        await asyncio.sleep(0)
        assert future.cancelled()               # as an executor's would be
        future = names[0].held(closed[1])
        wrapped = asyncio.wrap_future(future)
        future.cancel()
    try:
        await wrapped
    except asyncio.CancelledError:
        pass
    else:
        raise AssertionError('not cancelled')


async def check_tasks(names):
    task = asyncio.create_task(names[0].later(0.02, 't').as_coroutine())
    assert await task == 't'
    assert await asyncio.ensure_future(names[0].later(0, 'e')) == 'e'
    assert await asyncio.shield(names[0].later(0.01, 's')) == 's'
    assert await asyncio.wait_for(names[0].later(0.01, 'w'), 60) == 'w'
    with gates(6) as closed:
        answers = []
        for next_one in asyncio.as_completed([name.held(gate, i) for i, (name, gate) in enumerate(zip(names, closed))]):
            closed[len(answers)].open()
            answers.append(await next_one)
        assert answers == list(range(6))
    if hasattr(asyncio, 'TaskGroup'):
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(name.later(0.01, i).as_coroutine()) for i, name in enumerate(names)]
        assert [task.result() for task in tasks] == list(range(6))
    if hasattr(asyncio, 'timeout'):
        with gates() as (gate,):
            future = names[0].held(gate, 'kept')
            try:
                async with asyncio.timeout(0.01):
                    await future
            except TimeoutError:
                pass
            else:
                raise AssertionError('no time-out')
        async with asyncio.timeout(60):
            assert await future == 'kept'       # only the waiting was given up


async def check_asyncio_wait(names):
    futures = [name.later(0.03 * i, i) for i, name in enumerate(names)]
    done, left = await asyncio.wait(futures, return_when=asyncio.FIRST_COMPLETED)
    assert len(done) + len(left) == 6 and done
    done, left = await asyncio.wait(futures)
    assert sorted(item.result() for item in done) == list(range(6)) and not left
    with gates() as (gate,):
        slow, ready = names[0].held(gate), asyncio.ensure_future(asyncio.sleep(0))
        await ready
        done, left = await asyncio.wait([slow, ready], timeout=0.05)
        assert len(done) == len(left) == 1
        done, left = await asyncio.wait([slow, names[1].wrong(0.01)], return_when=asyncio.FIRST_EXCEPTION)
        assert len(left) == 1
    for item in left:
        item.cancel()
    done, _ = await asyncio.wait([names[2].later(0, 'ready')])
    assert done.pop().result() == 'ready'


async def check_loop_callbacks(names):
    """Callbacks that are added on a loop run on it, in the context where they were added."""
    variable = contextvars.ContextVar('variable')
    variable.set('here')
    seen, done = [], asyncio.Event()

    def note(future):
        seen.append((threading.current_thread(), variable.get(None), future.result()))
        done.set()

    names[0].later(0.02, 'v').add_done_callback(note)
    await done.wait()
    assert seen == [(threading.current_thread(), 'here', 'v')], seen
    with gates() as (gate,):
        future = names[0].held(gate)
        future.add_done_callback(note)
        assert future.remove_done_callback(note) == 1


async def check_cancelled_await(names):
    with gates() as (gate,):
        future = names[0].held(gate)
        task = asyncio.ensure_future(future)
        await asyncio.sleep(0.02)
        future.cancel()
        await asyncio.wait([task])
    assert task.cancelled()


async def check_thread_of_loop(names):
    loop = asyncio.get_running_loop()
    answer = await loop.run_in_executor(
        None, lambda: asyncio.run_coroutine_threadsafe(names[0].later(0, 'r').as_coroutine(), loop).result(60))
    assert answer == 'r'


async def leave(names, gate):
    seen = []
    names[0].held(gate).add_done_callback(seen.append)
    return seen


async def check_asyncio(names):
    for check in (check_wrap, check_tasks, check_asyncio_wait, check_loop_callbacks, check_cancelled_await,
                  check_thread_of_loop):
        await check(names)


def main():
    with create_Corps(Service, ConfigDicts=[{'NumEnvs': 2}]) as service:
        names = service.names().Ret
        for check in (check_kind, check_wait, check_first_exception, check_as_completed, check_mixed, check_cancelled,
                      check_threads, check_callbacks, check_iterables):
            check(names)
        assert service.inside().Ret == (list(range(6)), 0)
        asyncio.run(check_asyncio(names))
        with gates() as (gate,):
            seen = asyncio.run(leave(names, gate))  # the loop has ended before the answer comes
        assert wait_until(lambda: len(seen) == 1)
        assert asyncio.run(names[0].later(0, 'run').as_coroutine()) == 'run'
    print('OK')


if __name__ == '__main__':
    main()
