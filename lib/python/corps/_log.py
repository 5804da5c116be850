"""The core's log as records of module logging.

The core makes lines on any thread, with locks of its own held, so it only puts them into a pipe. A thread reads that, and hands them on.
"""

import atexit
import logging
import os
import threading

from . import _core

_LEVELS = {'1': logging.ERROR, '2': logging.WARNING, '3': logging.INFO, '4': logging.DEBUG}
_SECONDS = 2.0  # so long the end of the process waits for the last records

_lock = threading.Lock()
_thread = None
_ends = None  # (to read, to write) of the pipe


def _records(fd):
    """(level, event, text) of what comes, until nobody can write any more."""
    parts, rest = [], b''
    while True:
        data = os.read(fd, 65536)
        if not data:
            return
        *whole, rest = (rest + data).split(b'\0')
        parts += [part.decode(errors='replace') for part in whole]
        while len(parts) >= 3:
            yield tuple(parts[:3])
            del parts[:3]


def _hand_on(fd):
    logger = logging.getLogger('corps')
    with os.fdopen(fd, 'rb'):
        for level, event, text in _records(fd):
            logger.log(_LEVELS.get(level, logging.WARNING), '%s', text, extra={'event': event})


def log_to_logging():
    """Makes what Corps says of this process records of the logger `corps` of module logging, instead of lines on standard error: losses,
    restarts and refusals, as CORPS_LOG in the environment says, with the attribute `event`. CORPS_LOG_FORMAT=python does so from the
    start, in Envs too. To be called again has no effect."""
    global _thread, _ends
    with _lock:
        if _thread is not None:
            return
        read, write = os.pipe2(os.O_CLOEXEC)
        os.set_blocking(write, False)
        _ends = read, write
        _thread = threading.Thread(target=_hand_on, args=(read,), name='corps-log', daemon=True)
        _thread.start()
        _core.log_pipe(write)


def begin():
    """In a program that imports the package, and in an Env that begins."""
    if os.environ.get('CORPS_LOG_FORMAT') == 'python':
        log_to_logging()


def end():
    """At the end of the process: the last records are handed on, and what is said after them goes to standard error."""
    global _thread, _ends
    with _lock:
        thread, ends, _thread, _ends = _thread, _ends, None, None
    if thread is not None:
        _core.log_pipe(-1)
        os.close(ends[1])
        thread.join(_SECONDS)


def forked():
    """In the child of a fork: the thread is the parent's."""
    global _lock, _thread, _ends
    _lock = threading.Lock()
    ends, _thread, _ends = _ends, None, None
    if ends is not None:
        _core.log_pipe(-1)
        for fd in ends:
            os.close(fd)
        log_to_logging()


atexit.register(end)
