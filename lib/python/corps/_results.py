"""What Envs keep for calls with Retry, as a configuration says it."""

import datetime
import operator

from . import _config


def _nanoseconds(config, name):
    """A variable that is a timedelta or a number of seconds."""
    given = config[name]
    seconds = given.total_seconds() if isinstance(given, datetime.timedelta) else given
    try:
        found = int(seconds * 1e9)
    except (TypeError, ValueError, OverflowError):
        raise ValueError(f'{name} must be a timedelta or a number of seconds, not {given!r}') from None
    if found <= 0:
        raise ValueError(f'{name} must be more than nothing, not {given!r}')
    return found


def options(config):
    """What Envs keep for calls with Retry. The default that Corps Python 0.1 shows for the time, a second, is no time for a retry call:
    it counts only where a program has said so itself, and the core's default where none has."""
    told = {'results_clean_ns': _nanoseconds(config, 'ResultsCache_Min_Clean_Interval')}
    if config['ResultsCache_Max_Entry_TTL'] is not _config.DEFAULTS['ResultsCache_Max_Entry_TTL']:
        told['results_ttl_ns'] = _nanoseconds(config, 'ResultsCache_Max_Entry_TTL')
    for key, name in (('results_count', 'ResultsCache_Max_Entries'), ('results_bytes', 'ResultsCache_Max_Bytes')):
        if config[name] is not None:
            told[key] = operator.index(config[name])
            if told[key] < 1:
                raise ValueError(f'{name} must be at least 1, not {config[name]!r}')
    return told
