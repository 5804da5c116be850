"""Configuration of a Corps: defaults, then files, then dicts, then what the creation call says."""

import datetime
import difflib
import inspect
import logging
import operator
import os
import sys

from . import _processors

DEFAULTS = {
    'NumEnvs': 8,  # of Corps Python 0.1; see default_env_count
    'ThreadPool_MinThreads': 10,
    'ThreadPool_ThreadsInc': 10,
    'ThreadPool_MaxQueueLength': 10,
    'Networking_Max_Connection_Attempts': 100,
    'Networking_Client_Timeout': 60,
    'Networking_Server_Timeout': 600,
    'Networking_Max_Queued_Conn_Requests': 100,
    'Max_Msg_Request_Attempts': 50,
    'ResultsCache_Max_Entry_TTL': datetime.timedelta(seconds=1),  # where nobody says otherwise, it is 60 s: see _results.options
    'ResultsCache_Min_Clean_Interval': datetime.timedelta(seconds=2),
    'Logging_Level': logging.WARNING,
    'Logging_Format': '%(levelno)s %(process)d %(asctime)s.%(msecs)03d %(message)s',
    'Logging_Datefmt': '%y-%m-%d %H:%M:%S',
    'Tag': 'No Name',
    'Ext': False,
    'LocType': 0,
    'LocVal': 0,
    'Managed': False,
    'MgrCorpsIpPort': (0, 0),
    'Transport': None,  # between Envs: shm, unix, tcp, pipe, mqueue; None: CORPS_TRANSPORT, else shm
    'Serializer': None,  # auto, pickle, cloudpickle, dill, msgpack; None: CORPS_SERIALIZER, else auto
    'Wake': None,  # block, adaptive, spin; None: CORPS_WAKE, else adaptive
    'FastPath': None,  # inside an Env: 'reference' passes the objects themselves, 'copy' copies; None: reference
    'Mailbox_Max_Requests': None,  # unanswered requests per sending Env and Worker; None: 1024
    'Mailbox_Max_Bytes': None,  # bytes of them; None: 64 MiB
    'Buffer_Bytes': None,  # of each direction of a link; None: 1 MiB
    'Threads': None,  # that run Workers, per Env; None: 2. More are added when methods block
    'Max_Threads': None,  # None: 1024
    'Boot_Timeout': None,  # seconds; None: 60
    'Restart': None,  # of Envs that end before their Corps: never, on_failure, always; None: never
    'Restart_Intensity': None,  # so many within Restart_Period are borne; None: 5
    'Restart_Period': None,  # seconds; None: 10
    'Restart_Backoff': None,  # seconds before the second one in a row, doubled for each further one; None: 0.1
    'Restart_Max_Backoff': None,  # seconds; None: 10
    'ResultsCache_Max_Entries': None,  # results that an Env keeps for calls with Retry; None: 65,536
    'ResultsCache_Max_Bytes': None,  # bytes of them; None: 64 MiB
    'AutoLoad': None,  # what is loaded in every Env at boot: names of modules, classes of Workers, (class, argument, …)
    'Keep_Directory': None,  # where what Workers know is kept; None: in the memory of Env 0
    'Hosts': None,  # 'auto', or names, numbers and labels of hosts; None: this host alone
    'Env_Variables': None,  # names of environment variables that Envs on other hosts get too; NAME*: all that begin so
    'Detached': False,  # the Corps does not end with the program that has created it
    'Singleton': None,  # a name: among all hosts there is one Corps of that name
    'Cut_Off': None,  # 'stop' or 'stay': what the host of Env 0 does that cannot reach etcd any more; None: stop
}

class Usual(int):
    """A number that nobody has chosen."""


values = dict(DEFAULTS)
"""What is in force in this process."""

default_fast_path = 'reference'
"""corps.compat changes this to 'copy'."""

default_env_count = _processors.count
"""corps.compat changes this to what it always was."""

_OF_CALL = ('Tag', 'Ext', 'LocType', 'LocVal', 'Managed', 'MgrCorpsIpPort')
KEYWORDS = tuple(name for name in DEFAULTS if name not in _OF_CALL)
"""The variables that may be keyword arguments of create_Corps."""


def _folded(name):
    return name.replace('_', '').lower()


_NEAR = {_folded(name): name for name in KEYWORDS + ('Tag', 'ConfigFiles', 'ConfigDicts')}


def _read_file(path, config):
    with open(path, 'rb') as file:
        code = compile(file.read(), os.path.abspath(path), 'exec')
    namespace = {'__name__': '__config__', '__file__': os.path.abspath(path), '__builtins__': __builtins__}
    namespace.update({name: config[name] for name in config})
    exec(code, namespace)
    config.update((name, namespace[name]) for name in DEFAULTS if name in namespace)


def read(files, dicts):
    """A config from files and dicts, in order. What a file raises is the caller's."""
    config = dict(DEFAULTS, NumEnvs=Usual(default_env_count()))
    for path in files:
        _read_file(path, config)
    for entries in dicts:
        for name, value in entries.items():
            if name in DEFAULTS:
                config[name] = value
            else:
                print(f'\tWarning: {name} is Not a Config variable, skipping')
                sys.stdout.flush()
    return config


def parameters_of(cls):
    """The names of the parameters of its __init__; none where they cannot be known."""
    try:
        return set(inspect.signature(cls.__init__).parameters)
    except (AttributeError, TypeError, ValueError):
        return set()


def take_keywords(cls, kwargs):
    """Takes the variables out of the keyword arguments of create_Corps(cls, …). Those that the __init__ names are its own."""
    try:
        parameters = inspect.signature(cls.__init__).parameters.values()
    except (TypeError, ValueError):
        return {}
    own = {parameter.name for parameter in parameters}
    takes_any = any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters)
    for name in [name for name in kwargs if name not in own]:
        if name in KEYWORDS and takes_any:
            raise TypeError(f'{cls.__name__}.__init__ takes any keyword, so {name} may be meant for it: write '
                            f"ConfigDicts=[{{'{name}': …}}] for the configuration, or make it a parameter of __init__")
        near = [] if name in KEYWORDS or takes_any else difflib.get_close_matches(_folded(name), _NEAR, 1, 0.8)
        if near:
            raise TypeError(f"{cls.__name__}.__init__ takes no '{name}', nor does create_Corps; did you mean "
                            f'{_NEAR[near[0]]}?')
    return {name: kwargs.pop(name) for name in KEYWORDS if name in kwargs and name not in own}


def apply(config):
    """Puts a config in force in this process."""
    values.update(config)
    globals_module = sys.modules.get('ConfigGlobals')
    if globals_module is not None:
        globals_module.__dict__.update(values)


SECONDS_MAX = 10 ** 9  # thirty years: more is a mistake, and does not fit into what the core counts in


def whole(config, name, low, high):
    """A variable that is a number of things, from `low` to `high`."""
    given = config[name]
    try:
        number = operator.index(given)  # numpy's numbers too
    except TypeError:
        raise TypeError(f'{name} must be a whole number, not {given!r}') from None
    if not low <= number <= high:
        raise ValueError(f'{name} must be from {low} to {high}, not {given!r}')
    return int(number)


def nanoseconds(config, name):
    """A variable that is a number of seconds, as the core counts time."""
    given = config[name]
    try:
        good = 0 < given <= SECONDS_MAX  # what is no number compares false
        return max(int(given * 1e9), 1) if good else _refuse_seconds(ValueError, name, given)
    except TypeError:
        return _refuse_seconds(TypeError, name, given)


def _refuse_seconds(kind, name, given):
    raise kind(f'{name} must be a positive number of seconds, at most {SECONDS_MAX}, not {given!r}') from None


def fast_path(config):
    """'reference' or 'copy'."""
    chosen = config['FastPath'] or default_fast_path
    if chosen not in ('reference', 'copy'):
        raise ValueError(f"there is no FastPath {chosen!r}; choose 'reference' or 'copy'")
    return chosen
