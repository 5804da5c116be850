"""Statistics of words over all processors: an Env for each, a Worker in each, answers added as they come.

Build:  nothing
Run:    python3 words.py
Prints:
    64 parts, 89600 words
    the most frequent: wood 12800, a 6400, buns 6400
"""

import collections

from corps import Conc, Corps, as_completed, create_Concs, create_Corps
from corps import LocType

TEXT = 'wood would a chuck could wood if chucks hot cross buns with sugar icing '


class Counter(Conc):
    def count(self, text):
        return collections.Counter(text.split())


class Statistics(Corps):
    def __init__(self):
        super().__init__()
        self.counters = create_Concs(Counter, LocType=LocType.PerEnv)   # one in every Env, as many as there are processors

    def of(self, parts):
        futures = [self.counters[number % len(self.counters)].count(part) for number, part in enumerate(parts)]
        total = collections.Counter()
        for future in as_completed(futures):            # whichever is ready
            total += future.Ret
        return total


if __name__ == '__main__':
    parts = [TEXT * 100 for _ in range(64)]
    with create_Corps(Statistics) as statistics:
        words = statistics.of(parts).Ret
    print(len(parts), 'parts,', sum(words.values()), 'words')
    ranked = sorted(words.items(), key=lambda item: (-item[1], item[0]))
    print('the most frequent:', ', '.join(f'{word} {count}' for word, count in ranked[:3]))
