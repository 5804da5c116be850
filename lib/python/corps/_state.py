"""What Workers know, kept over the death of their Env: `checkpoint` and `restore` of their classes."""

from collections.abc import Coroutine

from . import _loop

_FOREVER = 2 ** 63 - 1  # CORPS_FOREVER: on demand alone
_UNSET = object()


def every(cls):
    """The nanoseconds between two checkpoints of a class's Workers, as the core takes them; None: they have none."""
    hooks = [name for name in ('checkpoint', 'restore') if callable(getattr(cls, name, None))]
    when = getattr(cls, 'Checkpoint', _UNSET)
    if when is None or (when is _UNSET and len(hooks) < 2):
        return None  # methods of these names that are something else
    if len(hooks) < 2:
        raise TypeError(f'{cls.__name__}.Checkpoint is set, and the class lacks {"restore" if hooks else "checkpoint"}: what a Worker '
                        'knows is taken by checkpoint(self) and given back by restore(self, state)')
    if when is _UNSET or when == 'request':
        return 0
    if when == 'demand':
        return _FOREVER
    if isinstance(when, bool) or not isinstance(when, (int, float)) or not 0 < when < 1e9:
        raise ValueError(f"{cls.__name__}.Checkpoint is {when!r}; it must be 'request', 'demand', a number of seconds, or None")
    return max(1, int(when * 1e9))


def _finished(answer, what):
    """Of an `async def`: what it gives in the end."""
    if not isinstance(answer, Coroutine):
        return answer
    result = _loop.finish(answer)
    if result is answer:
        answer.close()
        raise RuntimeError(f'{what} is a coroutine, and the event loop itself waits for it: await Futures there, not result()')
    return result


def checkpoint(worker):
    """The core wants to keep what the Worker knows."""
    return _finished(worker.checkpoint(), 'checkpoint')


def give_state(worker, state):
    """A later Worker in the place of one that was lost: after its __init__."""
    _finished(worker.restore(state), 'restore')


def keep_checkpoint(worker):
    """Has the `checkpoint` of `worker`, an object of this Env (in its own methods: self), taken and kept now.

    In a method, returns when it is kept. In an `async def` method, and in a thread of the program's own, returns a Future: await it, or
    ask for its result. Where nothing would be made again (no Restart, no Keep_Directory) nothing is kept, and that is no error.

    Raises RuntimeError if checkpoint raised, the state is too large, or the directory cannot be written; the last state that was
    kept stays then. The Future raises AsyncExecutionError instead. TypeError if the class has no checkpoint and restore.
    """
    if every(type(worker)) is None:
        raise TypeError(f'{type(worker).__name__} has no checkpoint(self) and restore(self, state)')
    return worker._corps_worker.keep()


def checkpoint_counts(worker):
    """(kept, failed): how many checkpoints of `worker`, an object of this Env, were kept since the Env started, and how many failed."""
    return worker._corps_worker.kept()
