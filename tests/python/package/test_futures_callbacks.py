"""add_done_callback: in a script and in a Conc, once, at once for a ready Future; a callback that raises, and who is told; many."""

import asyncio
import logging
import sys
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
    told = []
    before, sys.unraisablehook = sys.unraisablehook, lambda args: told.append((args.exc_type, threading.current_thread().name))
    future.add_done_callback(lambda ready: 1 / 0)           # the next one is called all the same
    future.add_done_callback(seen.append)
    assert wait_until(lambda: len(seen) == 2)
    sys.unraisablehook = before
    assert told == [(ZeroDivisionError, 'corps-callbacks')], told

    told = logging.Handler()
    records = []
    told.emit = records.append
    logger = logging.getLogger('concurrent.futures')
    logger.addHandler(told)
    future.add_done_callback(lambda ready: 1 / 0)           # ready: called here, and raises nothing here
    logger.removeHandler(told)
    assert [record.exc_info[0] for record in records] == [ZeroDivisionError], records
    assert asyncio.run(told_on_a_loop(sleeper)) == [ZeroDivisionError, ZeroDivisionError]


async def told_on_a_loop(sleeper):
    told, done = [], asyncio.Event()
    asyncio.get_running_loop().set_exception_handler(lambda loop, context: told.append(type(context['exception'])))
    for seconds in (0, 0.05):
        future = sleeper.later(seconds, 1)
        if seconds == 0:
            future.result()                                 # ready: called by the loop nevertheless, and not here
        future.add_done_callback(lambda ready: 1 / 0)
        assert len(told) == (seconds > 0), told
        future.add_done_callback(lambda ready: done.set())
        await done.wait()
        done.clear()
    return told


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
