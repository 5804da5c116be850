"""What the Envs of a Corps have counted: see stats."""

from . import _core
from ._errors import AsyncLocalException, WorkerLost


def _corps_of(name):
    """What _core takes for a Corps: the Name of any of its Workers; None for the own one; or what this program has of its only one."""
    if name is not None:
        if not isinstance(name, _core.Name):
            raise TypeError(f'the Name of a Corps, or of any Worker of it, is needed, not {name!r}')
        return name
    if _core.own() is not None:
        return None
    from . import _create
    created = [corps for corps in _create._created if not _core.has_ended(corps)]
    if len(created) != 1:
        raise ValueError(f'this program has {len(created) or "no"} Corps: pass the Name of the one that is meant')
    return created[0]


def _whole(env):
    """A map as an Env has sent it: ids are above zero."""
    for part in [env] + env['links']:
        part['corps'] &= 2 ** 64 - 1
    return env


def stats(name=None, timeout=10.0):
    """What a Corps has counted, by the number of the Env: a dict with a dict for each. `name` is the Corps' Name, or that of any Worker of
    it; None stands for the own Corps, and in a program for the only one that it has created.

    Of an Env: corps, tag, env, pid, incarnation, threads; up_ns, cpu_ns, rss_bytes; and the lists workers, links and pools. Of a Worker:
    conc, class, served, failed, queued, restarted, running; wait and service, how long requests wait for their turn and then take: count,
    sum_ns, max_ns, buckets, a list of [upper_ns, count]. One request in `sampled` is timed, and counts for as many. Of a link: corps, env
    (-1: a program), out, state, frames_sent, bytes_sent, frames_received, bytes_received, outstanding, kept_bytes, losses. All times are in
    nanoseconds; what is counted since when, the C header corps/stats.h says.

    An Env that does not answer within `timeout` seconds (None: for ever), or has ended, has a dict of its number (env) and the reason (error)
    alone. If no Env answers, the first one's exception is raised: WorkerLost, CallTimeout. TypeError for what is no Name, ValueError for None
    in a program that has not exactly one Corps.
    """
    if timeout is not None and not timeout >= 0:
        raise ValueError(f'timeout must be a number of seconds that is not negative, or None, not {timeout!r}')
    found, errors = {}, []
    for env, answer in enumerate(_core.stats_ask(_corps_of(name), timeout)):
        try:
            if isinstance(answer, str):
                raise WorkerLost(answer)
            found[env] = _whole(answer.Ret)
        except AsyncLocalException as error:
            errors.append(error)
            found[env] = {'env': env, 'error': str(error)}
    if len(errors) == len(found):
        raise errors[0]
    return found


stats.__module__ = 'corps'  # where users find it
