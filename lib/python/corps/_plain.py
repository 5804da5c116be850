"""What a Corps whose serializer runs no code (msgpack) sends instead of pickles: classes by name, plain data as JSON."""

import builtins
import datetime
import importlib
import json
import os
import sys

from . import _config, _main
from ._errors import AsyncRemoteException, NotSerializable


def _name(thing):
    """[module, qualified name]; a main program's module has one name in every process."""
    module = thing.__module__
    return ['__main__' if module == _main.ALIAS else module, thing.__qualname__]


def _loaded(module, qualified):
    """What is called so in a module that is loaded here, or None. Runs nothing."""
    found = sys.modules.get(module)
    for part in qualified.split('.'):
        try:
            found = vars(found).get(part)
        except TypeError:
            return None
    return found


# ---- classes of Workers ----

def class_name(cls):
    """What stands for a class whose Workers are made in Envs; they import it."""
    module, qualified = _name(cls)
    if _loaded(module, qualified) is not cls or (module == '__main__' and not (_main.is_importable() and _main.defines(cls))):
        raise NotSerializable(f'{cls.__name__} cannot be made where the serializer is msgpack: classes go by name then, '
                              f'and no Env finds {qualified} in {module}; define it in a module, outside of functions')
    return [module, qualified]


def find_class(module, qualified):
    """The class that a message names. Nothing but a Worker's class is one."""
    from ._worker import Conc
    found = importlib.import_module(module)
    for part in qualified.split('.'):
        found = getattr(found, part)
    if not (isinstance(found, type) and issubclass(found, Conc)):
        raise TypeError(f'{module}.{qualified} is no class of Workers')
    return found


# ---- exceptions ----

def exception_name(exception):
    """What stands for an exception's class, as bytes; for the original one of what other Workers passed on."""
    cls = type(exception)
    if issubclass(cls, AsyncRemoteException):
        cls = next((base for base in cls.__bases__ if not issubclass(base, AsyncRemoteException)), cls)
    return ':'.join(_name(cls)).encode('utf-8', 'replace')


def find_exception(data, kind):
    """The class that exception_name names, if it is loaded here; or the built-in one called so; or None."""
    module, _, qualified = data.decode('utf-8', 'replace').partition(':')
    for found in (_loaded(module, qualified), getattr(builtins, kind, None)):
        if isinstance(found, type) and issubclass(found, Exception):
            return found
    return None


# ---- what a new Env is told ----

def boot_dumps(sent, manager):
    """_boot.boot_data as JSON."""
    config = {name: value.total_seconds() if isinstance(value, datetime.timedelta) else value
              for name, value in sent['config'].items() if value != _config.DEFAULTS.get(name)}
    name = manager and [manager.__corps_address__.hex(), manager.__corps_external__, manager.__corps_creator__]
    plain = dict(sent, config=config, manager=name, path=[os.fspath(item) for item in sent['path']],
                 argv=[os.fspath(item) for item in sent['argv']])
    try:
        return json.dumps(plain).encode()
    except TypeError as error:
        raise NotSerializable(f'where the serializer is msgpack the configuration holds plain values: {error}') from None


def far_dumps(far):
    """What _boot.owned_data gives; boot_loads reads that too."""
    return json.dumps({'far': far}).encode()


def boot_loads(data):
    """Back."""
    sent = json.loads(data.decode())
    if 'config' not in sent:
        return sent
    config = dict(_config.DEFAULTS)
    for name, value in sent['config'].items():
        is_time = isinstance(config.get(name), datetime.timedelta)
        config[name] = datetime.timedelta(seconds=value) if is_time else value
    sent['config'] = config
    return sent


def boot_manager(described):
    """The managing Corps' Name."""
    from ._name import restore
    return described and restore(bytes.fromhex(described[0]), *described[1:])
