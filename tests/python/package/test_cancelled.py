"""cancel tells the Worker: what has not begun is dropped, a method that runs can ask, a coroutine gets CancelledError."""

import asyncio
import time
from concurrent.futures import CancelledError

import corps
from corps import Conc, Corps, LocType, cancelled, create_Concs, create_Corps, deadline, time_left
from gate import gates
from helpers import expect, wait_until


class Node(Conc):
    def __init__(self):
        super().__init__()
        self.events = []

    def note(self, event):
        self.events.append(event)

    def told(self):
        return self.events

    def wait(self, gate):
        gate.wait()

    def work(self, gate):
        gate.arrive()
        while not cancelled():
            time.sleep(0.001)
        self.events.append('stopped')

    async def sleep(self, event):
        self.events.append(event)
        assert not cancelled()
        try:
            await asyncio.sleep(600)
        except asyncio.CancelledError:
            assert cancelled()
            await asyncio.sleep(0.01)           # it may take its time, and is not cancelled again
            self.events.append('cancelled ' + event)
            raise

    async def chain(self, other):
        try:
            await asyncio.gather(other.sleep('inner'), self.watch())
        except asyncio.CancelledError:
            self.events.append('chain')
            raise

    async def watch(self):
        await asyncio.sleep(600)

    async def stubborn(self):
        try:
            await asyncio.sleep(600)
        except asyncio.CancelledError:
            return 'all the same'

    def over(self):
        assert not cancelled()
        while time_left():
            time.sleep(0.001)
        self.events.append(cancelled())


class Service(Corps):
    def __init__(self):
        super().__init__()
        last = len(corps._core.pids(None)) - 1
        self.nodes = [create_Concs(Node, LocType=LocType.EnvId, LocVal=env)[0] for env in (0, last, last)]

    def all(self):
        return self.nodes

    def give_up(self, node, neighbour):
        """From a Worker: inside of an Env, and from one to the other."""
        with gates() as (gate,):
            blocked = node.wait(gate)
            gate.wait_for_arrivals()
            future = node.note('never')
            assert future.cancel() and future.cancelled()
            expect(CancelledError, lambda: future.Ret)
            neighbour.told().Ret                # what was sent to its Env before has come
        blocked.Ret
        with gates() as (gate,):
            future = node.work(gate)
            gate.wait_for_arrivals()
            assert future.cancel()
        assert node.told().Ret[-1] == 'stopped'


def check_dropped(node, neighbour):
    with gates() as (gate,):
        blocked = node.wait(gate)
        gate.wait_for_arrivals()
        many = [node.note('never') for _ in range(50)] + [node.sleep('never') for _ in range(5)]
        kept = node.note('kept')
        assert all(future.cancel() for future in many)
        neighbour.told().Ret
    blocked.Ret
    kept.Ret
    assert node.told().Ret == ['kept'], node.told().Ret


def check_coroutines(node, other):
    futures = [node.sleep(str(number)) for number in range(20)]
    assert wait_until(lambda: len([event for event in node.told().Ret if event.isdigit()]) == 20)
    assert futures[3].cancel() and futures[5].cancel()
    assert wait_until(lambda: {'cancelled 3', 'cancelled 5'} <= set(node.told().Ret))
    assert not any(future.done() for number, future in enumerate(futures) if number not in (3, 5))
    for future in futures:
        future.cancel()
    assert wait_until(lambda: sum(event.startswith('cancelled') for event in node.told().Ret) == 20)
    chain = node.chain(other)
    assert wait_until(lambda: 'inner' in other.told().Ret)
    assert chain.cancel()
    assert wait_until(lambda: 'chain' in node.told().Ret and 'cancelled inner' in other.told().Ret)
    future = node.stubborn()
    assert future.cancel()
    expect(CancelledError, lambda: future.Ret)


def check_over(node):
    assert cancelled() is False
    with deadline(0.3):
        node.over()._wait(60)                   # the answer may come at the very deadline
    assert node.told().Ret[-1] in (True, 'stopped')      # on a crowded machine it may not have begun


def main():
    for envs in 1, 2:
        with create_Corps(Service, ConfigDicts=[{'NumEnvs': envs}]) as service:
            first, second, third = service.all().Ret
            check_dropped(second, third)
            check_coroutines(second, third)
            check_coroutines_apart(first, second)
            service.give_up(second, third).Ret
            assert 'never' not in second.told().Ret
            check_over(second)
    print('OK')


def check_coroutines_apart(first, second):
    chain = first.chain(second)
    assert wait_until(lambda: 'inner' in second.told().Ret)
    assert chain.cancel()
    assert wait_until(lambda: 'chain' in first.told().Ret and 'cancelled inner' in second.told().Ret)


if __name__ == '__main__':
    main()
