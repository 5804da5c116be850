"""Envs that are added to a running Corps, and taken from it."""

from . import _core, _hosts


def add_Env(Name=None, Host=None):
    """Adds an Env to a running Corps and returns its number, once it serves. In a Corps: to that one. Name, that of a Corps or of any of its
    Workers, says which one else; a program must say it. Host, a host's name or number or a label, says where, in a Corps of several hosts; None:
    where the slots are.

    Auto and PerEnv count the new Env from now on. It is started again like the others (Restart). Raises ValueError (FastPath alone: the
    transport queue has one Env), CallTimeout (it was not up within Boot_Timeout, and was killed), WorkerLost (its process has ended), and
    AsyncLocalMaxRetries with what its boot failed with, or when there are 1024. After an error nothing is left.
    """
    return _core.change_env(Name, None, None, None if Host is None else _hosts.one(Host, 'Host'))


def take_Env(EnvId, timeout=10.0, Name=None):
    """Takes the Env with the number EnvId from a running Corps and returns when its process has ended. Its Workers answer what they were asked before,
    their cleanup runs, the latest first; what is asked of them later raises WorkerLost. It is not started again. After `timeout` seconds
    (None: never) it is killed.

    Name says which Corps, as for add_Env. Raises ValueError (Env 0, the Env of the calling method, one that is not there),
    CallTimeout (it was killed), WorkerLost (its process ended otherwise): gone it is then, too.
    """
    if isinstance(EnvId, bool) or not isinstance(EnvId, int):
        raise TypeError(f'EnvId must be the number of an Env, not {EnvId!r}')
    if timeout is not None and (isinstance(timeout, bool) or not isinstance(timeout, (int, float))):
        raise TypeError(f'timeout must be a number of seconds or None, not {timeout!r}')
    if EnvId < 0 or (timeout is not None and timeout < 0):
        raise ValueError(f'EnvId is {EnvId} and timeout {timeout}; neither may be negative')
    _core.change_env(Name, EnvId, timeout, None)


for _thing in (add_Env, take_Env):
    _thing.__module__ = 'corps'  # where users find them
