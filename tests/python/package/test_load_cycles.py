"""300 Corps of 2 Envs created, called and ended in one program: descriptors, threads, processes and memory stay."""

import os
import threading

from corps import Conc, Corps, create_Concs, create_Corps
from helpers import session_of, wait_until

COUNT = 300


class Worker(Conc):
    def add(self, a, b):
        return a + b


class Service(Corps):
    def __init__(self):
        super().__init__()
        self.workers = create_Concs(Worker, Num=2)

    def total(self):
        return sum(future.Ret for future in [worker.add(1, 2) for worker in self.workers])


def numbers():
    """(open descriptors, threads of the interpreter, threads of the system, processes of the session)."""
    return (len(os.listdir('/proc/self/fd')), threading.active_count(), len(os.listdir('/proc/self/task')),
            len(session_of(os.getsid(0))))


def memory():
    """Resident memory in MiB."""
    with open('/proc/self/statm') as file:
        return int(file.read().split()[1]) * os.sysconf('SC_PAGE_SIZE') / 2 ** 20


def cycle(count):
    for _ in range(count):
        with create_Corps(Service, ConfigDicts=[{'NumEnvs': 2}]) as service:
            assert service.total().Ret == 6


def main():
    cycle(20)
    first, before = numbers(), memory()
    cycle(COUNT)
    assert wait_until(lambda: all(now <= then for now, then in zip(numbers(), first)), 3), (first, numbers())
    growth = memory() - before
    print('note: {:.1f} MiB more after {} Corps; descriptors, threads, processes {}'.format(growth, COUNT, numbers()))
    assert growth < 10, growth
    print('OK')


if __name__ == '__main__':
    main()
