"""Awaiting Futures in a script: gather of many, wait_for, exceptions, cancelled tasks, a loop that ends early."""

import asyncio
import time

from corps import AsyncExecutionError, Conc, Corps, create_Concs, create_Corps
from gate import gates
from helpers import expect


class Worker(Conc):
    def double(self, n):
        return 2 * n

    def later(self, seconds, value=None):
        time.sleep(seconds)
        return value

    def held(self, gate, value=None):
        gate.wait()
        return value

    def wrong(self):
        raise ZeroDivisionError('no')


class Service(Corps):
    def __init__(self):
        super().__init__()
        self.workers = create_Concs(Worker, Num=4)

    def names(self):
        return self.workers


async def value_of(future):
    return await future


async def check_gather(workers):
    assert await workers[0].double(4) == 8
    answers = await asyncio.gather(*(value_of(workers[i % 4].double(i)) for i in range(100)))
    assert answers == [2 * i for i in range(100)]
    answers = await asyncio.gather(*[workers[i % 4].double(i) for i in range(100)])       # awaitables themselves
    assert answers == [2 * i for i in range(100)]
    future = workers[0].later(0.05, 'x')
    assert await asyncio.gather(value_of(future), value_of(future)) == ['x', 'x']
    assert await future == 'x'


async def check_exceptions(workers):
    try:
        await workers[0].wrong()
    except AsyncExecutionError as error:
        assert isinstance(error, ZeroDivisionError)
    else:
        raise AssertionError('no exception')
    answers = await asyncio.gather(value_of(workers[0].wrong()), value_of(workers[1].double(1)), return_exceptions=True)
    assert isinstance(answers[0], ZeroDivisionError) and answers[1] == 2


async def check_timeout(workers):
    with gates() as (gate,):
        future = workers[0].held(gate, 'late')
        try:
            await asyncio.wait_for(value_of(future), 0.05)
        except asyncio.TimeoutError:
            assert not gate.is_open()
        else:
            raise AssertionError('no TimeoutError')
    assert await asyncio.wait_for(future, 60) == 'late'          # only the waiting was given up


async def check_cancelled_task(workers):
    with gates() as (gate,):
        future = workers[1].held(gate, 'kept')
        task = asyncio.ensure_future(value_of(future))
        await asyncio.sleep(0.05)
        task.cancel()
        try:
            await task
        except asyncio.CancelledError:
            pass
        else:
            raise AssertionError('not cancelled')
        assert not future.done()
    assert await future == 'kept'


async def check_loop_is_free(workers):
    """The loop serves others while a Future is awaited."""
    async def tick(gate):
        for _ in range(8):
            await asyncio.sleep(0.01)
        gate.open()

    with gates() as (gate,):
        task = asyncio.ensure_future(tick(gate))
        await workers[2].held(gate)
        await task


async def leave_early(workers, gate):
    task = asyncio.ensure_future(value_of(workers[3].held(gate)))
    await asyncio.sleep(0.01)
    return task


async def check_all(workers):
    for check in (check_gather, check_exceptions, check_timeout, check_cancelled_task, check_loop_is_free):
        await check(workers)


def main():
    with create_Corps(Service, ConfigDicts=[{'NumEnvs': 2}]) as service:
        workers = service.names().Ret
        asyncio.run(check_all(workers))
        with gates() as (gate,):
            task = asyncio.run(leave_early(workers, gate))      # the answer comes when its loop has been closed
        assert task.cancelled()
        assert workers[3].double(5).Ret == 10
        assert asyncio.run(value_of(workers[3].double(6))) == 12
        with gates() as (gate,):
            expect(RuntimeError, lambda: next(iter(workers[3].held(gate).__await__())))
    print('OK')


if __name__ == '__main__':
    main()
