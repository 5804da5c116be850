"""Creates a Board, writes its Name to a file, and ends when somebody has ended the Board.

Run with:  python service.py FILE
"""

import os
import pickle
import sys
import time

from board import Board
from corps import WorkerLost, create_Corps


def write_private(path, data):
    """Writes a file that only its owner can read, and that is complete from the moment it is there."""
    descriptor = os.open(path + '.new', os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with open(descriptor, 'wb') as file:
        file.write(data)
    os.rename(path + '.new', path)


def main():
    path = sys.argv[1]
    board = create_Corps(Board, Tag='board', ConfigDicts=[{'NumEnvs': 1}])
    print('service: the Board is up', flush=True)
    write_private(path, pickle.dumps(board.my_ExtName().Ret))
    try:
        while True:
            board.read().Ret
            time.sleep(0.05)
    except WorkerLost:
        print('service: the Board has ended', flush=True)
    finally:
        os.unlink(path)


if __name__ == '__main__':
    main()
