"""Logging in Envs: what the program's own code configures there holds; until it does, records go to standard error as the
configuration says, or where that says nothing, as the program writes its own.
"""

import functools
import logging
import pickle
import sys

from . import _config, _pickling

_STREAMS = 'stdout', 'stderr'


def _stream_name(handler):
    """'stdout' or 'stderr', None for what writes elsewhere."""
    for name in _STREAMS:
        if getattr(handler, 'stream', None) in (getattr(sys, name), getattr(sys, f'__{name}__')):
            return name
    return None


def _program_handler():
    """The root handler whose records look like the program's: the one that writes to the terminal, else to a file."""
    handlers = logging.getLogger().handlers
    streams = [handler for handler in handlers if _stream_name(handler)]
    files = [handler for handler in handlers if isinstance(handler, logging.FileHandler)]
    return (streams + files + [None])[0]


def description(config, dicts, by_name):
    """What Envs are told of this program's logging: what the configuration leaves open. by_name: without pickles."""
    given = {name for entries in dicts for name in entries}
    given.update(name for name, value in _config.DEFAULTS.items() if config[name] != value)
    handler = _program_handler()
    if handler is None:
        return {}
    stream = _stream_name(handler)
    told = {'stream': stream}
    if stream and 'Logging_Level' not in given:  # what goes to a file is not meant for the terminal, unless it is grave
        told['level'] = max(handler.level, logging.getLogger().level)
    if 'Logging_Format' in given or 'Logging_Datefmt' in given:
        return told
    formatter = handler.formatter or logging.Formatter()
    if by_name:
        return dict(told, format=formatter._fmt, datefmt=formatter.datefmt) if '%(' in (formatter._fmt or '') else told
    try:
        told['formatter'] = _pickling.dumps(formatter)
    except Exception:
        pass  # it is bound to the program: ours must do
    return told


class _Ours(logging.StreamHandler):
    """Yields to handlers that the program adds beside it."""

    def emit(self, record):
        if logging.getLogger().handlers == [self]:
            super().emit(record)


def _yield_to(configure, handler):
    """logging.basicConfig as if `handler` were not there."""
    @functools.wraps(configure)
    def basicConfig(**options):
        logging.getLogger().removeHandler(handler)
        return configure(**options)
    return basicConfig


_handler = None


def begin(config, told):
    """In an Env, before the main program is imported."""
    global _handler
    _handler = _Ours(getattr(sys, told.get('stream') or 'stderr'))
    _handler.setFormatter(logging.Formatter(told.get('format', config['Logging_Format']),
                                            told.get('datefmt', config['Logging_Datefmt'])))
    root = logging.getLogger()
    root.addHandler(_handler)
    root.setLevel(told.get('level', config['Logging_Level']))
    logging.basicConfig = _yield_to(logging.basicConfig, _handler)


def settle(told):
    """When it has been imported, with the classes that a formatter of its own needs."""
    if 'formatter' in told:
        try:
            _handler.setFormatter(pickle.loads(told['formatter']))
        except Exception as error:
            logging.getLogger('corps').warning('the format of the program\'s records is not available here: %s', error)
