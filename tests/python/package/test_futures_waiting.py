"""wait_all, wait_next and as_completed: with nothing, with ready Futures, in order, with a budget that runs out."""

import time

from corps import (AsyncLocalMaxRetries, CallTimeout, Conc, Corps, as_completed, create_Concs, create_Corps, wait_all,
                   wait_next)
from gate import gates
from helpers import expect


class Sleeper(Conc):
    def back(self, value):
        return value

    def held(self, gate, value):
        gate.wait()
        return value

    def wrong(self):
        raise ValueError('no')


class Service(Corps):
    def __init__(self):
        super().__init__()
        self.sleepers = create_Concs(Sleeper, Num=4)

    def names(self):
        return self.sleepers

    def inside(self):
        return in_order(self.sleepers, (2, 1, 0), wait_next), in_order(self.sleepers, (2, 1, 0), as_completed)


def in_order(sleepers, wanted, wait):
    """Let Futures get ready in this order, one after the other; the order in which they are told."""
    with gates(len(wanted)) as closed:
        futures = [sleeper.held(gate, number) for number, (sleeper, gate) in enumerate(zip(sleepers, closed))]
        ready, order = iter(wait(iter(futures))), []
        for number in wanted:
            closed[number].open()
            told = next(ready)
            order.append(told if wait is wait_next else told.Ret)
        assert list(ready) == [] and wait_all(futures) is True
    return order


def check_empty_and_ready(sleepers):
    assert wait_all([]) is True and list(wait_next([])) == [] and list(as_completed([])) == []
    ready = [sleeper.back(0) for sleeper in sleepers]
    assert wait_all(ready) is True and wait_all(tuple(ready)) is True
    assert sorted(wait_next(ready)) == [0, 1, 2, 3]
    assert sorted(wait_next(ready, 0, 0, 0)) == [0, 1, 2, 3]      # no budget is needed for what is here
    assert wait_all(ready, MaxTries=0) is True
    assert set(as_completed(ready, timeout=0)) == set(ready)
    wrong = [sleepers[0].wrong()]
    assert wait_all(wrong) is True and list(wait_next(wrong)) == [0]
    assert list(as_completed(wrong)) == wrong
    again = ready[0]
    assert sorted(wait_next([again, again])) == [0, 1]


def check_order(sleepers):
    for wait in (wait_next, as_completed):
        assert in_order(sleepers, [2, 1, 3, 0], wait) == [2, 1, 3, 0]


def check_budget(sleepers, gate):
    futures = [sleepers[0].back(0), sleepers[1].held(gate, 1)]
    begin = time.monotonic()
    expect(AsyncLocalMaxRetries, wait_all, futures, InitDelay=0.05, DelayIncPct=0, MaxTries=4)
    assert time.monotonic() - begin >= 0.2
    got = []
    expect(AsyncLocalMaxRetries, lambda: got.extend(wait_next(futures, 0.02, 0, 2)) or got)
    indices = wait_next(futures, 0.02, 0, 2)
    assert next(indices) == 0
    expect(AsyncLocalMaxRetries, next, indices)
    left = as_completed(futures, timeout=0.05)
    assert next(left) is futures[0]
    error = expect(CallTimeout, next, left)
    assert isinstance(error, TimeoutError)
    gate.open()
    assert wait_all(futures) is True
    for wrong in ([None], [1], ['x']):
        expect((TypeError, AttributeError), wait_all, wrong)
    expect(TypeError, lambda: list(as_completed([5])))


def main():
    with create_Corps(Service, ConfigDicts=[{'NumEnvs': 2}]) as service:
        sleepers = service.names().Ret
        check_empty_and_ready(sleepers)
        check_order(sleepers)
        with gates() as (gate,):
            check_budget(sleepers, gate)
        assert service.inside().Ret == ([2, 1, 0], [2, 1, 0])
    print('OK')


if __name__ == '__main__':
    main()
