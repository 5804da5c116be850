"""A large numpy array to another process, by several ways in interleaved rounds: python arrays.py [ROUNDS [MIB …]]

Median ms of a call with the array as its argument and a small answer; [lowest … highest] of the rounds. Beside it the same for
multiprocessing.Pipe, for multiprocessing's shared memory (copied into it once), and for Ray where it is installed.
"""

import importlib.util
import multiprocessing
import statistics
import sys
import time
from multiprocessing import shared_memory

import numpy as np

from corps import Conc, Corps, LocType, create_Concs, create_Corps, loan

REPEATS = 9


def median_ms(step):
    times = []
    for _ in range(REPEATS):
        before = time.perf_counter()
        step()
        times.append(1000 * (time.perf_counter() - before))
    return statistics.median(times)


class Taker(Conc):
    def take(self, array):
        return float(array[-1])


class Service(Corps):
    def __init__(self):
        super().__init__()
        self.taker, = create_Concs(Taker, LocType=LocType.EnvId, LocVal=0)

    def name(self):
        return self.taker


def serve(end):
    """The child of Pipe and of shared memory."""
    while True:
        thing = end.recv()
        if isinstance(thing, tuple):
            name, count = thing
            memory = shared_memory.SharedMemory(name)
            last = float(np.ndarray(count, dtype='f8', buffer=memory.buf)[-1])
            memory.close()
        else:
            last = float(thing[-1])
        end.send(last)


def ways_of_multiprocessing(end):
    def pipe(array):
        end.send(array)
        end.recv()

    def shared(array):
        memory = shared_memory.SharedMemory(create=True, size=array.nbytes)
        np.ndarray(len(array), dtype='f8', buffer=memory.buf)[:] = array
        end.send((memory.name, len(array)))
        end.recv()
        memory.close()
        memory.unlink()
    return {'multiprocessing.Pipe': pipe, 'multiprocessing shared memory, written anew': shared}


def ways_of_ray():
    import ray
    ray.init(num_cpus=2, include_dashboard=False, logging_level='error', log_to_driver=False)

    @ray.remote
    class Actor:
        def take(self, array):
            return float(array[-1])
    actor = Actor.remote()
    kept = {}

    def put_before(array):
        if id(array) not in kept:
            kept[id(array)] = ray.put(array)
        ray.get(actor.take.remote(kept[id(array)]))
    return {'Ray, the array as argument': lambda array: ray.get(actor.take.remote(array)),
            'Ray, put once, read where it lies': put_before}


def ways_of_corps(taker, title):
    lent = {}

    def in_loan(array):
        if id(array) not in lent:
            memory = np.frombuffer(loan(taker, array.nbytes), dtype='f8')
            memory[:] = array
            memory.flags.writeable = False
            lent[id(array)] = memory
        taker.take(lent[id(array)]).Ret
    return {f'Corps, {title}, the array as argument': lambda array: taker.take(array).Ret,
            f'Corps, {title}, in a loan, read where it lies': in_loan}


def main():
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 5
    sizes = [int(text) for text in sys.argv[2:]] or [1, 8, 64]
    ours, its = multiprocessing.Pipe()
    child = multiprocessing.get_context('spawn').Process(target=serve, args=(its,), daemon=True)
    child.start()
    ways = {}
    with create_Corps(Service, NumEnvs=1) as service, create_Corps(Service, NumEnvs=1, Buffer_Bytes=16 << 20) as large:
        for corps, title in ((service, 'as it is'), (large, 'Buffer_Bytes 16 MiB')):
            taker = corps.name().Ret
            taker.take(np.zeros(1)).Ret
            ways.update(ways_of_corps(taker, title))
        ways.update(ways_of_multiprocessing(ours))
        if importlib.util.find_spec('ray') is not None:
            ways.update(ways_of_ray())
        else:
            print('Ray is not installed')
        for size in sizes:
            array = np.arange(size << 17, dtype='f8')
            other = array.copy()
            here = dict(ways, **{'numpy.copyto, in one process': lambda array: np.copyto(other, array)})
            figures = {title: [] for title in here}
            for way in here.values():
                way(array)
            for _ in range(rounds):
                for title, way in here.items():
                    figures[title].append(median_ms(lambda: way(array)))
            for title, values in figures.items():
                print(f'{size:4d} MiB  {title:52s} {statistics.median(values):9.3f}   [{min(values):.3f} … {max(values):.3f}]')
    child.kill()


if __name__ == '__main__':
    main()
