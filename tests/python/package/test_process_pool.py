# expect-stdout: OK
"""ProcessPool: every method of multiprocessing.Pool gives what multiprocessing.Pool gives, in the same program."""

import concurrent.futures
import itertools
import multiprocessing
import os
import tempfile
import threading
import time

import corps
from corps import ProcessPool
from helpers import expect, is_alive, wait_until


def square(x):
    return x * x


def add(a, b=0):
    return a + b


def inverse(x):
    return 1 // x


def nap(seconds):
    time.sleep(seconds)
    return seconds


def outcome(function):
    """What a call gives or raises, to be compared."""
    try:
        return function()
    except Exception as error:
        return type(error).__name__, str(error)


def outcomes(pool):
    """What a pool gives for everything that can be asked of it."""
    told, done = [], threading.Event()

    def callback(value):
        told.append(value)
        done.set()

    yield pool.apply(add, (1, 2)), pool.apply(add, (1,), {'b': 5}), outcome(lambda: pool.apply(inverse, (0,)))
    yield pool.map(square, range(100)), pool.map(square, iter(range(10)), 3), pool.map(square, []), pool.map(square, [5], chunksize=1000)
    yield outcome(lambda: pool.map(inverse, [1, 0])), pool.starmap(add, [(1, 2), (3,)]), pool.starmap(add, zip(range(9), range(9)), 2)
    yield list(pool.imap(square, range(50))), sorted(pool.imap_unordered(square, range(50))), list(pool.imap(square, range(50), 7))
    results = pool.imap(square, iter(range(3)))
    yield next(results), results.next(timeout=60), next(results), outcome(lambda: next(results))
    results = pool.imap(inverse, [1, 0, 1], 1)
    yield next(results), outcome(lambda: next(results)), outcome(lambda: next(results))
    results = pool.imap(nap, [0.2])
    yield outcome(lambda: results.next(timeout=0.001)), results.next()
    for ask in (lambda: pool.apply_async(add, (1, 2), {}, callback), lambda: pool.map_async(square, range(5), callback=callback),
                lambda: pool.starmap_async(add, [(1, 2)], callback=callback)):
        result = ask()
        yield result.get(60), done.wait(60), result.ready(), result.successful(), told[-1]
        done.clear()
    for ask in (lambda: pool.apply_async(inverse, (0,), error_callback=callback),
                lambda: pool.map_async(inverse, [0, 1], error_callback=callback)):
        result = ask()
        yield outcome(lambda: result.get(60)), done.wait(60), result.ready(), result.successful(), repr(told[-1])
        done.clear()
    result = pool.apply_async(nap, (0.2,))
    yield result.ready(), outcome(lambda: result.get(0.001)), outcome(result.successful)[0], result.wait(60), result.get()
    yield outcome(pool.join), outcome(lambda: pool.__reduce__())
    pool.close()
    yield [outcome(call)[0] for call in (lambda: pool.apply(square, (1,)), lambda: pool.map(square, [1]), lambda: pool.imap(square, [1]))]
    pool.join()


def check_ends(folder):
    path = os.path.join(folder, 'done-')
    pool = ProcessPool(2)
    pool.imap(open_file, (f'{path}{number}' for number in range(300)), chunksize=1)  # nobody takes the results
    pool.close()
    pool.join()
    assert len(os.listdir(folder)) == 300, 'what was asked for is done'
    read = []
    with ProcessPool(2) as pool:
        pids = set(pool.map(pid, range(50), 1))
        results = pool.imap_unordered(square, (read.append(x) or x for x in itertools.count()), 10)
        assert len(list(itertools.islice(results, 500))) == 500 and len(read) <= 500 + 10 * 2 * 5, len(read)
        waiting = pool.apply_async(nap, (60,))
    assert wait_until(lambda: not any(map(is_alive, pids)))
    expect((corps.WorkerLost, concurrent.futures.CancelledError), waiting.get)
    expect(ValueError, pool.apply, square, (1,))
    pool.join()
    with ProcessPool(1, initializer=os.putenv, initargs=('A', 'b')) as pool:
        expect(corps.BrokenWorker, pool.apply, os.abort)
        assert pool.map(square, [3]) == [9], 'there is another process'
    for kind, words, options in ((ValueError, 'maxtasksperchild', {'maxtasksperchild': 5}), (ValueError, 'context', {'context': 5}),
                                 (ValueError, 'greater than 0', {'processes': 0}), (TypeError, 'processes', {'processes': 1.5})):
        assert words in str(expect(kind, ProcessPool, **options)), words


def open_file(path):
    with open(path, 'w'):
        pass


def pid(_):
    return os.getpid()


def main():
    for ours, theirs in itertools.zip_longest(outcomes(ProcessPool(2)), outcomes(multiprocessing.get_context('fork').Pool(2))):
        assert ours == theirs, (ours, theirs)
    with tempfile.TemporaryDirectory() as folder:
        check_ends(folder)
    print('OK')


if __name__ == '__main__':
    main()
