"""Pickling by value, for the serializer `auto`: what pickle refuses, and what is defined in a __main__ that others
cannot import."""

import pickle
import types

from . import _core, _main

try:
    import cloudpickle
except ImportError:
    cloudpickle = None


def _travels_by_reference(thing):
    """Is it a function or class of our __main__ that every Env of ours has too?"""
    return (isinstance(thing, (types.FunctionType, type)) and getattr(thing, '__module__', None) == '__main__'
            and _main.defines(thing))


if cloudpickle is not None:
    import io

    class _Pickler(cloudpickle.Pickler):
        def reducer_override(self, thing):
            if _travels_by_reference(thing):
                return NotImplemented  # as pickle does
            return super().reducer_override(thing)

    def _by_value(thing, protocol=5, buffer_callback=None):
        with io.BytesIO() as file:
            _Pickler(file, protocol=protocol, buffer_callback=buffer_callback).dump(thing)
            return file.getvalue()
else:
    _by_value = None


def start():
    """Tells the core, once a process."""
    _core.by_value_set(_by_value, not _main.is_importable())


def dumps(thing):
    """As the serializer `auto` does, but in one piece."""
    try:
        data = pickle.dumps(thing, protocol=5)
        if b'__main__' not in data or _main.is_importable() or _by_value is None:
            return data
    except Exception:
        if _by_value is None:
            raise
    return _by_value(thing)


loads = pickle.loads
