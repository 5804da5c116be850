"""Small helpers of the programs in this folder."""

import time


def raised(function, *args, **kwargs):
    """Call a function and return the exception that it raises."""
    try:
        result = function(*args, **kwargs)
    except BaseException as error:
        return error
    raise AssertionError('no exception, but {!r}'.format(result))


def outcome(function, *args, **kwargs):
    """Call a function and return the name of the exception that it raises, or its result."""
    try:
        return function(*args, **kwargs)
    except BaseException as error:
        return type(error).__name__


def is_alive(pid):
    """Tell whether a process exists and has not ended."""
    try:
        with open('/proc/{}/stat'.format(pid), 'rb') as file:
            return file.read().rpartition(b')')[2].split()[0] not in (b'Z', b'X')
    except OSError:
        return False


def still_there(pids, limit=60.0):
    """Wait up to so many seconds until all the processes have ended; return those that have not."""
    end = time.monotonic() + limit
    while any(is_alive(pid) for pid in pids) and time.monotonic() < end:
        time.sleep(0.02)
    return [pid for pid in pids if is_alive(pid)]
