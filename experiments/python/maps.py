"""Many small calls over processes, by several ways in shuffled blocks: python maps.py [--items N] [--workers N] [--blocks N] [--json] [INPUT …]

corps.map, Executor.map and ProcessPool.map, which choose the size of their chunks, beside concurrent.futures.ProcessPoolExecutor.map,
multiprocessing.Pool.map and joblib (where it is installed) with their best one: each is first measured with every size of CHUNKS, and the best
goes into the blocks. INPUT is what the items come from: range, list or generator; all of them if none is named.

For each way: the median ms of a map over all items, [lowest … highest], and the median of the ratios to corps.map of the same block. All processes
are there before anything is measured; all results are checked.
"""

import argparse
import concurrent.futures
import contextlib
import importlib.util
import json
import multiprocessing
import random
import statistics
import time

import corps

CHUNKS = (1, 10, 100, 300, 1000, 3000, 10000)
INPUTS = {'range': range, 'list': lambda count: list(range(count)), 'generator': lambda count: (number for number in range(count))}
FIRST = 'corps.map'


def work(number):
    return number + 1


def measure(way, make, count):
    """Milliseconds of one map. A list is there before, as a program has it."""
    given = make(count)
    begun = time.perf_counter()
    results = way(given)
    ended = time.perf_counter()
    if len(results) != count or results[::997] != list(range(1, count + 1, 997)):
        raise RuntimeError('a way gave other results')
    return 1000 * (ended - begun)


class Workers(corps.Corps):
    """Of corps.map: a Conc in each Env but the first, as the Executor has them."""

    def __init__(self, count):
        super().__init__()
        self.names_made = [corps.create_Concs(Worker, LocType=corps.LocType.EnvId, LocVal=env)[0] for env in range(1, count + 1)]

    def names(self):
        return self.names_made


class Worker(corps.Conc):
    pass


def ways_of_joblib(stack, workers):
    """{name: function of a chunk size → way}."""
    if importlib.util.find_spec('joblib') is None:
        return {}
    import joblib
    parallel = stack.enter_context(joblib.Parallel(n_jobs=workers, backend='loky', pre_dispatch='all'))

    def run(given, size):
        parallel.batch_size = size
        return parallel(joblib.delayed(work)(number) for number in given)

    return {'joblib.Parallel': lambda size: lambda given: run(given, size)}


def make_ways(stack, workers):
    """(ours {name: way}, theirs {name: function of a chunk size → way})."""
    service = stack.enter_context(corps.create_Corps(Workers, workers, NumEnvs=workers + 1))
    names = service.names().Ret
    executor = stack.enter_context(corps.Executor(workers))
    pool = stack.enter_context(corps.ProcessPool(workers))
    theirs = stack.enter_context(concurrent.futures.ProcessPoolExecutor(workers))
    their_pool = stack.enter_context(multiprocessing.Pool(workers))
    ours = {FIRST: lambda given: list(corps.map(names, work, given)), 'corps.Executor.map': lambda given: list(executor.map(work, given)),
            'corps.ProcessPool.map': lambda given: pool.map(work, given)}
    return ours, {'ProcessPoolExecutor.map': lambda size: lambda given: list(theirs.map(work, given, chunksize=size)),
                  'multiprocessing.Pool.map': lambda size: lambda given: their_pool.map(work, given, size),
                  **ways_of_joblib(stack, workers)}


def best_sizes(theirs, make, count):
    """{name and size: way} with the size that took least, of three tries each; and what all sizes took."""
    best, seen = {}, {}
    for name, way_of in theirs.items():
        times = {size: min(measure(way_of(size), make, count) for _ in range(3 if size >= 100 else 1)) for size in CHUNKS}
        seen[name] = times
        size = min(times, key=times.get)
        best[f'{name}, {size} a chunk'] = way_of(size)
    return best, seen


def run_blocks(ways, make, count, blocks):
    """{name: [ms, one for each block]}, in another order each time."""
    times = {name: [] for name in ways}
    for _ in range(blocks):
        order = list(ways)
        random.shuffle(order)
        for name in order:
            times[name].append(measure(ways[name], make, count))
    return times


def report(kind, count, times, seen):
    print(f'{count} calls, input: {kind}')
    for name, found in times.items():
        ratio = statistics.median(ms / first for ms, first in zip(found, times[FIRST]))
        print(f'  {name:45} {statistics.median(found):8.1f} ms  [{min(found):.1f} … {max(found):.1f}]   × {ratio:.2f}')
    for name, sizes in seen.items():
        print(f'  ({name} by chunk size:', ', '.join(f'{size}: {ms:.1f}' for size, ms in sizes.items()) + ')')


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0], formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--items', type=int, default=100000)
    parser.add_argument('--workers', type=int, default=8)
    parser.add_argument('--blocks', type=int, default=20)
    parser.add_argument('--json', action='store_true', help='one line of JSON for each input, with every time')
    parser.add_argument('inputs', nargs='*', choices=[*INPUTS, []], metavar='INPUT')
    options = parser.parse_args()
    with contextlib.ExitStack() as stack:
        ours, theirs = make_ways(stack, options.workers)
        for kind in options.inputs or INPUTS:
            best, seen = best_sizes(theirs, INPUTS[kind], options.items)
            times = run_blocks({**ours, **best}, INPUTS[kind], options.items, options.blocks)
            if options.json:
                print(json.dumps({'input': kind, 'items': options.items, 'workers': options.workers, 'ms': times, 'sizes': seen}))
            else:
                report(kind, options.items, times, seen)


if __name__ == '__main__':
    main()
