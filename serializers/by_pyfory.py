"""pyfory (Apache Fory), for comparison: as its documentation sets it up for what pickle is for. Objects of any class, references kept.

This module is `_corps_by_pyfory`.
"""
import pickle
import threading

import pyfory

__version__ = pyfory.__version__
_local = threading.local()


def _fory():
    """One a thread: they are not safe to share."""
    if not hasattr(_local, 'fory'):
        _local.fory = pyfory.Fory(xlang=False, ref=True, strict=False, compatible=False)
    return _local.fory


def dumps(thing, protocol=None, buffer_callback=None):
    return bytes(_fory().serialize(bytes(thing.raw()) if type(thing) is pickle.PickleBuffer else thing))


def loads(data, buffers=()):
    return _fory().deserialize(bytes(data))
