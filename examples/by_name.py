"""Two programs. One has a Corps and writes its Name to a file; the other reads the Name, and calls.

Without an argument this is the one that has it, and it starts the other. A Name is a pickle: read it only from a file that is yours.

Build:  nothing
Run:    python3 by_name.py
Prints:
    another program wrote 2 notes
    the notes: ['buy milk', 'call Ada']
"""

import os
import pickle
import subprocess
import sys
import tempfile

from corps import Corps, create_Corps


class Board(Corps):
    def __init__(self):
        super().__init__()
        self.notes = []

    def pin(self, note):
        self.notes.append(note)
        return len(self.notes)

    def read(self):
        return self.notes


def client(path):
    with open(path, 'rb') as file:
        board = pickle.load(file)
    board.pin('buy milk').Ret
    print('another program wrote', board.pin('call Ada').Ret, 'notes', flush=True)


def main():
    with create_Corps(Board, NumEnvs=1) as board, tempfile.TemporaryDirectory() as folder:     # the folder is its user's alone
        path = os.path.join(folder, 'board')
        with open(path, 'wb') as file:
            pickle.dump(board.my_ExtName().Ret, file)       # a Name that other programs may have
        subprocess.run([sys.executable, __file__, path], check=True)
        print('the notes:', board.read().Ret)


if __name__ == '__main__':
    client(sys.argv[1]) if len(sys.argv) > 1 else main()
