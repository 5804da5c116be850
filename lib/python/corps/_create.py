"""Creating Corps, Concs and Funcs."""

import atexit
import enum
import operator
import os
import sys
import threading

from . import _boot, _config, _core, _detached, _env, _guard, _hooks, _hosts, _logging, _main, _modules, _pickling, _plain, _results
from ._deadline import deadline
from ._errors import AsyncExecutionError, AsyncLocalMaxRetries
from ._name import callable_name, class_text, name_class, restore, retries_of
from ._worker import HIDDEN, Conc, Corps


class LocType(enum.IntEnum):
    """Where Workers are created."""
    EnvId = 0  #: in the Env that LocVal names
    PerEnv = 1  #: Num in every Env
    Auto = 2  #: each in the next Env, round robin
    Host = 3
    Cluster = 4
    Region = 5


compat = False
"""Envs of Corps that this process creates offer the modules of Corps Python 0.1."""

_created = []  # the capsules of Corps that this process has created and not given back
_living_on = []  # those of them that do not end with it
_lock = threading.Lock()


def _text(options, key, variable, otherwise):
    return options[key] or os.environ.get(variable) or otherwise


RESTARTS = 'never', 'on_failure', 'always'  # as enum corps_restart counts them
STRATEGIES = 'one_for_one', 'one_for_all', 'rest_for_one'  # as enum corps_strategy does
ENVS_MAX = 1024
THREADS_MAX = 4095  # and one more may be added
INTENSITY_MAX = 100
NUMBERS = (('mailbox_count', 'Mailbox_Max_Requests', 10 ** 6), ('mailbox_bytes', 'Mailbox_Max_Bytes', 1 << 43), ('buffer_bytes', 'Buffer_Bytes', 1 << 62))
SUPERVISION = 'Restart', 'Restart_Strategy', 'Restart_Intensity', 'Restart_Period', 'Restart_Backoff', 'Restart_Max_Backoff'


def _restart_options(config):
    """Those of them that are about Envs that are started again."""
    chosen = config['Restart'] or 'never'
    if chosen not in RESTARTS:
        raise ValueError(f"there is no Restart {chosen!r}; choose one of {', '.join(RESTARTS)}")
    options = {'restart': RESTARTS.index(chosen)}
    if config['Restart_Intensity'] is not None:
        options['intensity'] = operator.index(config['Restart_Intensity'])
        if options['intensity'] < 1:
            raise ValueError(f"a Restart_Intensity of {options['intensity']} starts nothing again: leave Restart out instead")
        options['intensity'] = _config.whole(config, 'Restart_Intensity', 1, INTENSITY_MAX)
    for key, name in (('period_ns', 'Restart_Period'), ('backoff_ns', 'Restart_Backoff'),
                      ('backoff_max_ns', 'Restart_Max_Backoff')):
        if config[name] is not None:
            options[key] = _config.nanoseconds(config, name)
    return options


def _supervision(cls, kwargs):
    """What create_Concs(cls, …) tells the core of how its Workers are made again: from keywords, which it takes out of `kwargs`, and
    else from the class's attributes. What the __init__ names is its own."""
    named = _config.parameters_of(cls)
    chosen = {}
    for name in SUPERVISION:
        given = kwargs.pop(name) if name in kwargs and name not in named else None
        usual = getattr(cls, name, None)
        chosen[name] = given if given is not None else None if callable(usual) else usual
    strategy = chosen['Restart_Strategy'] or 'one_for_one'
    if strategy not in STRATEGIES:
        raise ValueError(f"there is no Restart_Strategy {strategy!r}; choose one of {', '.join(STRATEGIES)}")
    return dict(_restart_options(chosen), strategy=STRATEGIES.index(strategy))


def _auto_load(config, by_name):
    """What AutoLoad says: leaves the names of modules in the config, which every Env imports; gives what creates Workers, as it travels:
    [(class or its name, arguments) …]."""
    given = config['AutoLoad'] or ()
    if isinstance(given, str) or not isinstance(given, (list, tuple)):
        raise TypeError(f'AutoLoad is a list of names of modules, classes of Workers and (class, argument, …), not {given!r}')
    modules, workers = [], []
    for item in given:
        cls, *arguments = item if isinstance(item, tuple) and item else (item,)
        if isinstance(item, str):
            modules.append(item)
        elif isinstance(cls, type) and issubclass(cls, Conc) and not issubclass(cls, Corps):
            retries_of(cls)
            workers.append((_plain.class_name(cls) if by_name else cls, tuple(arguments)))
        else:
            raise TypeError(f'AutoLoad takes the name of a module, a class of Workers or (class, argument, …), not {item!r}')
    config['AutoLoad'] = modules
    return workers


def load(workers):
    """In Env 0, before the Corps' __init__: what _auto_load gave."""
    for cls, arguments in workers:
        create_Concs(cls if isinstance(cls, type) else _plain.find_class(*cls), *arguments, LocType=LocType.PerEnv)


def _options(config, detached):
    """What the core is told, from a config."""
    config['Hosts'] = hosts = _hosts.chosen(config)
    if hosts and isinstance(config['NumEnvs'], _config.Usual):
        config['NumEnvs'] = min(_hosts.slots(hosts), ENVS_MAX)
    try:
        config['NumEnvs'] = count = int(operator.index(config['NumEnvs']))  # numpy's numbers too
    except TypeError:
        raise TypeError(f"NumEnvs must be a number, not {config['NumEnvs']!r}") from None
    if count > ENVS_MAX:
        raise ValueError(f'NumEnvs must be at most {ENVS_MAX}, not {count}')
    threads = _config.whole(config, 'Threads', 1, THREADS_MAX) if config['Threads'] else 2
    most = _config.whole(config, 'Max_Threads', 1, THREADS_MAX + 1) if config['Max_Threads'] else 1024
    transport, within_one_env = _core.transport(_text(config, 'Transport', 'CORPS_TRANSPORT', ''))
    options = {
        'tag': str(config['Tag']).encode('utf-8', 'replace')[:60].decode('utf-8', 'ignore') or 'corps',
        'env_count': 1 if within_one_env else max(1, count), 'detached': int(detached), 'transport': transport,
        'serializer': _text(config, 'Serializer', 'CORPS_SERIALIZER', 'auto'),
        'wake': _text(config, 'Wake', 'CORPS_WAKE', 'adaptive'),
        'thread_count': threads, 'thread_count_max': max(most, threads + 1),
        'boot_timeout_ns': _config.nanoseconds(config, 'Boot_Timeout') if config['Boot_Timeout'] else 60 * 10 ** 9}
    for key, name, high in NUMBERS:
        if config[name]:
            options[key] = _config.whole(config, name, 1, high)
    if hosts:
        options['hosts'] = hosts
    options.update(_detached.options(config))
    options.update(_restart_options(config), **_results.options(config))
    if config['Keep_Directory'] is not None:
        if not config['Keep_Directory']:
            raise ValueError('Keep_Directory is the name of a directory, and not empty; leave it out to keep states in the memory of Env 0')
        config['Keep_Directory'] = options['keep_directory'] = os.path.abspath(os.fsdecode(config['Keep_Directory']))
    return options


def _split(kwargs):
    """Keyword arguments for the __init__, and those that belong to the system."""
    hidden = {name: kwargs.pop(name) for name in HIDDEN if name in kwargs}
    return kwargs, hidden


def created():
    """The capsules of Corps that this process has created and that have not ended."""
    with _lock:
        return [corps for corps in _created if not _core.has_ended(corps)]


def _forget(corps):
    """It is not ours to look after any more. With the lock."""
    _created.remove(corps)
    if corps in _living_on:
        _living_on.remove(corps)


def _give_back():
    """Gives back what Corps that have ended still hold here."""
    with _lock:
        ended = [corps for corps in _created if _core.has_ended(corps)]
        for corps in ended:
            _forget(corps)
    for corps in ended:
        _core.exit_corps(corps, 5.0)


def wait_end(name, seconds=None):
    """Ends the Corps with this Name, if this process created it, and waits for that."""
    with _lock:
        mine = [corps for corps in _created if _core.front_address(corps) == name.__corps_address__]
        for corps in mine:
            _forget(corps)
    for corps in mine:
        _end(corps, seconds)


INTERRUPTED_SECONDS = 1.0


def _end(corps, seconds):
    """Waits until a Corps that is asked to end has ended, at most `seconds`, or until Ctrl-C; then kills it. What was
    wrong as text, or None."""
    try:
        _core.end_corps(corps)
        _core.wait_ended(corps, seconds)
    except KeyboardInterrupt:
        _core.exit_corps(corps, 0.0)
        raise
    return _core.exit_corps(corps, 0.0 if seconds is not None else None)


def _was_interrupted():
    last = getattr(sys, 'last_exc', None) or getattr(sys, 'last_value', None)
    return isinstance(last, KeyboardInterrupt)


def _at_exit():
    """The end of the program: its Corps end in order, and it waits for them; not for long after Ctrl-C."""
    if os.getpid() != _registered:
        return  # a forked child: the Corps are its parent's
    with _lock:
        left = [corps for corps in _created if corps not in _living_on]
        _created.clear()
    seconds = INTERRUPTED_SECONDS if _was_interrupted() else None
    for corps in left:
        if not _core.has_ended(corps):
            try:
                front = _core.Name(_core.front_address(corps))
                with deadline(seconds):  # the call itself may wait: for room, or for a Corps that is started anew
                    _core.call(front, 'exit', (), None, False, False).ret_ready()  # behind what was asked before
            except KeyboardInterrupt:
                seconds = 0.0
            except Exception:
                pass  # it is ending already: that is waited for below
    for corps in left:
        try:
            problem = _end(corps, seconds)
        except KeyboardInterrupt:
            problem, seconds = None, 0.0
        if problem and seconds is None:
            _core.log('warn', 'corps_failed', problem)
    _boot.stop_template()


_registered = None  # the process that _at_exit was registered in


def _check_class(cls, base):
    if not issubclass(cls, base):
        raise AssertionError(f'{cls.__name__} is not a subclass of {base.__name__}')


def create_Corps(CorpsClass, *args, Tag='No Name', Ext=True, Managed=True, ConfigFiles=(), ConfigDicts=(),
                 LocType=LocType.Auto, LocVal=None, Transport=None, Serializer=None, Wake=None, **kwargs):
    """Creates a Corps: its Envs, and CorpsClass(*args, **kwargs) in Env 0. Returns its Name when that __init__ has run.

    From a program: an ExtCorps. Inside a Corps: an ExtCorps (Ext=True) or a ContCorps; with Managed=True it ends with
    the Corps that created it, otherwise only by its own exit. Tag is a label for texts. ConfigFiles (paths of Python files) and ConfigDicts
    (dicts) set the configuration, in this order. Transport, Serializer and Wake override them, and so
    does every other variable of the configuration that is given as a keyword and that the __init__ does not name. LocType and LocVal
    are accepted and have no effect.

    Hosts makes it a Corps of several hosts: 'auto' (all that the file of this host's agent has), or a list of names, numbers and labels of hosts.
    NumEnvs is then as many as their slots, unless it is said. Env_Variables is a list of the environment variables that Envs on other hosts get.

    AutoLoad is a list of what every Env loads before CorpsClass(…) is made: names of modules, which are imported; classes of Workers, or (class,
    argument, …), of which one Worker is created in every Env: find_Workers finds them.

    Detached=True: the Corps does not end with the program, nor with the Corps, that creates it; it ends by its own exit, from anywhere. Where the
    hosts have the ledger etcd, and with Hosts, it does not end with this host either, if Restart says that it is to be started anew: another
    one of its hosts takes it over, and its Name stays valid. Singleton, a name, is for such Corps: among all hosts there is one of that name
    at most. If there is one already, create_Corps creates nothing, and returns its Name. Cut_Off says what becomes of it while its host cannot
    reach etcd: it is ended before another host may take it over ('stop', the default), or it goes on ('stay'), and may exist twice then.

    ResultsCache_Max_Entry_TTL (a timedelta, or seconds) is how long a call with Retry may take, a minute if nobody says it;
    ResultsCache_Max_Entries and ResultsCache_Max_Bytes limit the results that an Env keeps for such calls.

    Raises AssertionError (CorpsClass is no Corps), AsyncExecutionError (its __init__, the main program or a config file
    raised), ValueError (no such transport, …), AsyncLocalMaxRetries (an Env died while it booted; with Hosts also: no agent runs on this host, or a
    host has no room), RuntimeError (the
    main program creates a Corps when it is imported: the text shows where, and the lines to write instead).
    """
    global _registered
    _check_class(CorpsClass, Corps)
    retries_of(CorpsClass)  # what is wrong with it is said before anything is made
    births = _guard.check(CorpsClass)
    if not isinstance(ConfigFiles, (list, tuple)) or not isinstance(ConfigDicts, (list, tuple)):
        raise AttributeError('ConfigFiles and ConfigDicts are lists')
    inside = _core.own() is not None
    try:
        config = _config.read(ConfigFiles, ConfigDicts)
        config.update(_config.take_keywords(CorpsClass, kwargs) if not compat else ())
        managed = inside and bool(Managed) and not _detached.is_detached(config)
        config.update(Tag=Tag, Ext=bool(Ext) if inside else True, Managed=managed, LocType=LocType, LocVal=LocVal)
        config.update((key, value) for key, value in
                      (('Transport', Transport), ('Serializer', Serializer), ('Wake', Wake)) if value is not None)
        config['FastPath'] = _config.fast_path(config)
        config['Detached'] = detached = _detached.is_detached(config) or inside and not managed
        options = _options(config, detached)
        by_name = not _core.runs_code(options['serializer'])
        loaded = _auto_load(config, by_name)
    except AsyncLocalMaxRetries:  # no agent runs here
        raise
    except Exception as exception:
        raise _hooks.own_failure(exception) from exception
    kwargs, attributes = _split(kwargs)
    attributes['ConfigFiles'], attributes['ConfigDicts'] = list(ConfigFiles), _without_load(ConfigDicts)
    if loaded:
        attributes['_corps_load'] = loaded
    manager = None
    if managed:
        manager = _own_ext_name()
    if not inside:
        _main.start()
        _pickling.created(not by_name)
        _pickling.start()  # whether our main program can be imported is not always known before
    owned = detached and _detached.has_owner(config)
    if not owned:
        _boot.ensure_template()
    _give_back()
    payload = _plain.class_name(CorpsClass) if by_name else CorpsClass, 0, args, kwargs, attributes
    text = class_text(CorpsClass)
    logging = {} if compat else _logging.description(config, ConfigDicts, by_name)
    told = _boot.told(config, CorpsClass, compat, births, logging, _modules.description(CorpsClass.__module__))
    if owned:
        options['launch'], boot_data = _boot.owned_data(told, CorpsClass.__module__, by_name)
        there, corps = _detached.create(config, text, lambda: _start(text, payload, boot_data, options))
        if there is not None:
            return name_class(CorpsClass)(there, True, 0)
    else:
        corps = _start(text, payload, _boot.boot_data(told, CorpsClass.__module__, manager, by_name), options)
    try:
        front = _core.front_address(corps)  # from then on another thread may give it back, if it ends at once
    finally:  # also without memory for that: it is ended with the program then
        with _lock:
            _created.append(corps)
            if detached:
                _living_on.append(corps)
            if _registered is None and not inside:
                _registered = os.getpid()
                atexit.register(_at_exit)
    return name_class(CorpsClass)(front, not managed, 0)


def _start(text, payload, boot_data, options):
    try:
        return _core.create_corps(text, payload, boot_data, options)
    except AsyncExecutionError as error:
        if error.TypeName != _guard.Unguarded.__name__:
            raise
        told = str(error.Value)
    raise (_guard.Unguarded if _core.own() is not None else RuntimeError)(told)


def _without_load(dicts):
    """What a Corps keeps of its ConfigDicts: what AutoLoad says has been done, and may not travel where classes go by name."""
    return [{name: value for name, value in entries.items() if name != 'AutoLoad'} for entries in dicts]


def _own_ext_name():
    """The ExtName of the Corps of this Env."""
    from . import _name
    corps, _, _ = _core.own()
    address = corps.to_bytes(8, 'little') + (0).to_bytes(4, 'little') + (1).to_bytes(4, 'little')
    return _name.restore(address + _env.front_text.encode(), True, 0)


def _location(kind, value):
    """(type, Env, host or label) as the core takes them; checks."""
    if not isinstance(kind, LocType):
        raise AttributeError(f'LocType must be a member of LocType, not {kind!r}')
    over_hosts = kind in (LocType.Host, LocType.Cluster, LocType.Region)
    if over_hosts and not _hosts.are_several():
        raise NotImplementedError(f"{kind.name} needs a Corps of several hosts: create it with Hosts, as in create_Corps(…, Hosts='auto')")
    own = _core.own()
    if own is None:
        raise RuntimeError('Concs are created inside a Corps: call create_Concs in a method or an __init__')
    if kind in (LocType.Host, LocType.Region):
        return int(kind), 0, _hosts.one(value, 'LocVal')
    if kind == LocType.EnvId:
        if isinstance(value, bool) or not isinstance(value, int):
            raise TypeError(f'LocVal must be the number of an Env, not {value!r}')
        if not 0 <= value < own[2] and not 0 <= value < _core.env_count():  # one may have been added
            raise IndexError(f'there is no Env {value}; this Corps has {_core.env_count()}, numbered from 0')
        return 0, value, None
    if isinstance(value, int) and not isinstance(value, bool) and value > own[2]:
        raise IndexError(f'there is no Env {value}; this Corps has {own[2]}')
    if value is not None:
        raise ValueError(f'LocVal must be None with {kind.name}')
    return int(kind), 0, None


def create_Concs(ConcClass, *args, Mgr=None, LocType=LocType.Auto, LocVal=None, Num=1, **kwargs):
    """Creates Num Concs, ConcClass(*args, **kwargs), inside a Corps. Returns the list of their Names when every __init__ has
    run; None when Num < 1.

    LocType says where. EnvId: all in the Env with number LocVal. Auto: each in the next Env, round robin from Env 0. PerEnv: Num in every
    Env, Env 0, 1, 2 … and again. Envs that were taken (take_Env) are left out by both. In a Corps of several hosts, Host: each in the next Env on the
    host LocVal (its name or number), to which an Env is added if there is none; Cluster: Num in an Env of every host; Region: Num on every
    host with the label LocVal. Mgr is what my_Mgr() of the new Concs returns. ConcClass may be the name of a class written in C
    (see load_classes).

    Restart says what follows when one of them fails (raises Crash): 'never' (the default: it is lost), 'on_failure' (it is made again, under
    its Name), 'always' (after its exit too). Restart_Strategy says who else is made again then, among those of them that live in the
    same Env: 'one_for_one' (nobody), 'one_for_all', 'rest_for_one' (those made after it). Restart_Intensity within Restart_Period seconds are
    borne; the second in a row waits Restart_Backoff seconds, each further one twice as long, up to Restart_Max_Backoff. Class attributes
    of the same names are the defaults; keywords that the __init__ names are its own.

    Tag is a label that find_Workers finds them by, unless the __init__ has a parameter of that name.

    Raises AsyncExecutionError if an __init__ raises (the Concs made until then are ended), AttributeError if ConcClass is a Corps,
    ValueError for a policy that makes no sense, ValueError or IndexError for a LocVal that does not fit, NotImplementedError for Host, Cluster and Region in a Corps
    of one host, and RuntimeError in a program.
    """
    if isinstance(ConcClass, str):
        return _create_plain(ConcClass, args, LocType, LocVal, Num, _supervision(None, kwargs))
    _check_class(ConcClass, Conc)
    if issubclass(ConcClass, Corps):
        raise AttributeError(f'{ConcClass.__name__} is a Corps: use create_Corps')
    retries_of(ConcClass)  # what is wrong with it is said before anything is made
    if Num < 1:
        return None
    location = _location(LocType, LocVal)
    supervision = _supervision(ConcClass, kwargs)
    tag = _tag(ConcClass, kwargs)
    kwargs, attributes = _split(kwargs)
    if tag is not None:
        attributes['_corps_tag'] = tag
    kwargs.pop('NoReply', None)
    attributes['Mgr'] = Mgr
    creator = _core.own()[1]
    payload = ConcClass if _pickling.allowed else _plain.class_name(ConcClass), creator, args, kwargs, attributes
    try:
        addresses = _core.create_concs(class_text(ConcClass), payload, *location, Num, False, supervision)
    except AsyncExecutionError as error:  # of the original type too: in the own Env it always was that
        raise _hooks.mix(error) from None
    made = name_class(ConcClass)
    return [made(address, False, creator) for address in addresses]


def _tag(cls, kwargs):
    """The keyword Tag, unless it is the __init__'s."""
    if 'Tag' not in kwargs or compat or 'Tag' in _config.parameters_of(cls):
        return None
    tag = kwargs.pop('Tag')
    if not isinstance(tag, str):
        raise TypeError(f'the Tag of a Worker is a text, not {tag!r}')
    if len(tag.encode('utf-8', 'surrogateescape')) > 255 or '\0' in tag:
        raise ValueError('the Tag of a Worker has at most 255 bytes, and no NUL')
    return tag


def _create_plain(class_name, args, kind, value, count, supervision):
    """Concs of a class written in C, that load_classes has made known; their arguments are plain values."""
    if count < 1:
        return None
    location = _location(kind, value)
    if class_name not in _core.classes():
        raise TypeError(f"'{class_name}' is no class; written in C and made known by load_classes are: "
                        f"{', '.join(_core.classes()) or 'none'}")
    return [restore(address) for address in _core.create_concs(class_name, args, *location, count, True, supervision)]


class Func(Conc):
    """A Worker made from functions; see create_Funcs."""

    def __init__(self, functions):
        super().__init__()
        for name, function in functions:
            self.__dict__[name] = function
        self.__dict__['_first'] = functions[0][1]

    def __call__(self, *args, **kwargs):
        return self._first(*args, **kwargs)


def create_Funcs(*functions, Mgr=None, LocType=LocType.Auto, LocVal=None, Num=1):
    """Creates Num Workers from `functions` and returns the list of their Names. name.f(…) calls function f; name(…) the first one.

    Functions of modules travel by name; lambdas and closures only if the serializer carries them (auto and cloudpickle do).
    Mgr, LocType, LocVal and the errors are those of create_Concs; TypeError if there is no function, or what is given is none.
    """
    if not functions:
        raise TypeError('create_Funcs takes at least one function')
    named = []
    for function in functions:
        if not callable(function):
            raise TypeError(f'{function!r} is no function')
        name = getattr(function, '__name__', 'function')
        named.append((name if name.isidentifier() else 'function', function))
    names = create_Concs(Func, named, Mgr=Mgr, LocType=LocType, LocVal=LocVal, Num=Num)
    methods = tuple(name for name, _ in named)
    return names and [callable_name(name, methods) for name in names]


def forked():
    """In the child of a fork: the Corps are the parent's."""
    global _lock, _registered
    _lock = threading.Lock()
    _created.clear()
    _living_on.clear()
    _registered = None
