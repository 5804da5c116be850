"""Corps that no program and no host takes along when it ends: detached ones of several hosts, where the hosts have the ledger etcd.

The agent of a host starts their Env 0, and that of another host does so when the first one is lost, from what the creator has said: nothing
of it may be the creating process's own.
"""

import re
import time

from . import _core, _hosts
from ._errors import AsyncLocalMaxRetries
from ._name import restore

_CUT_OFF = 'stop', 'stay'  # as enum corps_cut_off counts them

_TAKEN = "the singleton '"
"""So begins what the core says where a Corps of that name is there."""

_PAUSE = 0.05  # seconds: between two looks for one that is being created


def is_detached(config):
    """What Detached says."""
    given = config['Detached']
    if given not in (False, True):
        raise TypeError(f'Detached is True or False, not {given!r}')
    return bool(given)


def _check_name(name):
    if not isinstance(name, str):
        raise TypeError(f'a Singleton is a name, a text, and not {name!r}')
    if not re.fullmatch(r'[A-Za-z0-9._-]{1,63}', name):
        raise ValueError(f"the name of a Singleton has 1 to 63 letters of ASCII, digits, '.', '-' and '_', and is not {name!r}")


def has_owner(config):
    """Does such a detached Corps belong to the hosts, and not to the process that creates it?"""
    return bool(config['Hosts']) and _hosts.ledger() == 'etcd'


def options(config):
    """What the core is told of a config that has been checked otherwise."""
    name, word = config['Singleton'], config['Cut_Off']
    if name is not None:
        _check_name(name)
    if word is not None and word not in _CUT_OFF:
        raise ValueError(f"there is no Cut_Off {word!r}; choose {' or '.join(map(repr, _CUT_OFF))}")
    told = {}
    for variable, key, value in ('Singleton', 'singleton', name), ('Cut_Off', 'cut_off', word and _CUT_OFF.index(word)):
        if value is None:
            continue
        if not config['Hosts'] or not config['Detached']:
            raise ValueError(f"{variable} is for a Corps that lives on when a host of it is lost: say Hosts='auto', or which hosts, and Detached=True")
        if not has_owner(config):
            raise ValueError(f"{variable} needs the ledger etcd, and the hosts have none: give the file of hosts a line "
                             "'ledger etcd http://ADDRESS:2379 …' (docs/etcd.md), and start corps-agent again on each")
        told[key] = value
    return told


def create(config, front, start):
    """Creates one, whose front is of the class that is called `front`, by start(). (None, what that gives), or, of a singleton that is there,
    (its front's address, None)."""
    name = config['Singleton']
    end = time.monotonic() + (config['Boot_Timeout'] or 60)
    while True:
        there = _core.find_singleton(name, max(1, int((end - time.monotonic()) * 1e9))) if name is not None else None
        if there is not None:
            found = bytes(there[16:]).decode()
            if found.rpartition(' in ')[0] != front.rpartition(' in ')[0]:
                raise ValueError(f"the singleton '{name}' is there, and is of the class {found}, not {front}: give one of them another name")
            return there, None
        try:
            return None, start()
        except AsyncLocalMaxRetries as error:
            if name is None or _TAKEN not in str(error) or time.monotonic() > end:
                raise
        time.sleep(_PAUSE)  # another process was quicker: its Corps is found soon, or is none after all


def singleton(name, Timeout=10.0):
    """The Name of the Corps that was created with Singleton=name, on whichever of the hosts it is, from a program or a Corps; None if there is
    none at present.

    Raises ValueError where the hosts have no ledger etcd, AsyncLocalMaxRetries where no agent runs on this host, and CallTimeout if it is not
    known within Timeout seconds, as while etcd is away, or while the Corps is on its way to another host.
    """
    _check_name(name)
    seconds = float(Timeout)
    if not 0 < seconds:
        raise ValueError(f'the Timeout must be more than 0 seconds, not {Timeout!r}')
    address = _core.find_singleton(name, int(min(seconds, 9e9) * 1e9))
    return None if address is None else restore(address, True)


singleton.__module__ = 'corps'  # where users find it
