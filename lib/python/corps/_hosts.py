"""Hosts: what a program says of them, and which there are."""

import collections

from . import _config, _core

_Host = collections.namedtuple('Host', 'number name address slots labels own envs drained')


class Host(_Host):
    """A host, as the file of hosts has it: `number`, `name`, `address` (a text), `slots` (so many Envs may be there), `labels` (a tuple of texts).
    `own`: it is this one. `envs`: the numbers of the Envs that the own Corps has there; empty in a program. `drained`: it takes no Envs at present
    (corps hosts --drain)."""
    __slots__ = ()
    __module__ = 'corps'


def hosts():
    """All hosts of this host's file, a list of Host in the order of the file. In a method each also says which Envs of the own Corps are there.

    Raises AsyncLocalMaxRetries where no agent (corps-agent) runs on this host, or it does not answer within 2 seconds.
    """
    own, rows, _ = _core.hosts()
    placed = {}
    for env, number in enumerate(_core.env_hosts()):
        if number:  # else it was taken, or is lost
            placed.setdefault(number, []).append(env)
    return [Host(number, name, address, slots, tuple(labels.split()), number == own, tuple(placed.get(number, ())), drained)
            for number, name, address, slots, labels, drained in rows]


def one(value, variable):
    """A host, or a label, as the core takes it."""
    if isinstance(value, bool) or not isinstance(value, (str, int)):
        raise TypeError(f"{variable} is a host's name or number, or a label, not {value!r}")
    text = str(value)
    if not text or ',' in text or text != text.strip() or '\0' in text:
        raise ValueError(f"{variable} is one host's name or number, or one label, and not {value!r}")
    return text


def chosen(config):
    """What Hosts says, as the core takes it: '' for one host, as ever."""
    given = config['Hosts']
    if given is None or isinstance(given, str):
        return given or ''
    if isinstance(given, bool) or not isinstance(given, (list, tuple, int)):
        raise TypeError(f"Hosts is 'auto', or a list of names, numbers and labels of hosts, and not {given!r}")
    items = [given] if isinstance(given, int) else given
    if not items:
        raise ValueError("Hosts is an empty list: name at least one host, or say 'auto' for all that the file has")
    return ','.join(one(item, 'Hosts') for item in items)


def _is_among(row, items):
    number, name, _, _, labels, _ = row
    return bool({str(number), name, *labels.split()} & items)


def slots(text):
    """So many Envs may be on these hosts together at present; Env 0 is on the own one in any case."""
    own, rows, _ = _core.hosts()
    items = {item.strip() for item in text.split(',')}
    meant = [row for row in rows if 'auto' in items or _is_among(row, items)]
    return sum(row[3] for row in meant if not row[5]) + (own not in [row[0] for row in meant])


def ledger():
    """Who remembers which host a Corps belongs to, as the file of hosts says: 'hosts' (nobody else than they), 'etcd'."""
    return _core.hosts()[2]


def are_several():
    """Has the Corps of this Env several hosts?"""
    return bool(_config.values.get('Hosts'))


hosts.__module__ = 'corps'  # where users find it
