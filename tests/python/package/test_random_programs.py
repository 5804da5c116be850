# expect-stdout: 0 failed
# expect-stdout: OK
"""Random programs over the serializer auto: a few hundred of tests/python/programs, which runs ten thousand."""

import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), os.pardir, 'programs'))
import random_programs  # noqa: E402

COUNT = 200
FIRST = 0


def main():
    failures = random_programs.run(COUNT, FIRST)
    print('programs %d to %d: %d failed %s' % (FIRST, FIRST + COUNT - 1, len(failures), failures))
    assert not failures, 'look with: tests/python/programs/random_programs.py --show %d' % failures[0]
    print('OK')


if __name__ == '__main__':
    main()
