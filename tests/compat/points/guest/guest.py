"""A second script: takes the Name of a Corps from a file and calls it many times."""

import pickle
import sys

if __name__ == '__main__':
    with open(sys.argv[1], 'rb') as file:
        corps = pickle.load(file)
    assert corps.get_label().Ret == 'shared'
    mine = sys.argv[2]
    for number in range(100):
        assert corps.echo((mine, number)).Ret == (mine, number)
    corps.note(mine).Ret
    print('OK')
