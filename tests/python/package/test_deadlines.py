"""Deadlines: of blocks, inherited by what methods and coroutines call, and for Futures that no thread waits for."""

import asyncio
import threading
import time

import corps
from corps import CallTimeout, Conc, Corps, LocType, create_Concs, create_Corps, deadline, time_left
from gate import gates
from helpers import expect, wait_until

SHORT = 0.05            # of what must end by itself
PATIENCE = 60


def outlive():
    """Go on when the caller has gone."""
    while time_left() > 0:
        time.sleep(0.001)


def outcome_of(function):
    try:
        return function()
    except CallTimeout as error:
        assert isinstance(error, TimeoutError)
        return 'late'


class Node(Conc):
    def __init__(self):
        super().__init__()
        self.sum = 0
        self.outcome = None

    def add(self, number):
        self.sum += number
        return self.sum

    def wait(self, gate):
        gate.wait()

    def relay(self, other, seconds=None):
        with deadline(seconds) if seconds is not None else deadline(PATIENCE):
            self.outcome = outcome_of(lambda: other.add(1).Ret)
        return self.outcome

    def undo(self, other):
        outlive()
        refused = outcome_of(lambda: other.add(1).Ret)
        other.add(10, NoReply=True)
        with deadline(None):
            assert time_left() is None
            done = other.add(100).Ret
            with deadline(PATIENCE):
                assert 0 < time_left() <= PATIENCE
                done = other.add(100).Ret
        assert time_left() == 0
        made = create_Concs(Node)[0]
        with made:                  # its exit is not refused
            pass
        self.outcome = refused, done
        return self.outcome

    def left(self):
        return time_left()

    def left_on_top(self, other):
        with deadline(PATIENCE):
            other.keep_left(NoReply=True)
            return other.told().Ret, 0 < time_left() <= PATIENCE

    def keep_left(self):
        self.outcome = time_left()

    def told(self):
        return self.outcome

    def forget(self):
        self.outcome = None


class Async(Node):
    async def relay(self, other, seconds=None):
        try:
            with deadline(seconds if seconds is not None else PATIENCE):
                await asyncio.gather(asyncio.ensure_future(self.once(other)), other.add(1).as_coroutine())
            self.outcome = 'in time'
        except CallTimeout:
            self.outcome = 'late'
        return self.outcome

    async def once(self, other):
        await asyncio.sleep(0)
        return await other.add(1)

    async def undo(self, other):
        while time_left() > 0:
            await asyncio.sleep(0.001)
        try:
            await other.add(1)
        except CallTimeout:
            refused = 'late'
        other.add(10, NoReply=True)
        with deadline(None):
            await other.add(100)
            done = await other.add(100)
        self.outcome = refused, done
        return self.outcome

    async def left(self):
        await asyncio.sleep(0)
        return time_left()


class Service(Corps):
    def __init__(self):
        super().__init__()
        ends = [0, corps.my_EnvId() if self.alone() else 1]
        self.nodes = [create_Concs(kind, LocType=LocType.EnvId, LocVal=env)[0] for env in ends for kind in (Node, Async)]

    def alone(self):
        return len(corps._core.pids(None)) == 1

    def all(self):
        return self.nodes


def late_outcome(name, call):
    """What the method of a call with a deadline that passes has kept. Its answer may come at the very deadline, and on a crowded
    machine it may come too late and not run."""
    for doubled in range(10):
        name.forget().Ret
        with deadline(SHORT * 2 ** doubled):
            outcome_of(call().result)
        if wait_until(lambda: name.told().Ret is not None, 1):
            return name.told().Ret
    raise AssertionError('it never ran in time')


def check_nested(first, second):
    """Nobody answers: the method goes on when its caller does, and what came too late does not run."""
    with gates() as (gate,):
        before = second.add(0).Ret
        blocked = second.wait(gate)
        gate.wait_for_arrivals()
        assert late_outcome(first, lambda: first.relay(second)) == 'late'
        assert first.relay(second, SHORT).Ret == 'late'         # its own block, and no deadline of the request
        gate.open()
        blocked.Ret
    assert second.add(0).Ret == before
    assert first.relay(second).Ret != 'late' and second.add(0).Ret > before


def check_after(first, second):
    assert late_outcome(first, lambda: first.undo(second)) == ('late', 210)
    assert second.add(0).Ret == 210


def check_left(name):
    assert time_left() is None and name.left().Ret is None
    with deadline(PATIENCE), deadline(2 * PATIENCE):
        assert 0 < time_left() <= PATIENCE
        assert 0 < name.left().Ret <= PATIENCE
        with deadline(None):
            assert time_left() is None and name.left().Ret is None
    assert time_left() is None
    with deadline(0):
        assert time_left() == 0.0
        expect(CallTimeout, name.left)
    with deadline(float('inf')):
        assert name.left().Ret is None
    expect((TypeError, ValueError), deadline, 'soon')


def check_nobody_waits(name):
    with gates() as (gate,):
        blocked = name.wait(gate)
        seen = []
        with deadline(SHORT):
            future = name.add(1)
        future.add_done_callback(seen.append)
        assert wait_until(lambda: seen == [future])
        assert isinstance(future.exception(), CallTimeout)
        asyncio.run(await_late(name))
        with deadline(SHORT):
            future = name.add(1)
        assert wait_until(future.done)                          # who only looks sees it too
        gate.open()
        blocked.Ret
    assert name.add(0).Ret == 0


async def await_late(name):
    with deadline(SHORT):
        futures = [name.add(1) for _ in range(20)]
        try:
            await name.add(1)
            raise AssertionError('it was answered')
        except CallTimeout:
            pass
    done, pending = await asyncio.wait([asyncio.ensure_future(future.as_coroutine()) for future in futures])
    assert not pending and all(isinstance(task.exception(), CallTimeout) for task in done)


def check_threads(name):
    """A block is its thread's alone."""
    seen = []
    with deadline(0):
        thread = threading.Thread(target=lambda: seen.append(name.left().Ret))
        thread.start()
        thread.join(PATIENCE)
    assert seen == [None], seen


def main():
    for envs in 1, 2:
        with create_Corps(Service, ConfigDicts=[{'NumEnvs': envs}]) as service:
            plain, coroutine, other, other_coroutine = service.all().Ret
            check_nobody_waits(other)
            for first in plain, coroutine:
                check_left(first)
                check_nested(first, other)
            check_nested(plain, other_coroutine)
            check_after(plain, create_fresh(other))
            check_after(coroutine, create_fresh(other))
            check_threads(plain)
            assert plain.left_on_top(other).Ret == (None, True)
    print('OK')


def create_fresh(name):
    name.add(-name.add(0).Ret).Ret
    return name


if __name__ == '__main__':
    main()
