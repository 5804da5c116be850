"""The figures of the Python package beside their controls, in interleaved rounds: python figures.py [ROUNDS]

Latencies are medians of the rounds' p50 in µs, with the lowest and highest round. Needs two processors.
"""

import multiprocessing
import os
import queue
import statistics
import sys
import threading
import time
from collections import deque

from corps import Conc, Corps, LocType, create_Concs, create_Corps

CALLS = 4000
ARGUMENT = (1, 'hello', 2.5)
PLACEMENTS = {'same': ({0}, {0}), 'cross': ({0}, {1}), 'unpinned': ({0, 1}, {0, 1})}
clock = time.perf_counter_ns


def p50_us(step, count=CALLS):
    times = []
    for _ in range(count):
        before = clock()
        step()
        times.append(clock() - before)
    return statistics.median(times) / 1000


class Echo(Conc):

    def echo(self, thing):
        return thing

    def pid(self):
        return os.getpid()

    def latency(self, other):
        return p50_us(lambda: other.echo(ARGUMENT).Ret)

    def rate(self, other, count, window):
        """Calls a second with so many in flight."""
        before, flying = time.perf_counter(), deque()
        for _ in range(count):
            if len(flying) == window:
                flying.popleft().Ret
            flying.append(other.echo(ARGUMENT))
        while flying:
            flying.popleft().Ret
        return count / (time.perf_counter() - before)


class Pair(Corps):

    def __init__(self):
        super().__init__()
        self.near = create_Concs(Echo, LocType=LocType.EnvId, LocVal=0, Num=2)
        self.far = create_Concs(Echo, LocType=LocType.EnvId, LocVal=1)[0]

    def workers(self):
        return self.near + [self.far]


def pin(pid, processors):
    for thread in os.listdir(f'/proc/{pid}/task'):
        os.sched_setaffinity(int(thread), processors)


def answer(end):
    while True:
        end.send(end.recv())


def pipe_us(processors):
    """multiprocessing.Pipe, bare."""
    ours, its = multiprocessing.Pipe()
    child = multiprocessing.get_context('fork').Process(target=answer, args=(its,), daemon=True)
    child.start()
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(child.pid, processors[1])
    os.sched_setaffinity(0, processors[0])

    def step():
        ours.send(ARGUMENT)
        ours.recv()
    result = p50_us(step)
    os.sched_setaffinity(0, before)
    child.kill()
    child.join()
    return result


def queue_us():
    """queue.Queue between two threads, bare."""
    there, back = queue.Queue(), queue.Queue()

    def serve():
        while True:
            thing = there.get()
            if thing is None:
                return
            back.put(thing)
    thread = threading.Thread(target=serve)
    thread.start()

    def step():
        there.put(ARGUMENT)
        back.get()
    result = p50_us(step, CALLS // 2)
    there.put(None)
    thread.join()
    return result


def main():
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 5
    figures = {}

    def note(name, value):
        figures.setdefault(name, []).append(value)

    pairs = {}
    for wake in ('adaptive', 'block'):
        corps = create_Corps(Pair, ConfigDicts=[{'NumEnvs': 2}], Wake=wake, Serializer='pickle')
        one, two, far = corps.workers().Ret
        pairs[wake] = corps, one, two, far, (one.pid().Ret, far.pid().Ret)
    for _ in range(rounds):
        for placement, processors in PLACEMENTS.items():
            note(f'multiprocessing.Pipe, {placement}', pipe_us(processors))
            for wake, (_, one, _, far, pids) in pairs.items():
                for pid, where in zip(pids, processors):
                    pin(pid, where)
                note(f'call over shm, {wake}, {placement}', one.latency(far).Ret)
        _, one, two, far, _ = pairs['adaptive']
        note('call in the same Env', one.latency(two).Ret)
        note('queue.Queue between threads', queue_us())
        note('calls a second, 50 in flight', one.rate(far, 50000, 50).Ret)
        before = time.perf_counter()
        with create_Corps(Pair, ConfigDicts=[{'NumEnvs': 8}]):
            note('ms from create_Corps to 8 Envs', 1000 * (time.perf_counter() - before))
    for name, values in figures.items():
        print(f'{name:34s} {statistics.median(values):12,.1f}   [{min(values):,.1f} … {max(values):,.1f}]')
    for corps, *_ in pairs.values():
        corps.exit().Ret


if __name__ == '__main__':
    main()
