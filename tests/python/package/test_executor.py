# expect-stdout: OK
"""Executor: what a concurrent.futures.Executor promises, and what it says when it cannot."""

import concurrent.futures
import functools
import itertools
import os
import tempfile
import threading
import time
from concurrent.futures import ALL_COMPLETED, CancelledError, Future, as_completed, wait

import corps
from corps import BrokenWorker, Conc, Corps, Executor, LocType, create_Concs, create_Corps
from helpers import expect, is_alive, wait_until

STATE = None


def set_state(value):
    global STATE
    STATE = value


def state(_=None):
    return STATE, os.getpid()


def square(x):
    return x * x


def raises(x):
    raise ValueError(f'not {x}')


class Own(Exception):
    def __init__(self, a, b):
        super().__init__(a, b)


def raises_own():
    raise Own(1, 2)


def wait_for(path):
    while not os.path.exists(path):
        time.sleep(0.005)
    return path


async def later(x):
    return x + 1


def open_gate(path):
    with open(path, 'w'):
        pass


def check_futures(executor, gate):
    future = executor.submit(square, 5)
    assert type(future) is Future and future.result() == 25 and future.exception() is None
    assert executor.submit(int, '11', base=3).result() == 4
    assert executor.submit(lambda x: x + 1, 1).result() == 2 and executor.submit(later, 1).result() == 2
    assert executor.submit(functools.partial(square, 3)).result() == 9
    error = executor.submit(raises, 3).exception()
    assert type(error) is ValueError and str(error) == 'not 3', 'what the function raised, not another class'
    assert isinstance(error.__cause__, corps.AsyncExecutionError) and 'in raises' in str(error.__cause__), error.__cause__
    assert type(executor.submit(raises_own).exception()) is Own
    assert isinstance(executor.submit(lambda: Locked()).exception(), corps.AsyncExecutionError), 'a result that cannot travel'
    assert isinstance(executor.submit(square, Locked()).exception(), corps.NotSerializable)
    expect(TypeError, executor.submit, 5)
    futures = [executor.submit(square, x) for x in range(500)]
    assert sorted(future.result() for future in as_completed(futures)) == [x * x for x in range(500)]
    called = []
    future = executor.submit(square, 7)
    future.add_done_callback(called.append)
    assert wait_until(lambda: called == [future])
    held = [executor.submit(wait_for, gate) for _ in range(2)]  # both processes
    waiting = executor.submit(square, 1)
    assert wait_until(lambda: all(one.running() for one in held)) and not waiting.running()
    assert waiting.cancel() and waiting.cancelled() and not held[0].cancel()
    expect(CancelledError, waiting.result)
    expect(concurrent.futures.TimeoutError, held[0].result, 0.01)
    behind = executor.submit(square, 3)
    done, left = wait(held + [behind], 0.01, ALL_COMPLETED)
    assert not done and len(left) == 3
    open_gate(gate)
    assert [one.result() for one in held] == [gate] * 2 and behind.result() == 9


class Locked:
    def __reduce__(self):
        raise TypeError('it is locked')


def check_map(executor):
    squares = [x * x for x in range(3000)]
    for source in range(3000), list(range(3000)), iter(range(3000)):
        assert list(executor.map(square, source)) == squares
    assert list(executor.map(square, range(100), chunksize=7)) == squares[:100]
    assert list(executor.map(pow, range(1, 9), [2] * 5)) == [1, 4, 9, 16, 25]
    assert list(executor.map(square, [])) == []
    got = []
    error = expect(ZeroDivisionError, lambda: [got.append(x) for x in executor.map(lambda x: 1 // (x - 7), range(20))])
    assert type(error) is ZeroDivisionError and got == [1 // (x - 7) for x in range(7)]
    assert list(itertools.islice(executor.map(square, itertools.count(), buffersize=3), 500)) == squares[:500]
    read = []
    results = executor.map(square, (read.append(x) or x for x in itertools.count()), chunksize=5, buffersize=3)
    assert wait_until(lambda: len(read) == 15) and next(results) == 0 and len(read) <= 20, 'three chunks and no more'
    results.close()
    expect(concurrent.futures.TimeoutError, list, executor.map(time.sleep, [0.2], timeout=0.01))
    expect(TypeError, executor.map, square)
    expect(TypeError, executor.map, 5, [1])
    expect(ValueError, executor.map, square, [1], chunksize=0)
    expect(ValueError, executor.map, square, [1], buffersize=0)
    expect(TypeError, executor.map, square, 5)


def check_shutdown(folder):
    paths = [os.path.join(folder, str(number)) for number in range(20)]
    with Executor(2) as executor:
        executor.map(open_gate, paths)  # nobody takes the results
        pids = {executor.submit(state).result()[1] for _ in range(20)}
    assert all(map(os.path.exists, paths)), 'what was asked for is done'
    assert not any(map(is_alive, pids)), 'and the processes have ended'
    assert 'after shutdown' in str(expect(RuntimeError, executor.submit, square, 1))
    expect(RuntimeError, executor.map, square, [1])
    executor.shutdown()
    gate = os.path.join(folder, 'gate')
    executor = Executor(1)
    first, rest = executor.submit(wait_for, gate), [executor.submit(square, x) for x in range(5)]
    results = executor.map(square, range(50))
    endless = executor.map(square, itertools.count(), buffersize=2)
    assert wait_until(first.running)
    thread = threading.Thread(target=executor.shutdown, kwargs={'cancel_futures': True})
    thread.start()
    assert wait_until(lambda: all(one.cancelled() for one in rest))
    expect(CancelledError, list, results)
    expect(CancelledError, list, endless)
    open_gate(gate)
    thread.join(60)
    assert first.result() == gate and not thread.is_alive()
    executor = Executor(1)
    pid = executor.submit(state).result()[1]
    last = [executor.submit(square, x) for x in range(20)]
    executor.shutdown(wait=False)
    assert [one.result() for one in last] == [x * x for x in range(20)] and wait_until(lambda: not is_alive(pid))
    executor = Executor(1)
    pid = executor.submit(state).result()[1]
    results = executor.map(square, range(1000))
    del executor
    assert list(results) == [x * x for x in range(1000)] and wait_until(lambda: not is_alive(pid)), 'forgotten: it ends'


def check_deaths():
    """A process that dies fails the calls that it had, and no others."""
    with Executor(2, initializer=set_state, initargs=('ready',)) as executor:
        seen = {executor.submit(state).result() for _ in range(30)}
        assert {text for text, _ in seen} == {'ready'}, seen
        error = executor.submit(os.abort).exception()
        assert isinstance(error, BrokenWorker) and isinstance(error, corps.WorkerLost) and 'signal 6' in str(error), error
        assert isinstance(error, concurrent.futures.process.BrokenProcessPool)
        assert [executor.submit(square, x).result() for x in range(20)] == [x * x for x in range(20)]
        errors = [executor.submit(os._exit, 3).exception() for _ in range(3)]
        assert all(isinstance(error, BrokenWorker) for error in errors), errors
        seen = {executor.submit(state).result() for _ in range(30)}
        assert {text for text, _ in seen} == {'ready'}, 'the initializer ran in the new ones too'
        got, results = [], executor.map(dies_at_7, range(40), chunksize=1)
        expect(BrokenWorker, lambda: [got.append(x) for x in results])
        assert got == list(range(7)) and list(executor.map(square, range(5))) == [0, 1, 4, 9, 16]
    with tempfile.TemporaryDirectory() as folder, Executor(1, initializer=only_once, initargs=(folder,)) as executor:
        waiting = [executor.submit(time.sleep, 0.05), executor.submit(os.abort), executor.submit(square, 1)]
        errors = [future.exception() for future in waiting]
        assert errors[0] is None and all(isinstance(error, BrokenWorker) for error in errors[1:]), errors
        assert 'has lost its Workers' in str(errors[2]) and 'once' in str(errors[2]), 'its initializer fails where it is started again'
        expect(BrokenWorker, executor.submit, square, 1)
    error = expect(BrokenWorker, Executor, 1, initializer=raises, initargs=(4,))
    assert 'not 4' in str(error) and isinstance(error, concurrent.futures.BrokenExecutor)


def only_once(folder):
    try:
        os.mkdir(os.path.join(folder, 'begun'))
    except FileExistsError:
        raise ValueError('once is enough') from None


def dies_at_7(x):
    if x == 7:
        os.abort()
    return x


class Worker(Conc):
    def __init__(self):
        super().__init__()
        self.executor = None

    def nested(self, n):
        """An Executor in a method: its Corps belongs to this one."""
        with Executor(2) as executor:
            return sum(executor.map(square, range(n)))


class Service(Corps):
    def __init__(self):
        super().__init__()
        self.workers = create_Concs(Worker, LocType=LocType.PerEnv)

    def names(self):
        return self.workers


def check_over_workers():
    with create_Corps(Service, NumEnvs=2) as service:
        names = service.names().Ret
        with Executor(pool=names) as executor:
            assert executor.submit(square, 3).result() == 9 and list(executor.map(square, range(5))) == [0, 1, 4, 9, 16]
        assert names[0].nested(10).Ret == 285, 'the Workers are still there'
        for _ in range(50):
            with Executor(pool=names) as executor:
                last = executor.submit(square, 3)
            assert last.done(), 'what was asked for is there when the block has ended'
        for options in {'max_workers': 2}, {'initializer': print}, {'Threads': 1}:
            assert 'over a pool' in str(expect(ValueError, Executor, pool=names, **options))


def check_refusals():
    for kind, words, options in (
            (ValueError, 'greater than 0', {'max_workers': 0}), (ValueError, 'at most 1023', {'max_workers': 5000}),
            (TypeError, 'number of Workers', {'max_workers': 'two'}), (TypeError, 'callable', {'initializer': 5}),
            (ValueError, 'mp_context', {'mp_context': 5}), (ValueError, 'max_tasks_per_child', {'max_tasks_per_child': 5}),
            (TypeError, 'NumEnv', {'NumEnv': 2}), (ValueError, 'no Worker', {'pool': []})):
        assert words in str(expect(kind, Executor, **options)), words


def main():
    with tempfile.TemporaryDirectory() as folder:
        with Executor(2) as executor:
            check_futures(executor, os.path.join(folder, 'first'))
            check_map(executor)
        check_shutdown(folder)
    check_deaths()
    check_over_workers()
    check_refusals()
    print('OK')


if __name__ == '__main__':
    main()
