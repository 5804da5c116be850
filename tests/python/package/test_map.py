# expect-stdout: OK
"""map, starmap, filter and reduce over Workers: what they give, in which order, how far ahead they read, and what they refuse."""

import asyncio
import collections
import functools
import itertools
import threading
import time

import corps
from corps import CallTimeout, Conc, Corps, LocType, create_Concs, create_Corps, create_Funcs, deadline
from corps import _chunks
from helpers import expect, wait_until


class Worker(Conc):
    def __init__(self):
        super().__init__()
        self.sizes = []

    def square(self, x):
        return x * x

    def add(self, a, b=0):
        return a + b

    async def later(self, x):
        await asyncio.sleep(0.001)
        if x == 13:
            raise KeyError(x)
        return -x

    def even(self, x):
        return x % 2 == 0

    @functools.lru_cache(None)
    def kept(self, x):
        return x

    def hold(self, event):
        return event and time.sleep(event)

    def _corps_chunk(self, kind, what, items):
        self.sizes.append(len(items[0]) if kind == 'map' else len(items))
        return super()._corps_chunk(kind, what, items)

    def seen(self):
        sizes, self.sizes = self.sizes, []
        return sizes


class Service(Corps):
    def __init__(self):
        super().__init__()
        self.workers = create_Concs(Worker, LocType=LocType.PerEnv)
        self.function = create_Funcs(double)

    def names(self):
        return self.workers, self.function

    def inside(self, n):
        """Over Workers of this Env and of others, from a method."""
        return sum(corps.map(self.workers, 'square', range(n)))

    def itself(self):
        return list(corps.map([self.my_Name()], 'my_Tag', [()]))


def double(x):
    return 2 * x


def check_results(workers):
    squares = [x * x for x in range(2000)]
    for source in (range(2000), list(range(2000)), tuple(range(2000)), iter(range(2000)), collections.deque(range(2000))):
        assert list(corps.map(workers, 'square', source)) == squares
    for method in (Worker.square, workers[1].square, workers[0].square, lambda x: x * x, square_of):
        assert list(corps.map(workers, method, range(200))) == squares[:200]
    assert sorted(corps.map(workers, 'square', range(2000), Ordered=False)) == squares
    assert list(corps.map(workers, 'square', range(100), Chunk=7)) == squares[:100]
    assert list(corps.map(workers[0], 'square', [3])) == [9], 'one Worker'
    assert list(corps.map(workers, 'square', [])) == list(corps.map(workers, 'square', iter(()))) == []
    assert list(corps.map(workers, 'add', range(50), itertools.count(5))) == [2 * x + 5 for x in range(50)]
    assert list(corps.map(workers, 'add', [1, 2, 3], (4, 5))) == [5, 7], 'until the shortest ends'
    assert list(corps.map(workers, Worker.kept, range(3))) == [0, 1, 2], 'a method that a decorator has made an object'
    assert list(corps.starmap(workers, 'add', zip(range(500), range(500)))) == list(range(0, 1000, 2))
    assert list(corps.starmap(workers, 'add', [(1,), (1, 2), ()][:2])) == [1, 3]
    assert list(corps.filter(workers, 'even', range(1000))) == list(range(0, 1000, 2))
    assert list(corps.filter(workers, None, [1, 0, '', 'x', None])) == [1, 'x']
    given = [[1], 2, [3]]
    kept = list(corps.filter(workers, is_list, given))
    assert kept == [[1], [3]] and kept[0] is given[0], 'the items are the caller\'s own'
    assert list(corps.map(workers, 'later', range(10))) == [-x for x in range(10)], 'async methods'


def square_of(x):
    return x * x


def is_list(x):
    return isinstance(x, list)


def check_reduce(workers):
    assert corps.reduce(workers, 'add', range(5001)) == sum(range(5001))
    texts = [str(x) for x in range(3000)]
    for chunk in None, 1, 2, 7, 5000:
        assert corps.reduce(workers, join, texts, Chunk=chunk) == ''.join(texts), 'in order, and associative is enough'
    assert corps.reduce(workers, join, texts[:3], '>') == '>012'
    assert corps.reduce(workers, join, [], '>') == '>' and corps.reduce(workers, join, ['x']) == 'x'
    expect(TypeError, corps.reduce, workers, join, [])
    assert 'async' in str(expect(TypeError, corps.reduce, workers, join_later, [1, 2, 3], Chunk=3))


async def join_later(a, b):
    return a + b


def join(a, b):
    return a + b


def check_failures(workers):
    got = []

    def take(results):
        for result in results:
            got.append(result)

    for options in {}, {'Chunk': 5}, {'Chunk': 1000}:
        del got[:]
        error = expect(ZeroDivisionError, take, corps.map(workers, lambda x: 1 // (x - 57), range(100), **options))
        assert error.Index == 57 and got == [1 // (x - 57) for x in range(57)], (error.Index, got)
        assert isinstance(error, corps.AsyncExecutionError) and error.TypeName == 'ZeroDivisionError'
    del got[:]
    assert expect(KeyError, take, corps.map(workers, 'later', range(100), Chunk=10)).Index == 13 and got == [-x for x in range(13)]
    del got[:]

    def source():
        yield from range(20)
        raise EOFError('the input broke')

    expect(EOFError, take, corps.map(workers, 'square', source()))
    assert got == [x * x for x in range(20)], 'what came before the input broke'
    results = corps.map(workers, lambda x: 1 // x, [0, 1])
    expect(ZeroDivisionError, next, results)
    expect(StopIteration, next, results)
    assert expect(RuntimeError, list, corps.map(workers, stops, range(5))).Index == 3
    assert expect(TypeError, list, corps.map(workers, 'square', ['x'])).Index == 0
    assert 'locked' in str(expect(corps.NotSerializable, list, corps.map(workers[1:], 'add', [Locked()])))
    assert expect(corps.AsyncExecutionError, list, corps.map(workers[1:], lambda x: Locked(), [1])).Index == 0
    assert list(corps.map(workers, 'square', [2])) == [4], 'all is well afterwards'


class Locked:
    def __reduce__(self):
        raise TypeError('it is locked')


def stops(x):
    if x == 3:
        raise StopIteration
    return x


def check_refusals(workers):
    for kind, words, call in (
            (ValueError, 'no Worker', lambda: corps.map([], 'square', [1])),
            (TypeError, 'no Name', lambda: corps.map([1], 'square', [1])),
            (TypeError, 'not iterable', lambda: corps.map(1, 'square', [1])),
            (TypeError, 'iterable at least', lambda: corps.map(workers, 'square')),
            (TypeError, 'not iterable', lambda: corps.map(workers, 'square', 5)),
            (AttributeError, "no method 'squared'", lambda: corps.map(workers, 'squared', [1])),
            (TypeError, 'a function', lambda: corps.map(workers, 5, [1])),
            (ValueError, 'at least 1', lambda: corps.map(workers, 'square', [1], Chunk=0)),
            (TypeError, 'number of items', lambda: corps.map(workers, 'square', [1], Chunk=1.5)),
            (TypeError, 'seconds', lambda: corps.map(workers, 'square', [1], Timeout='1'))):
        assert words in str(expect(kind, call)), words


def check_lazily(workers):
    """An endless input, of which no more is read than a window."""
    read = [0]

    def endless():
        while True:
            read[0] += 1
            yield read[0]

    results = corps.map(workers, 'square', endless(), Chunk=10)
    assert read == [0], 'nothing is done before the first result is asked for'
    assert next(results) == 1
    assert read[0] <= 10 * (len(workers) * 4 + 1), read
    assert list(itertools.islice(results, 999)) == [x * x for x in range(2, 1001)]
    assert read[0] <= 1000 + 10 * (len(workers) * 4 + 1), read
    results.close()
    expect(StopIteration, next, results)
    with corps.map(workers, 'square', endless()) as block:
        assert next(block) > 1000
    expect(StopIteration, next, block)


def check_sizes(workers):
    """Small items go many together, and long ones do not."""
    for worker in workers:
        worker.seen().Ret
    list(corps.map(workers, abs, range(60000)))
    calls = sum(len(worker.seen().Ret) for worker in workers)
    assert calls < 6000, calls
    list(corps.map(workers, 'hold', [0.02] * 20))
    sizes = [size for worker in workers for size in worker.seen().Ret]
    assert sum(sizes) == 20 and max(sizes) == 1, sizes


def check_slow_input(workers):
    """What a slow input has given is not held back until a large chunk is full."""
    came, go_on = [], threading.Event()

    def slow():
        yield from range(20000)
        for x in 'abc':
            assert go_on.wait(60)
            yield x

    def take():
        came.extend(corps.map(workers, str, slow()))

    thread = threading.Thread(target=take)
    thread.start()
    assert not wait_until(lambda: len(came) > 20000, 0.05)
    go_on.set()
    thread.join(60)
    assert came[-3:] == ['a', 'b', 'c'] and len(came) == 20003


def check_limits(workers):
    expect(CallTimeout, list, corps.map(workers, cancelled_or_over, [30], Timeout=0.05))
    with deadline(0.05):
        expect(CallTimeout, list, corps.map(workers, cancelled_or_over, [30]))
    expect(CallTimeout, corps.reduce, workers, wait_long, range(4), Timeout=0.05)
    assert list(corps.map(workers, 'square', [2], Timeout=60)) == [4]


def cancelled_or_over(seconds):
    end = time.monotonic() + seconds
    while time.monotonic() < end and not corps.cancelled():
        time.sleep(0.01)


def wait_long(a, b):
    cancelled_or_over(30)


def check_given_up(workers):
    """What was asked for and is not wanted any more: long chunks end after the item that they are at."""
    expect(CallTimeout, next, corps.map(workers, nap, itertools.repeat(0), Chunk=100000, Timeout=0.05))
    assert [worker.square(2).Ret for worker in workers] == [4] * len(workers), 'Workers are free again'


def nap(_):
    time.sleep(0.001)


def check_sizer():
    sizer = _chunks.Sizer()
    assert sizer.size(None, 4) == 1 and sizer.depth() == 1
    sizer.learn(1, 1e-6)
    assert sizer.size(None, 4) == _chunks.GROWTH and sizer.depth() == 2, 'no more than so much at once'
    for _ in range(5):
        sizer.learn(sizer.size(None, 4), 1e-7 * sizer.size(None, 4))
    assert sizer.size(None, 4) == _chunks.MOST_ITEMS
    assert sizer.size(40, 4) >= 40, 'no chunk is cut short for a fair share that takes microseconds'
    for _ in range(60):
        sizer.learn(1, 1.0)
    assert sizer.size(None, 4) == 1 and sizer.depth() == 1
    sizer.learn(0, 0.0)
    sizer = _chunks.Sizer()
    sizer.learn(100, 0.25)
    assert sizer.size(None, 4) == 4 and sizer.size(16, 4) == 2, 'half of a share'
    assert _chunks.Sizer(5).size(3, 4) == 5
    memory = _chunks.memory_of(check_sizer)
    assert memory is _chunks.memory_of(check_sizer) and _chunks.memory_of('a text') is not _chunks.memory_of('a text')
    _chunks.Sizer(None, memory).learn(1000, 0.001)
    sizer = _chunks.Sizer(None, memory)
    assert sizer.size(100000, 4) == 10000 and sizer.size(800, 4) >= 800, 'as fast as the last time'
    assert sizer.size(None, 4) == 1, 'of an input without an end the first items may be anything'
    sizer.learn(1, 1.0)
    assert sizer.size(100000, 4) == 1, 'what is seen counts, not what is remembered'


def main():
    check_sizer()
    with create_Corps(Service, NumEnvs=3) as service:
        workers, functions = service.names().Ret
        check_results(workers)
        check_reduce(workers)
        check_failures(workers)
        check_refusals(workers)
        check_lazily(workers)
        check_sizes(workers)
        check_slow_input(workers)
        check_limits(workers)
        check_given_up(workers)
        assert list(corps.map(functions, 'double', range(5))) == [0, 2, 4, 6, 8]
        assert service.inside(300).Ret == sum(x * x for x in range(300))
        expect(corps.Deadlock, lambda: service.itself().Ret)
    with create_Corps(Service, NumEnvs=1, FastPath='copy') as service:
        assert service.inside(300).Ret == sum(x * x for x in range(300))
    print('OK')


if __name__ == '__main__':
    main()
