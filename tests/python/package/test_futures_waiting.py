"""wait_all, wait_next and as_completed: with nothing, with ready Futures, in order, with a budget that runs out."""

import time

from corps import (AsyncLocalMaxRetries, CallTimeout, Conc, Corps, as_completed, create_Concs, create_Corps, wait_all,
                   wait_next)
from helpers import expect


class Sleeper(Conc):
    def later(self, seconds):
        time.sleep(seconds)
        return seconds

    def wrong(self):
        raise ValueError('no')


class Service(Corps):
    def __init__(self):
        super().__init__()
        self.sleepers = create_Concs(Sleeper, Num=4)

    def names(self):
        return self.sleepers

    def inside(self):
        futures = [sleeper.later(seconds) for sleeper, seconds in zip(self.sleepers, (0.2, 0.1, 0.0))]
        order = list(wait_next(futures))
        assert wait_all(futures) is True
        return order, [future.Ret for future in as_completed(futures)]


def check_empty_and_ready(sleepers):
    assert wait_all([]) is True and list(wait_next([])) == [] and list(as_completed([])) == []
    ready = [sleeper.later(0) for sleeper in sleepers]
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
    seconds = (0.3, 0.1, 0.0, 0.2)
    futures = [sleeper.later(delay) for sleeper, delay in zip(sleepers, seconds)]
    assert list(wait_next(futures)) == [2, 1, 3, 0]
    futures = [sleeper.later(delay) for sleeper, delay in zip(sleepers, seconds)]
    assert [future.Ret for future in as_completed(iter(futures))] == sorted(seconds)


def check_budget(sleepers):
    futures = [sleepers[0].later(0), sleepers[1].later(0.8)]
    begin = time.monotonic()
    expect(AsyncLocalMaxRetries, wait_all, futures, InitDelay=0.05, DelayIncPct=0, MaxTries=4)
    assert 0.18 < time.monotonic() - begin < 0.5
    got = []
    expect(AsyncLocalMaxRetries, lambda: got.extend(wait_next(futures, 0.02, 0, 2)) or got)
    indices = wait_next(futures, 0.02, 0, 2)
    assert next(indices) == 0
    expect(AsyncLocalMaxRetries, next, indices)
    left = as_completed(futures, timeout=0.05)
    assert next(left) is futures[0]
    error = expect(CallTimeout, next, left)
    assert isinstance(error, TimeoutError)
    assert wait_all(futures) is True
    for wrong in ([None], [1], ['x']):
        expect((TypeError, AttributeError), wait_all, wrong)
    expect(TypeError, lambda: list(as_completed([5])))


def main():
    with create_Corps(Service, ConfigDicts=[{'NumEnvs': 2}]) as service:
        sleepers = service.names().Ret
        check_empty_and_ready(sleepers)
        check_order(sleepers)
        check_budget(sleepers)
        assert service.inside().Ret == ([2, 1, 0], service.inside().Ret[1])
        assert sorted(service.inside().Ret[1]) == [0.0, 0.1, 0.2]
    print('OK')


if __name__ == '__main__':
    main()
