"""How often words occur, by map and reduce in processes: the program of every page about MapReduce. Only the import differs.

Build:  nothing
Run:    python3 wordcount.py
Prints:
    17 words, 146200 in all, 8 letters at most
    the most frequent: the 22000, and 19000, peas 18800, porridge 16000
"""

import collections
import itertools

from corps import ProcessPool as Pool  # instead of: from multiprocessing import Pool

LINES = ['the rain and the plain and the peas of the pot', 'a cat in the hat and a bat on the mat', 'peas porridge hot and peas porridge cold']
FILES = [LINES[number % 3:] * 200 for number in range(40)]


def map_file(lines):
    """[(word, count)] of one file."""
    return list(collections.Counter(word for line in lines for word in line.split()).items())


def reduce_word(word, counts):
    return word, sum(counts)


def by_word(pairs):
    """{word: [count …]} of all files."""
    found = collections.defaultdict(list)
    for word, count in pairs:
        found[word].append(count)
    return found


if __name__ == '__main__':
    with Pool(2) as pool:
        pairs = itertools.chain.from_iterable(pool.imap_unordered(map_file, FILES, 4))
        totals = dict(pool.starmap(reduce_word, by_word(pairs).items()))
        lengths = pool.map_async(len, totals).get()
    ranked = sorted(totals.items(), key=lambda item: (-item[1], item[0]))
    print(f'{len(totals)} words, {sum(totals.values())} in all, {max(lengths)} letters at most')
    print('the most frequent:', ', '.join(f'{word} {count}' for word, count in ranked[:4]))
