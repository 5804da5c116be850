"""Reads the Name of a Board from a file, uses the Board, and ends it.

Run with:  python client.py FILE
"""

import pickle
import sys


def main():
    with open(sys.argv[1], 'rb') as file:
        board = pickle.load(file)   # only ever a file that is yours
    print('client: notes:', board.pin('buy milk').Ret)
    print('client: notes:', board.pin('call Ada').Ret)
    print('client:', board.read().Ret, flush=True)
    board.exit().Ret


if __name__ == '__main__':
    main()
