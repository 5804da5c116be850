"""Large arrays as arguments, several of them and very large ones: python several_arrays.py

Milliseconds of a call, the lowest of several, beside a bare copy of 64 MiB within this process; microseconds of a call without
arguments. The lowest, since whatever else runs only adds to it.
"""
import time

import numpy as np

from corps import Conc, Corps, LocType, create_Concs, create_Corps


class Taker(Conc):
    def take(self, *arrays):
        return sum(float(array[-1]) for array in arrays)


class Service(Corps):
    def __init__(self):
        super().__init__()
        self.taker, = create_Concs(Taker, LocType=LocType.EnvId, LocVal=0)

    def name(self):
        return self.taker


def lowest_ms(step, repeats):
    lowest = float('inf')
    for _ in range(repeats):
        before = time.perf_counter()
        step()
        lowest = min(lowest, time.perf_counter() - before)
    return 1e3 * lowest


def main():
    with create_Corps(Service, NumEnvs=1) as service:
        taker = service.name().Ret
        taker.take(np.zeros(1)).Ret
        for title, mib, repeats in (('8 MiB', (8,), 20), ('3 of 8 MiB', (8, 8, 8), 20), ('64 MiB', (64,), 15), ('2 of 64 MiB', (64, 64), 15),
                                    ('300 MiB', (300,), 12), ('600 MiB', (600,), 6)):
            arrays = [np.arange(size << 17, dtype='f8') for size in mib]
            print(f'{title:12s} {lowest_ms(lambda arrays=arrays: taker.take(*arrays).Ret, repeats):9.2f} ms', flush=True)
        one, other = np.ones(64 << 17), np.ones(64 << 17)
        print(f'{"copy, 64 MiB":12s} {lowest_ms(lambda: np.copyto(other, one), 15):9.2f} ms')
        print(f'{"no argument":12s} {1e3 * lowest_ms(lambda: taker.take().Ret, 3000):9.2f} µs')


if __name__ == '__main__':
    main()
