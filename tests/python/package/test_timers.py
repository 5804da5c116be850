"""Timers: from a program and from Workers, once and in steps; what stops them, and what they refuse."""

import subprocess
import sys
import time

from corps import Conc, Corps, LocType, Timer, WorkerLost, call_every, call_later, create_Concs, create_Corps
from helpers import expect, script, wait_until

STEP = 0.005


class Clock(Conc):
    def __init__(self):
        super().__init__()
        self.seen, self.timer = [], None

    def tick(self, *args, **kwargs):
        self.seen.append((args, kwargs))

    alias = tick

    def count(self):
        return len(self.seen)

    def last(self):
        return self.seen[-1]

    def start(self, other=None):
        self.timer = call_every(STEP, self.tick if other is None else other.tick, First=0)

    def start_async_later(self):
        call_later(STEP, self.turn)

    async def turn(self):
        self.seen.append('turn')

    def later_is_later(self):
        """A call of itself comes after this one, never within it."""
        call_later(0, self.tick, 'later')
        time.sleep(10 * STEP)
        return len(self.seen)

    def counts(self):
        return self.timer.calls, self.timer.skipped, self.timer.active, repr(self.timer)

    def cancel(self):
        return self.timer.cancel()

    def raises(self):
        self.seen.append('raised')
        raise KeyError('on purpose')

    def sleep(self, seconds):
        time.sleep(seconds)

    def refuses(self):
        plain = Plain()
        return [str(expect(TypeError, call_later, 1, wrong)) for wrong in (plain.tick, Clock.tick, print, Clock().tick, lambda: None)]


class Plain:
    def tick(self):
        pass


class Service(Corps):
    def __init__(self):
        super().__init__()
        self.clocks = create_Concs(Clock, LocType=LocType.PerEnv) + create_Concs(Clock, LocType=LocType.EnvId, LocVal=1)

    def all(self):
        return self.clocks


def at_least(name, count):
    assert wait_until(lambda: name.count().Ret >= count), name.count().Ret


def from_a_program(first, second):
    timer = call_later(STEP, first.tick, 1, key=2)
    assert isinstance(timer, Timer) and 'in 0.005 s' in repr(timer), timer
    at_least(first, 1)
    assert first.last().Ret == ((1,), {'key': 2})
    assert wait_until(lambda: not timer.active) and timer.cancel() is False and timer.calls == 1 and timer.error is None
    with call_every(STEP, second.alias, 'again', First=0) as timer:
        assert wait_until(lambda: timer.calls >= 5)     # nobody else polls meanwhile
        assert timer.active and 'active' in repr(timer), timer
    assert not timer.active
    at_least(second, timer.calls)
    assert wait_until(lambda: second.count().Ret == timer.calls)
    assert second.last().Ret == (('again',), {})
    timer = call_every(STEP, second.tick, Count=3)
    assert wait_until(lambda: not timer.active) and timer.calls + timer.skipped >= 3 and timer.calls <= 3


def from_workers(first, second, third):
    for owner, called in ((first, first), (first, second), (third, second)):
        before = called.count().Ret
        owner.start(None if owner == called else called).Ret
        at_least(called, before + 5)
        calls, skipped, active, text = owner.counts().Ret
        assert calls >= 4 and active and 'every 0.005 s' in text, text
        assert owner.cancel().Ret is True and owner.cancel().Ret is False
        calls = called.count().Ret
        time.sleep(10 * STEP)
        assert called.count().Ret <= calls + 1
    before = first.count().Ret
    assert first.later_is_later().Ret == before
    at_least(first, before + 1)
    first.start_async_later().Ret
    assert wait_until(lambda: first.last().Ret == 'turn')


def slow_and_failing(first, second):
    second.start(first).Ret
    at_least(first, 1)
    assert wait_until(lambda: second.counts().Ret[0] > 0)
    busy = first.sleep(40 * STEP)
    skipped = second.counts().Ret[1]
    assert wait_until(lambda: second.counts().Ret[1] > skipped)
    busy.Ret
    second.cancel().Ret
    with call_every(STEP, first.raises) as timer:
        assert wait_until(lambda: timer.failed >= 3) and timer.active and timer.error is None
    gone = create_gone(first)
    assert isinstance(gone, WorkerLost), gone


def create_gone(name):
    """A Worker that ends stops the timers that call it, and those that it has started."""
    timer = call_every(STEP, name.tick)
    assert wait_until(lambda: timer.calls >= 3)
    assert name.exit().Ret is True
    assert wait_until(lambda: not timer.active)
    expect(WorkerLost, lambda: name.tick().Ret)
    return timer.error


def refusals(service, name):
    for seconds in -1, float('nan'), float('inf'):
        expect(ValueError, call_later, seconds, name.tick)
        expect(ValueError, call_every, seconds, name.tick)
    expect(ValueError, call_every, 0, name.tick)
    expect(ValueError, call_every, 1, name.tick, Count=0)
    expect(ValueError, call_later, 1, name.tick, Retry=True)
    expect(ValueError, call_later, 'soon', name.tick)
    error = expect(AttributeError, call_later, 1, name.tock)
    assert 'tick' in str(error), error
    expect(TypeError, call_later, 1, name)
    texts = name.refuses().Ret
    assert 'no Worker' in texts[3] and all('self.tick' in text for text in texts[:3]), texts


def ends_quietly():
    """A program whose timers run when it ends, and a Corps whose Workers have some, say nothing about it."""
    with script('''
        from corps import Conc, Corps, call_every, create_Concs, create_Corps
        class Clock(Conc):
            def tick(self): pass
            def start(self, other): call_every(0.001, other.tick)
        class Service(Corps):
            def all(self): return create_Concs(Clock, Num=4)
        if __name__ == '__main__':
            service = create_Corps(Service, NumEnvs=2)
            clocks = service.all().Ret
            for clock in clocks:
                for other in clocks:
                    clock.start(other).Ret
            timer = call_every(0.001, clocks[0].tick)
            while timer.calls < 5:
                clocks[1].tick().Ret
            service.exit().Ret
            print('over')
        ''') as path:
        done = subprocess.run([sys.executable, path], capture_output=True, text=True, timeout=60)
        assert done.returncode == 0 and done.stdout == 'over\n' and done.stderr == '', done


def main():
    with create_Corps(Service, NumEnvs=2) as service:
        first, second, third = service.all().Ret
        from_a_program(first, second)
        from_workers(first, second, third)
        refusals(service, second)
        slow_and_failing(third, first)
    expect(WorkerLost, call_later, 1, second.tick)
    ends_quietly()
    print('OK')


if __name__ == '__main__':
    main()
