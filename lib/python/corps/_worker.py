"""Workers: Concs, and the Corps that front a group of Envs."""

import inspect
from collections.abc import Coroutine

from . import _around, _chunks, _core, _env, _loop, _state
from ._name import ConcAddr, name_class

HIDDEN = ('ConcAddr', 'Mgr', 'ConfigFiles', 'ConfigDicts')
"""Keywords that belong to the system: kept as attributes, never given to an __init__."""


class Conc:
    """A Worker made from an object. Inherit from it (beside any plain classes), and create objects with create_Concs.

    It handles one request at a time, in the order each sender sent them. Its methods may call other Workers, wait for their
    Futures, and create Workers. `async def` methods run on the Env's event loop and may overlap where they await.

    Class attributes: `Thread = 'own'` gives each Worker of the class a thread of its own, which runs `__init__`, all methods
    and `cleanup` (the default, 'pool', shares the Env's threads). `Mgr` is what create_Concs was given, else None. `Restart` and others
    say whether a Worker that fails is made again: see create_Concs. `Retry = True` makes calls of all methods that the class has beyond those of
    every Worker retry calls, `Retry = ('put', 'get')` those of these (name.method(…, Retry=True)), unless a call says Retry=False.
    `Stuck_Timeout`, in seconds: an Env in which a method of the class
    runs for longer, without waiting for a Future, is ended as failed, and started again if `Restart` of create_Corps says so (None, the
    default: no method is ever stuck).

    A class with the methods `checkpoint(self)` and `restore(self, state)` (each may be `async def`) has Workers whose state survives
    their Env: checkpoint returns what is to be kept, anything that the Corps' serializer carries; when the Env has died and was started again
    (Restart), restore is given the last of it, after __init__. `Checkpoint` says when: 'request' (at each request, before its reply
    leaves: the default), seconds (at most once in that time), 'demand' (by keep_checkpoint alone); None: these methods are something else.
    """

    Mgr = None
    Thread = 'pool'
    Stuck_Timeout = None

    def __class_getitem__(cls, name):
        """Conc['AdderName'] says to type checkers which class of typed Names is its own; it is Conc."""
        return cls

    def __init__(self):
        super().__init__()

    def start(self):
        """May be called at the end of __init__; a Conc works without it too."""

    def main(self):
        """Kept for programs that call it; requests are served without it. The four methods below are its steps."""

    def cleanup(self):
        """Called once, by exit or when the Corps ends. Override it, also as `async def`, to close what the Worker uses."""
        return True

    def exit(self):
        """Calls cleanup and ends this Worker. Requests that came before are still handled; later calls raise WorkerLost. A coroutine
        awaits the result if cleanup is a coroutine too."""
        return clean_up(self, self._corps_worker.end)

    def my_Class(self):
        """The name of the Worker's class, a text."""
        return type(self).__name__

    def my_Name(self):
        """This Worker's Name."""
        return name_class(type(self))(self._corps_worker.address, False, self.ConcAddr.MgrEnvId)

    def my_Self(self):
        """A Name by which the Worker can call itself: such a call is a request of its own, which comes when its turn comes, never within
        this one. `self.my_Self().work()` and going on is fine; to wait for its Future in a method that is no coroutine raises Deadlock."""
        return self.my_Name()

    def my_Mgr(self):
        """What was given as Mgr at creation, normally a Name; otherwise None."""
        return self.Mgr

    def before_rec_msg(self):
        """A class that has a method of this name, and of those below, has it called around each request; what it returns means nothing.
        This one before anything of the request is looked at. What it raises is the answer, and nothing else of the request is run."""
        return 0

    def before_request(self, Msg):
        """Before the method runs, with the request: Msg.Method, Msg.Args (a tuple) and Msg.KwArgs (a dict), which it may change, and
        Msg.HasReply. What it raises is the answer, and the method is not run."""
        return 0

    def after_request(self, Msg, Ret):
        """After the method has returned Ret (of an `async def` method: has ended), before its reply leaves. What it raises is the
        answer instead. Not after a method that has raised."""
        return 0

    def after_reply(self, Msg, RetBody):
        """After the reply has left, with what it was: what the method has returned, or the exception. What it raises is told on standard
        error. Not for requests without reply."""
        return 0

    def _corps_chunk(self, kind, what, items):
        """Many items in one call: see _chunks."""
        return _chunks.run(self, kind, what, items)

    def _corps_apply(self, function, args, kwargs):
        """A call of a function, for Executors."""
        return function(*args, **kwargs)

    def __repr__(self):
        worker = self.__dict__.get('_corps_worker')
        return f'Conc {_env.tag}:{self.ConcAddr}' if worker is not None else object.__repr__(self)


class Corps(Conc):
    """The front of a group of Envs: a Conc in Env 0 that stands for them all. Create with create_Corps.

    When its __init__ runs (after super().__init__()) all Envs are up.
    """

    def exit(self):
        """Cleans up and ends the Corps: all its Workers (their cleanup is called), the managed Corps that they created,
        and all Envs. Returns True before that is done."""
        def end():
            self._corps_worker.end()
            _core.end_corps(None)
        return clean_up(self, end)

    def my_ExtName(self):
        """This Corps' Name for other Corps and for programs."""
        return name_class(type(self))(self._corps_worker.address, True, self.ConcAddr.MgrEnvId)

    def my_Mgr(self):
        """The ExtName of the Corps that manages this one, None if there is none."""
        return self.Mgr if self.Mgr is not None else _env.manager

    def my_Tag(self):
        """The Tag given at creation."""
        return _env.tag

    def __repr__(self):
        if '_corps_worker' not in self.__dict__:
            return object.__repr__(self)
        from . import _config
        kind = 'ExtCorps' if _config.values['Ext'] else 'ContCorps'
        return f'{kind} {_env.tag} {self.ConcAddr}'


def _address_of(worker, creator):
    """The ConcAddr of a Worker of this Env."""
    _, env, conc = _core.Name(worker.address).__corps_numbers__
    return ConcAddr(creator, conc, env)


async def _then(cleaned, end):
    await cleaned
    end()
    return True


def clean_up(worker, end):
    """Calls its cleanup, and then `end`: True. Of a cleanup that is a coroutine, on the event loop's own thread: a coroutine of
    that."""
    cleaned = worker.cleanup()
    if isinstance(cleaned, Coroutine):
        return _loop.finish(_then(cleaned, end))
    end()
    return True


def _check(cls):
    """Refuses what would run nothing when it is called."""
    flags = getattr(getattr(cls.cleanup, '__code__', None), 'co_flags', 0)
    if flags & (inspect.CO_GENERATOR | inspect.CO_ASYNC_GENERATOR):
        raise TypeError(f'{cls.__name__}.cleanup has a yield in it, so that calling it would run nothing: write it as def or '
                        'async def without yield')


def _stuck_ns(cls):
    """For how long a method of the class may run, in nanoseconds; 0: for ever."""
    limit = getattr(cls, 'Stuck_Timeout', None)
    if limit is None:
        return 0
    if isinstance(limit, bool) or not isinstance(limit, (int, float)) or not 0 < limit < 1e9:
        raise ValueError(f'{cls.__name__}.Stuck_Timeout is {limit!r}; it must be a number of seconds, or None')
    return max(1, int(limit * 1e9))


def make(cls, worker, creator, args, kwargs, attributes):
    """A new Worker: known to itself before its __init__ runs."""
    _check(cls)
    every = _state.every(cls)
    if every is not None:
        worker.keep_every(every)
    stuck_ns = _stuck_ns(cls)
    if stuck_ns != 0:
        worker.stuck_after(stuck_ns)
    tag = attributes.pop('_corps_tag', None)
    if tag is not None:
        worker.tag(tag)
    load = attributes.pop('_corps_load', None)
    around = _around.of(cls, Conc)
    if around is not None:
        worker.around(around)
    made = cls.__new__(cls) if cls.__new__ is object.__new__ else cls.__new__(cls, *args, **kwargs)
    made.__dict__['_corps_worker'] = worker
    made.__dict__['ConcAddr'] = _address_of(worker, creator)
    made.__dict__.update(attributes)
    if load:
        from . import _create
        _create.load(load)
    name_class(cls)  # so that Names of it in this process know the class, importable or not
    answer = made.__init__(*args, **kwargs)
    if answer is not None:  # a coroutine would never be awaited
        raise TypeError(f'{cls.__name__}.__init__ should return None, not {type(answer).__name__!r}: what awaits goes into an async '
                        'method, to be called when the Worker is there')
    return made
