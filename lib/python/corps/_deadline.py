"""Whether, and until when, somebody waits for what is done here: cancelled calls and deadlines."""

from . import _core, _loop


class deadline:
    """A block whose calls have a deadline, `seconds` from its beginning: `with corps.deadline(2): name.method().Ret`.

    A call that has no answer by then raises CallTimeout; the Worker drops it if its turn comes later. What a method calls for it ends
    with it. Blocks within blocks can only shorten the time; `deadline(None)` takes every limit away, also that of the request which
    this method serves, for what must be done in any case. Calls with NoReply=True have no deadline.
    """

    __slots__ = ('_seconds', '_tokens')

    def __init__(self, seconds):
        self._seconds = None if seconds is None else float(seconds)
        self._tokens = []

    def __enter__(self):
        self._tokens.append(_core.deadline_variable.set(_core.deadline_within(self._seconds)))
        return self

    def __exit__(self, *unused):
        _core.deadline_variable.reset(self._tokens.pop())


def time_left():
    """How many seconds calls may take from now on, by the request that is served here or by a block `with deadline(…)`; 0.0 when none
    is left, None when there is no limit. For what is waited for by other means than calls of Corps."""
    return _core.time_left()


def cancelled():
    """Does nobody wait for this request any more, since its caller has cancelled the call or its deadline has passed? In a method, for
    one that takes long and can stop. False outside of methods."""
    here = _core.cancelled()
    if here is not None:
        return here
    request = _loop.current.get()
    return request is not None and request.given_up


for _thing in (cancelled, deadline, time_left):
    _thing.__module__ = 'corps'  # where users find them
