"""A method that runs for longer than its class says ends its Env, which may be started again."""

import asyncio
import os
import threading
import time

from corps import AsyncExecutionError, Conc, Corps, LocType, WorkerLost, create_Concs, create_Corps
from helpers import expect

LIMIT, LONGER = 1.0, 1.8


class Store(Conc):
    Stuck_Timeout = LIMIT

    def __init__(self):
        super().__init__()
        self.value = 0

    def add(self, number):
        self.value += number
        return self.value

    def pid(self):
        return os.getpid()

    def compact(self):
        threading.Event().wait()

    def keeps_lock(self):
        """Code in C that never gives up the interpreter's lock: no other thread of the Env runs Python."""
        return sum(range(1 << 62))

    def asks(self, other):
        return other.sleep(LONGER).result(60)

    async def later(self):
        await asyncio.sleep(LONGER)
        return self.value

    async def asks_later(self, other):
        return await other.sleep(LONGER)


class OnThread(Store):
    Thread = 'own'


class Patient(Store):
    Stuck_Timeout = None

    def sleep(self, seconds):
        time.sleep(seconds)
        return seconds


class Wrong(Store):
    Stuck_Timeout = -1


class Service(Corps):
    def __init__(self):
        super().__init__()

    def make(self, cls, env):
        return create_Concs(cls, LocType=LocType.EnvId, LocVal=env)[0]


class Hasty(Service):
    Stuck_Timeout = LIMIT

    def compact(self):
        time.sleep(1000)


def after_death(name):
    """The first answer: a call that is made before the news has come may be lost with the Env."""
    for _ in range(1000):
        try:
            return name.add(1).result(60)
        except WorkerLost as error:
            last = error
    raise last


def check_started_again(service):
    for cls, method in (Store, 'compact'), (Store, 'keeps_lock'), (OnThread, 'compact'):
        one = service.make(cls, 1).result(60)
        pid = one.pid().result(60)
        text = str(expect(WorkerLost, lambda call=getattr(one, method): call().result(60)))
        assert f'of class {cls.__name__}' in text and f"has run its method '{method}' for longer than 1 s (Stuck_Timeout)" in text, text
        assert after_death(one) == 1
        assert one.pid().result(60) != pid


def check_waits_do_not_count(service):
    """Waiting for another Worker, and awaiting, is not running; nor is a class without the attribute ever stuck."""
    far, near = service.make(Patient, 2).result(60), service.make(Patient, 1).result(60)
    stores = [service.make(cls, 1).result(60) for cls in (Store, OnThread, Store, Store)]
    pids = [store.pid().result(60) for store in stores]
    answers = [stores[0].asks(far), stores[1].asks(far), stores[2].later(), stores[3].asks_later(far), near.sleep(LONGER)]
    assert [answer.result(60) for answer in answers] == [LONGER, LONGER, 0, LONGER, LONGER]
    assert [store.pid().result(60) for store in stores] == pids


def main():
    with create_Corps(Service, NumEnvs=3, Restart='on_failure', Restart_Intensity=50, Restart_Backoff=0.01) as service:
        check_waits_do_not_count(service)
        check_started_again(service)
        error = expect(AsyncExecutionError, lambda: service.make(Wrong, 1).result(60))
        assert 'Stuck_Timeout is -1' in str(error), error
    with create_Corps(Hasty, NumEnvs=1, Restart='on_failure') as service:  # Env 0: the whole Corps is started anew
        error = expect(WorkerLost, lambda: service.compact().result(60))
        assert "has run its method 'compact'" in str(error), error
        assert after_death(service.make(Store, 0).result(60)) == 1


if __name__ == '__main__':
    main()
    print('OK')
