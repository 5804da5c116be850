"""Pickling by value: what pickle refuses, and what is defined in a __main__ that others cannot import.

What a main program that every Env imports defines travels by reference with every serializer: by value it would arrive
as another class each time.
"""

import io
import pickle
import types

from . import _core, _main


def _travels_by_reference(thing):
    """Is it a function or class of our __main__ that every Env of ours has too?"""
    return (isinstance(thing, (types.FunctionType, type)) and getattr(thing, '__module__', None) == '__main__'
            and _main.defines(thing))


# The libraries are imported when they are first needed: that takes longer than the rest of the package.

_cloud_pickler = None


def _by_value(thing, protocol=5, buffer_callback=None):
    """cloudpickle.dumps, but for the main program's own. Raises ImportError where it is not installed."""
    global _cloud_pickler
    if _cloud_pickler is None:
        import cloudpickle

        class Pickler(cloudpickle.Pickler):
            def reducer_override(self, thing):
                if _travels_by_reference(thing):
                    return NotImplemented  # as pickle does
                return super().reducer_override(thing)

        _cloud_pickler = Pickler
    with io.BytesIO() as file:
        _cloud_pickler(file, protocol=protocol, buffer_callback=buffer_callback).dump(thing)
        return file.getvalue()


_dill_pickler = None
_main_by_value = False  # something of our __main__ may have to travel by value


def _dill(thing, protocol=5, buffer_callback=None):
    """dill.dumps, but for the main program's own."""
    global _dill_pickler
    if _dill_pickler is None:
        import dill

        class Pickler(dill.Pickler):
            def reducer_override(self, thing):
                return thing.__qualname__ if _travels_by_reference(thing) else NotImplemented

        _dill_pickler = Pickler
    with io.BytesIO() as file:
        _dill_pickler(file, protocol=protocol, buffer_callback=buffer_callback, recurse=True).dump(thing)
        return file.getvalue()


def start():
    """Tells the core, once a process."""
    global _main_by_value
    importable = _main.is_importable()
    _main_by_value = _main.has_own()
    _core.by_value_set(_by_value, _by_value if importable else None, _dill if importable else None, _main_by_value)


def dumps(thing):
    """As the serializer `auto` does, but in one piece."""
    data, refused = None, None
    try:
        data = pickle.dumps(thing, protocol=5)
        if b'__main__' not in data or not _main_by_value:
            return data
    except Exception as error:
        refused = error
    try:
        return _by_value(thing)
    except ImportError:
        if data is None:
            raise refused from None
        return data


loads = pickle.loads
