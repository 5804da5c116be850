"""Room for message queues: what room.h is for the core's tests, for programs in Python.

The kernel bounds the bytes of the message queues of all of a user's processes together (ulimit -q, 800 KiB where nobody has raised it): too
little for two tests over mqueue at a time.
"""

import contextlib
import fcntl
import os
import resource


@contextlib.contextmanager
def room(transport):
    """Within it, what is started over this transport has the user's queues to itself, where the bound cannot be lifted."""
    if transport != 'mqueue':
        yield
        return
    try:
        resource.setrlimit(resource.RLIMIT_MSGQUEUE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        lock = None
    except ValueError:  # only root may, and not everywhere
        lock = os.open('/tmp/corps-test-mqueue-{}'.format(os.geteuid()), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        fcntl.flock(lock, fcntl.LOCK_EX)
    try:
        yield
    finally:
        if lock is not None:
            os.close(lock)


def in_turn(transports):
    """Each of them, with its room for as long as the loop's body runs."""
    for transport in transports:
        with room(transport):
            yield transport
