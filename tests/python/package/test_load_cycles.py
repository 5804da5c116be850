"""120 Corps of 2 Envs created, called and ended in one program: descriptors, threads, processes and memory stay."""

# COUNT in the environment: so many instead, as scripts/test --long has it. The slope of memory is reported with its 95 % interval.

import os
import statistics
import threading

from corps import Conc, Corps, create_Concs, create_Corps
from helpers import session_of, wait_until

COUNT = int(os.environ.get('COUNT', 120))
SAMPLES = 30


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
    """Resident memory in bytes."""
    with open('/proc/self/statm') as file:
        return int(file.read().split()[1]) * os.sysconf('SC_PAGE_SIZE')


def slope(points):
    """Least squares: the slope, and half its 95 % interval."""
    mean_x, mean_y = (statistics.fmean(values) for values in zip(*points))
    spread = sum((x - mean_x) ** 2 for x, _ in points)
    value = sum((x - mean_x) * (y - mean_y) for x, y in points) / spread
    rest = sum((y - mean_y - value * (x - mean_x)) ** 2 for x, y in points)
    return value, 2.05 * (rest / (len(points) - 2) / spread) ** 0.5


def cycle(count):
    for _ in range(count):
        with create_Corps(Service, ConfigDicts=[{'NumEnvs': 2}]) as service:
            assert service.total().Ret == 6


def main():
    cycle(20)
    first, points = numbers(), []
    for done in range(SAMPLES):
        cycle(COUNT // SAMPLES)
        points.append(((done + 1) * (COUNT // SAMPLES), memory()))
    # Two more than at first may be about at any moment (a thread that idles before it ends); what a Corps left would be COUNT.
    assert wait_until(lambda: all(now <= then + 2 for now, then in zip(numbers(), first))), (first, numbers())
    value, half = slope(points)
    print('note: memory {:+.0f} ± {:.0f} bytes a Corps over {}; descriptors, threads, processes {}'.format(
        value, half, COUNT, numbers()))
    assert value - half < 1000, points
    print('OK')


if __name__ == '__main__':
    main()
