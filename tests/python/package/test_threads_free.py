"""Threads that use the same Futures, Names and classes at once; on a free-threaded Python its lock stays off."""

import sys
import sysconfig
import threading

from corps import Conc, Corps, create_Concs, create_Corps
from helpers import wait_until

THREADS = 6
ROUNDS = 40


class Point:
    def __init__(self, x, y):
        self.x = x
        self.y = y


class Worker(Conc):
    def back(self, thing):
        return thing

    def wrong(self):
        raise KeyError('k')

    def local(self, number):
        class Made:
            def __init__(self, value):
                self.value = value
        return Made(number)

    def lock_is_on(self):
        return lock_is_on()


class Service(Corps):
    def __init__(self):
        super().__init__()
        self.workers = create_Concs(Worker, Num=4)

    def names(self):
        return self.workers

    def inside(self):
        return together(self.workers)


def lock_is_on():
    asked = getattr(sys, '_is_gil_enabled', None)
    return asked is None or asked()


def together(names):
    """Runs one round after the other on all threads; what was wrong."""
    wrong, barrier = [], threading.Barrier(THREADS)
    shared = [None] * ROUNDS

    def one(number):
        for turn in range(ROUNDS):
            name = names[turn % len(names)]
            if barrier.wait(60) == 0:
                shared[turn] = [name.back((turn, 'x')), name.wrong(), name.back(Point(turn, [turn])), name.local(turn)]
            barrier.wait(60)
            futures, seen = shared[turn], []
            for future in futures:
                future.add_done_callback(seen.append)
            first, second, third, fourth = futures
            if first.Ret != (turn, 'x') or not isinstance(second.exception(), KeyError):
                wrong.append((number, turn, 'outcome'))
            if third.result().y != [turn] or fourth.result(60).value != turn or third.Ret is not third.Ret:
                wrong.append((number, turn, 'object'))
            if name.back([Point(turn, number)] * 20).Ret[19].y != number:
                wrong.append((number, turn, 'own call'))
            if not wait_until(lambda: len(seen) == 4, 60):
                wrong.append((number, turn, 'callbacks'))
            if turn % 4 == 0:
                given_up = name.back(turn)
                given_up.cancel()
                if not given_up.cancelled() and given_up.Ret != turn:
                    wrong.append((number, turn, 'cancelled'))

    threads = [threading.Thread(target=guarded, args=(one, number, wrong, barrier)) for number in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return wrong


def guarded(one, number, wrong, barrier):
    try:
        one(number)
    except BaseException as error:
        wrong.append((number, repr(error)))
        barrier.abort()
        raise


def main():
    free = bool(sysconfig.get_config_var('Py_GIL_DISABLED'))
    with create_Corps(Service, NumEnvs=2) as service:
        names = service.names().Ret
        for on in [lock_is_on()] + [name.lock_is_on().Ret for name in names]:
            assert on is not free, 'the lock is on'
        assert together(names) == []
        assert service.inside().Ret == []
    if not free:
        print('note: this Python has a lock; the same runs on a free-threaded one')
    print('OK')


if __name__ == '__main__':
    main()
