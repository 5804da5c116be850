"""The class of the Corps that two programs share. Both import this module.

Run with:  python service.py FILE  and  python client.py FILE
"""

from corps import Corps


class Board(Corps):
    """Keeps notes."""

    def __init__(self):
        super().__init__()
        self.notes = []

    def pin(self, note):
        self.notes.append(note)
        return len(self.notes)

    def read(self):
        return self.notes


if __name__ == '__main__':
    print(__doc__)
