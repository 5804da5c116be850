"""The Workers of an Executor, and their Corps. Apart from the Executor itself, since their Envs need no more than this."""

import os

from . import _chunks, _create
from ._worker import Conc, Corps


class Hand(Conc):
    """A Worker of an Executor. The initializer runs before its first call, and so again in an Env that was started again."""

    def __init__(self, initializer, initargs):
        super().__init__()
        self._initial = initializer and (initializer, initargs)

    def ready(self):
        """Runs the initializer, unless that is done. Gives the process's number."""
        if self._initial:
            initializer, initargs = self._initial
            initializer(*initargs)
            self._initial = None
        return os.getpid()

    def _corps_chunk(self, kind, what, items):
        if self._initial:
            self.ready()
        return _chunks.run(self, kind, what, items)

    def _corps_apply(self, function, args, kwargs):
        if self._initial:
            self.ready()
        return function(*args, **kwargs)


class Hands(Corps):
    """The Corps of an Executor: a Hand in each Env but the first, which holds nothing that could fail."""

    def __init__(self, count, initializer, initargs):
        super().__init__()
        self.hands = [_create.create_Concs(Hand, initializer, initargs, LocType=_create.LocType.EnvId, LocVal=env, Restart='on_failure',
                                           Restart_Intensity=100, Restart_Period=1)[0] for env in range(1, count + 1)]

    def names(self):
        return self.hands
