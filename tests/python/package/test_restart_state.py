"""A Worker that is broken and made again has the last state that was kept, and never one of the request that broke it."""

import asyncio

from corps import Conc, Corps, Crash, LocType, create_Concs, create_Corps
from helpers import expect


class Counter(Conc):
    Restart, Restart_Intensity, Restart_Backoff = 'on_failure', 50, 0.01

    def __init__(self, start):
        super().__init__()
        self.value = start

    def checkpoint(self):
        return self.value

    def restore(self, state):
        self.value = state

    def add(self, number):
        self.value += number
        return self.value

    def spoil(self):
        self.value = -1
        raise Crash('spoilt')

    async def spoil_later(self):
        self.value = -1
        await asyncio.sleep(0)
        raise Crash('spoilt')


class Sibling(Counter):
    Restart_Strategy = 'one_for_all'


class Service(Corps):
    def __init__(self):
        super().__init__()

    def make(self, cls, count=1):
        return create_Concs(cls, 10, LocType=LocType.EnvId, LocVal=1, Num=count)


def main():
    with create_Corps(Service, NumEnvs=2, Restart='on_failure') as service:
        one = service.make(Counter).result(60)[0]
        for i in range(1, 5):
            assert one.add(1).result(60) == 10 + i
            expect(Crash, (one.spoil if i % 2 else one.spoil_later)().result)
            assert one.add(0).result(60) == 10 + i
        names = service.make(Sibling, 3).result(60)
        for i, name in enumerate(names):
            assert name.add(i).result(60) == 10 + i
        expect(Crash, names[1].spoil().result)
        assert [name.add(0).result(60) for name in names] == [10, 11, 12]


if __name__ == '__main__':
    main()
    print('OK')
