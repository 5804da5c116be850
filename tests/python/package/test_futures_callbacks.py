"""add_done_callback: in a script and in a Conc, once, at once for a ready Future; a callback that raises; many."""

import threading
import time

from corps import Conc, Corps, create_Concs, create_Corps
from gate import gates
from helpers import expect, wait_until


class Sleeper(Conc):
    def later(self, seconds, value):
        time.sleep(seconds)
        return value

    def held(self, gate, value):
        gate.wait()
        return value

    def wrong(self):
        raise KeyError('k')


class Service(Corps):
    def __init__(self):
        super().__init__()
        self.sleepers = create_Concs(Sleeper, Num=2)

    def name(self):
        return self.sleepers[1]

    def inside(self):
        seen = []
        futures = [sleeper.later(0.05, i) for i, sleeper in enumerate(self.sleepers)]
        for future in futures:
            future.add_done_callback(lambda ready: seen.append(ready.Ret))
        assert wait_until(lambda: len(seen) == 2), seen
        return sorted(seen)


def check_once(sleeper):
    seen = []
    with gates() as (gate,):
        future = sleeper.held(gate, 'v')
        for number in range(3):
            future.add_done_callback(lambda ready, number=number: seen.append((number, ready is future, ready.Ret)))
        assert seen == []
    assert wait_until(lambda: len(seen) == 3)
    future.add_done_callback(lambda ready: seen.append(threading.current_thread()))
    assert seen[3:] == [threading.current_thread()]         # ready: called here and at once
    time.sleep(0.1)
    assert seen[:3] == [(number, True, 'v') for number in range(3)] and len(seen) == 4, seen


def check_raising(sleeper):
    seen = []
    future = sleeper.wrong()
    future.add_done_callback(lambda ready: seen.append(ready.exception()))
    assert wait_until(lambda: seen) and isinstance(seen[0], KeyError)
    future = sleeper.later(0.05, 1)
    future.add_done_callback(lambda ready: 1 / 0)           # told on stderr, and the next one is called
    future.add_done_callback(seen.append)
    assert wait_until(lambda: len(seen) == 2)


def check_nested(sleeper):
    """A callback that calls, and adds a callback of its own; a callback that is not kept elsewhere."""
    done = threading.Event()

    def first(ready):
        sleeper.later(0.02, 2).add_done_callback(lambda second: done.set() if ready.Ret + second.Ret == 3 else None)

    sleeper.later(0.02, 1).add_done_callback(first)
    assert done.wait(60)


def check_many(sleeper):
    seen = []
    for i in range(500):
        sleeper.later(0, i).add_done_callback(lambda ready: seen.append(ready.Ret))
    assert wait_until(lambda: len(seen) == 500), len(seen)
    assert sorted(seen) == list(range(500))


def main():
    with create_Corps(Service, ConfigDicts=[{'NumEnvs': 2}]) as service:
        sleeper = service.name().Ret
        check_once(sleeper)
        check_raising(sleeper)
        check_nested(sleeper)
        check_many(sleeper)
        assert service.inside().Ret == [0, 1]
        expect(TypeError, service.name().add_done_callback)
    print('OK')


if __name__ == '__main__':
    main()
