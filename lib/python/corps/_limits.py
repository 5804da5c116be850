"""What a process hands on to those that it starts, beside its environment and directory: limits, umask, processors, niceness.

Envs are forked by the template process, which has what the program had when its first Corps was made. A program may have changed that since,
and its Envs begin as processes do that it starts itself.
"""

import os
import resource
import warnings

from . import _core

_NAMES = sorted(name for name in dir(resource) if name.startswith('RLIMIT_'))


def _umask():
    """Of this process. os.umask can only tell by setting another one, which other threads would see."""
    with open('/proc/self/status') as file:
        for line in file:
            if line.startswith('Umask:'):
                return int(line.split()[1], 8)
    return None  # before Linux 4.7


def _processors():
    """None where the core puts each Env on a processor of its choice, from among those that this process may use."""
    return None if os.environ.get('CORPS_PLACEMENT') in ('same', 'cross') else sorted(os.sched_getaffinity(0))


def own():
    """Of this process, as plain values."""
    return {'umask': _umask(), 'processors': _processors(), 'niceness': os.getpriority(os.PRIO_PROCESS, 0),
            **{name: list(resource.getrlimit(getattr(resource, name))) for name in _NAMES}}


def _each_thread(set_one, wanted):
    """On Linux these are of each thread."""
    for thread in os.listdir('/proc/self/task'):
        try:
            set_one(int(thread), wanted)
        except ProcessLookupError:
            pass  # it has ended


_SETTERS = {
    'umask': os.umask,
    'processors': lambda wanted: _each_thread(os.sched_setaffinity, wanted),
    'niceness': lambda wanted: _each_thread(lambda thread, value: os.setpriority(os.PRIO_PROCESS, thread, value), wanted),
}


def apply(wanted):
    """In an Env. What it may not set, as only root may give back what was given up, is said, and stays."""
    here = own()
    for name, value in wanted.items():
        if value is None or here.get(name, value) == value or (name == 'processors' and _core.is_pinned()):
            continue
        try:
            if name in _SETTERS:
                _SETTERS[name](value)
            else:
                resource.setrlimit(getattr(resource, name), tuple(value))
        except (OSError, ValueError) as error:
            warnings.warn(f"this Env cannot have its program's {name}, {value}: {error}; it has {here[name]}", RuntimeWarning)
