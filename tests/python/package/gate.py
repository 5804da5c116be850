"""Gates: methods in other processes wait until the test opens one, so that the test says what comes first at any speed."""

import os
import tempfile
import time
from contextlib import contextmanager

PATIENCE = 60.0


def wait_until(condition, text):
    end = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < end, text
        time.sleep(0.001)


class Gate:
    """A file that is there while the gate is closed; its size is the number of arrivals."""

    def __init__(self, path):
        self.path = path
        open(path, 'w').close()

    def open(self):
        if not self.is_open():
            os.unlink(self.path)

    def is_open(self):
        return not os.path.exists(self.path)

    def arrive(self):
        """Come to it, and go on."""
        with open(os.open(self.path, os.O_WRONLY | os.O_APPEND), 'wb') as file:
            file.write(b'.')

    def wait(self):
        """Arrive, and wait until it is open."""
        try:
            self.arrive()
        except FileNotFoundError:
            return          # it has been opened before
        wait_until(self.is_open, 'nobody opens the gate')

    def wait_for_arrivals(self, count=1):
        """Wait until so many have come to it, which must be closed."""
        wait_until(lambda: os.path.getsize(self.path) >= count, 'not all have come to the gate')


@contextmanager
def gates(count=1):
    """So many closed gates, which are all open at the end."""
    with tempfile.TemporaryDirectory() as folder:
        made = [Gate(os.path.join(folder, str(number))) for number in range(count)]
        try:
            yield made
        finally:
            for gate in made:
                gate.open()
