"""Serializing, as calls do it."""

import pickle

import corps.compat
from corps import _config
from corps._pickling import dumps as pack, loads as unpack  # noqa: F401

corps.compat.start()
CorpsPickleProtocol = 5


def versions():
    """One line: the serializer and its protocol."""
    serializer = _config.values['Serializer'] or 'auto (pickle, and cloudpickle for what it refuses)'
    return (f'Corps serializer {serializer}, pickle protocol {CorpsPickleProtocol}, '
            f'default {pickle.DEFAULT_PROTOCOL}, highest {pickle.HIGHEST_PROTOCOL}')
