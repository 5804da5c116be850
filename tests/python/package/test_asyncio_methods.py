"""`async def` methods: result, exception, overlapping, awaiting other Workers, plain methods between them."""

import asyncio
import time

from corps import AsyncExecutionError, Conc, Corps, create_Concs, create_Corps
from gate import gates
from helpers import expect, wait_until


class Doubler(Conc):
    def double(self, n):
        time.sleep(0.05)
        return 2 * n


class Async(Conc):
    def __init__(self, others):
        super().__init__()
        self.others = others
        self.events = []

    async def result(self, value):
        await asyncio.sleep(0)
        return value

    async def nothing(self):
        pass

    async def wrong(self):
        await asyncio.sleep(0.01)
        raise IndexError('no')

    async def slow(self, name, gate=None):
        self.events.append('begin ' + name)
        while gate is not None and not gate.is_open():
            await asyncio.sleep(0.001)
        self.events.append('end ' + name)
        return name

    def told(self):
        return self.events

    async def sum(self, n):
        return sum(await asyncio.gather(*(self.doubled(other, n) for other in self.others)))

    async def doubled(self, other, n):
        return await other.double(n)

    async def forward(self, other):
        try:
            await other.wrong()
        except AsyncExecutionError as error:
            return error.TypeName

    async def bad_result(self):
        return asyncio.get_running_loop()       # cannot be pickled

    async def cancelled(self):
        raise asyncio.CancelledError()


class Service(Corps):
    def __init__(self):
        super().__init__()
        self.doublers = create_Concs(Doubler, Num=4)
        self.pair = create_Concs(Async, self.doublers, Num=2)

    def names(self):
        return self.pair

    async def of_the_front(self):
        return await self.pair[0].result('front')


def check_overlap(worker):
    with gates(2) as closed:
        first, second = worker.slow('a', closed[0]), worker.slow('b', closed[1])
        assert wait_until(lambda: worker.told().Ret == ['begin a', 'begin b'])      # a plain method comes in between
        closed[1].open()
        assert second.Ret == 'b' and not first.done()
    assert first.Ret == 'a'
    assert worker.told().Ret == ['begin a', 'begin b', 'end b', 'end a']


def main():
    with create_Corps(Service, ConfigDicts=[{'NumEnvs': 2}]) as service:
        worker, other = service.names().Ret
        assert worker.result([1, 2]).Ret == [1, 2] and worker.nothing().Ret is None
        error = expect(IndexError, lambda: worker.wrong().Ret)
        assert isinstance(error, AsyncExecutionError) and 'in wrong' in error.TracebackStrings
        check_overlap(worker)
        assert worker.sum(3).Ret == 24 and service.of_the_front().Ret == 'front'
        assert worker.forward(other).Ret == 'IndexError'
        assert asyncio.run(awaited(worker)) == ['x', 24]
        expect(Exception, lambda: worker.bad_result().result(60))
        error = expect(AsyncExecutionError, lambda: worker.cancelled().result(60))
        assert error.TypeName == 'CancelledError'
        assert worker.slow('n', NoReply=True).Ret is None
        assert [future.Ret for future in [worker.result(i) for i in range(100)]] == list(range(100))
    print('OK')


async def awaited(worker):
    return [await worker.result('x'), await worker.sum(3)]


if __name__ == '__main__':
    main()
