"""Context variables and contexts; loggers with what is set there.

A variable that is a global of a module is that module's over there. Another one has a number, of its name and default: it
is the same in every message, and on its way home. (Nothing can refer to a variable weakly: it is never freed here.)

This module is `_corps_auto_contexts`.
"""
import contextvars
import importlib
import sys
import types

from _corps_auto_definitions import key_of
from _corps_auto_identity import making
from _corps_auto_names import in_registered

_names = {}  # variable → (module, name) that it is a global of, None: of none
_numbers = {}  # variable → its number
_numbered = {}  # and back


def _name_of(variable):
    if variable not in _names:
        _names[variable] = next(
            ((module, name) for module, loaded in list(sys.modules.items()) if type(loaded) is types.ModuleType
             and module not in ('__main__', '__mp_main__') and not in_registered(module)
             for name, value in list(vars(loaded).items()) if value is variable), None)
    return _names[variable]


def _global(module, name):
    return getattr(importlib.import_module(module), name)


def _defaults_of(variable):
    try:
        return contextvars.Context().run(variable.get),
    except LookupError:
        return ()


def reduce_variable(state, variable):
    name = _name_of(variable)
    if name is not None:
        return _global, name
    defaults = _defaults_of(variable)
    number = _numbers.get(variable)
    if number is None:
        with making:
            number = key_of(state.bytes_of((variable.name, defaults)))
            while number in _numbered:
                number = key_of(number)  # its like
            _numbers[variable], _numbered[number] = number, variable
    return _variable, (variable.name, defaults, number)


def _variable(name, defaults, number):
    with making:
        found = _numbered.get(number)
        if found is None:
            found = contextvars.ContextVar(name, default=defaults[0]) if defaults else contextvars.ContextVar(name)
            _numbers[found], _numbered[number] = number, found
        return found


def reduce_context(state, context):
    return _context, (), dict(context), None, None, _fill_context


def _context():
    return contextvars.Context()  # the class says that it is of builtins, before Python 3.9


def _fill_context(context, values):
    for variable, value in values.items():
        context.run(variable.set, value)


def is_logger(cls):
    """Without importing logging."""
    return cls.__name__ != 'RootLogger' and any(base.__module__ == 'logging' and base.__name__ == 'Logger' for base in cls.__mro__)


def reduce_logger(state, logger):
    """Pickle sends its name alone."""
    import logging
    if logger.level == logging.NOTSET and logger.propagate and not logger.disabled or logging.getLogger(logger.name) is not logger:
        return NotImplemented  # pickle says no to what is not of its name
    return _logger, (logger.name, logger.level, logger.propagate, logger.disabled)


def _logger(name, level, propagate, disabled):
    """What is set here stays."""
    import logging
    logger = logging.getLogger(name)
    if logger.level == logging.NOTSET and not logger.handlers and name != 'root':
        logger.setLevel(level)
        logger.propagate, logger.disabled = propagate, disabled
    return logger
