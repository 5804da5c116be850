"""Corps: services made of Workers on many cores.

A **Corps** is a group of **Envs** (processes). A **Conc** is an object in one of them that handles one request at a
time.
A **Name** is its address: calling a method through it gives a **Future** at once, whose `Ret` is the result.

    from corps import Conc, Corps, create_Concs, create_Corps, wait_all

    class Adder(Conc):
        def add(self, a, b):
            return a + b

    class Service(Corps):
        def __init__(self):
            super().__init__()
            self.adders = create_Concs(Adder, Num=8)

        def total(self, n):
            answers = [adder.add(i, n) for i, adder in enumerate(self.adders)]
            wait_all(answers)
            return sum(answer.Ret for answer in answers)

    if __name__ == '__main__':
        with create_Corps(Service) as service:
            print(service.total(10).Ret)

Inside one Env arguments and results are passed as they are (the FastPath), not copied: do not change what you have
sent, or say FastPath='copy' in the configuration. Between Envs they are pickled, and travel by value where the other side
could not import them.
"""

import sys as _sys

from . import _core, _log, _main
from ._around import Request
from ._boot import load_classes
from ._chains import chain_id, record_chains
from ._create import Func, LocType, create_Concs, create_Corps, create_Funcs
from ._deadline import cancelled, deadline, time_left
from ._directory import delete_Concs, find_Corps, find_Workers
from ._env import MajorStatus, MinorStatus
from ._envs import add_Env, take_Env
from ._errors import (AsyncAttributeError, AsyncExecutionError, AsyncLocalException, AsyncLocalMaxRetries,
                      AsyncRemoteException, AsyncRemoteMaxRetries, CallTimeout, Crash, Deadlock, NotSerializable, WorkerLost, WorkerMoved)
from ._hosts import Host, hosts
from ._future import Future, NoRet, NoRetType, as_completed, wait_all, wait_next
from ._log import log_to_logging
from ._map import Results, filter, map, reduce, starmap
from ._name import Attribute, ConcAddr, ExtAddr, LOCAL_IP as _LOCAL_IP, Name, loan, port_of as _port_of
from ._detached import singleton
from ._pool import create_Pool, pool_members
from ._state import checkpoint_counts, keep_checkpoint
from ._timer import Timer, call_every, call_later
from ._stats import stats
from ._worker import Conc, Corps

__version__ = _core.version

TypedName = Name
"""Type checkers know more: see corps.stubs."""

__all__ = ['AsyncAttributeError', 'AsyncExecutionError', 'AsyncLocalException', 'AsyncLocalMaxRetries',
           'AsyncRemoteException', 'AsyncRemoteMaxRetries', 'Attribute', 'CallTimeout', 'Conc', 'ConcAddr', 'Corps', 'Crash', 'Deadlock',
           'ExtAddr', 'Func', 'Future', 'Host', 'LocType', 'MajorStatus', 'MinorStatus', 'Name', 'NoRet', 'NoRetType',
           'NotSerializable', 'Request', 'Timer', 'TypedName', 'WorkerLost', 'WorkerMoved', 'add_Env', 'as_completed', 'call_every', 'call_later', 'cancelled', 'chain_id', 'checkpoint_counts',
           'create_Concs', 'create_Corps', 'create_Funcs', 'deadline', 'delete_Concs', 'find_Corps', 'find_Workers', 'get_include', 'hosts', 'keep_checkpoint', 'load_classes', 'loan', 'log_to_logging', 'my_EnvId', 'my_EnvStatus', 'my_Host', 'my_Ip', 'my_Port',
           'record_chains', 'singleton', 'stats', 'take_Env', 'time_left', 'wait_all', 'wait_next',
           'BrokenWorker', 'Executor', 'ProcessPool', 'Results', 'create_Pool', 'pool_members']


def get_include():
    """The folder of the C headers that belong to this package (corps.h and corps/…), for Workers in C: see load_classes."""
    import os
    return os.path.join(os.path.dirname(os.path.abspath(__file__)), 'include')


def my_EnvId():
    """The number of this Env, from 0; -1 in a program."""
    own = _core.own()
    return own[1] if own is not None else -1


def my_EnvStatus():
    """What this Env is doing, a MajorStatus; Nonexistent in a program."""
    from . import _env
    return _env.status


def my_Host():
    """The full name of the host, a text."""
    import socket
    return socket.getfqdn()


def my_Ip():
    """The host's address, an ipaddress object."""
    return _LOCAL_IP


def my_Port():
    """The number that stands for this Corps in printed addresses, an int; None in a program."""
    own = _core.own()
    return _port_of(own[0]) if own is not None else None


_LATER = {'BrokenWorker': '_crew', 'Executor': '_executor', 'ProcessPool': '_process_pool'}


def __getattr__(name):
    """What brings much of the standard library along is imported when it is first asked for."""
    if name not in _LATER:
        raise AttributeError(f"module 'corps' has no attribute '{name}'")
    import importlib
    found = globals()[name] = getattr(importlib.import_module(f'{__name__}.{_LATER[name]}'), name)
    return found


def _start():
    from . import _end, _fork, _hooks, _pickling
    _core.hooks_set(_hooks)
    _fork.watch()
    _end.watch()
    if _core.own() is None:
        _main.start()
        _pickling.start()
        _log.begin()


_start()
del _sys
