"""Pickling: what travels by name because every Env has it too, and what by value.

What a main program that every Env imports defines travels by name with every serializer: by value it would arrive as
another class each time. The serializer `auto` is the module _corps_auto, which comes with the core.

What owns something outside of the process (_corps_owned) is refused or carried safely whatever the serializer.
"""

import importlib.machinery
import io
import os
import pickle
import sys
import types

from . import _core, _end, _main

allowed = True
"""Are pickles of others loaded here? Not in an Env of a Corps whose serializer runs no code (msgpack), nor in a program
that has created none but such Corps."""

_created = 0


def created(runs_code):
    """A program has created a Corps."""
    global allowed, _created
    _created += 1
    allowed = runs_code if _created == 1 else allowed or runs_code


def _travels_by_reference(thing):
    """Is it a function or class of our __main__ that every Env of ours has too?"""
    return (isinstance(thing, (types.FunctionType, type)) and getattr(thing, '__module__', None) == '__main__'
            and _main.defines(thing))


def _pickle(thing, protocol=5, buffer_callback=None):
    """pickle.dumps, with the guard. (The core does the same by itself, faster; this is for looking for what it refuses.)"""
    import _corps_auto
    return _corps_auto.dumps_by_name(thing, protocol, buffer_callback)


# The libraries are imported when they are first needed: that takes longer than the rest of the package.

_cloud_pickler = None


def _cloudpickle(thing, protocol=5, buffer_callback=None):
    """cloudpickle.dumps, but for the main program's own."""
    global _cloud_pickler
    if _cloud_pickler is None:
        import cloudpickle
        from _corps_owned import guard
        importable = _main.is_importable()

        class Pickler(cloudpickle.Pickler):
            def reducer_override(self, thing):
                answer = guard(None, thing)
                if answer is not NotImplemented:
                    return answer
                if importable and _travels_by_reference(thing):
                    return NotImplemented  # as pickle does
                return super().reducer_override(thing)

        _cloud_pickler = Pickler
    with io.BytesIO() as file:
        _cloud_pickler(file, protocol=protocol, buffer_callback=buffer_callback).dump(thing)
        return file.getvalue()


_dill_pickler = None


def _dill(thing, protocol=5, buffer_callback=None):
    """dill.dumps, but for the main program's own."""
    global _dill_pickler
    if _dill_pickler is None:
        import dill
        from _corps_auto import refuse_file
        from _corps_owned import guard
        importable = _main.is_importable()

        class Pickler(dill.Pickler):
            def reducer_override(self, thing):
                if importable and _travels_by_reference(thing):
                    return thing.__qualname__
                if type(thing) in _FILES:
                    refuse_file(thing)  # dill empties what is open for writing
                return guard(None, thing)

        _dill_pickler = Pickler
        for module in dill._dill, dill.session:  # they hold the main program to the very end
            _end.at_last.append(lambda names=vars(module): names.update(_main_module=None))
    with io.BytesIO() as file:
        _dill_pickler(file, protocol=protocol, buffer_callback=buffer_callback, recurse=_main.is_importable()).dump(thing)
        return file.getvalue()


_FILES = (io.TextIOWrapper, io.BufferedReader, io.BufferedWriter, io.BufferedRandom, io.FileIO)


def _auto_code(module):
    """The compiled source of _corps_auto and its like, from the cache where there is one."""
    path = os.path.join(os.path.dirname(__file__), module[len('_corps'):] + '.py')
    return importlib.machinery.SourceFileLoader(module, path).get_code(module)


def start():
    """Tells the core, once a process."""
    import _corps_auto_names
    _corps_auto_names.by_reference = _travels_by_reference
    if sys.version_info < (3, 9):
        _corps_auto_names.whole_path = _main.whole_path
    _core.picklers_set(_pickle, _cloudpickle, _dill, _auto_code)


def load():
    """In the template process: what every Env needs as soon as it pickles is there when it is forked."""
    import _corps_auto
    return _corps_auto.dumps


def dumps(thing):
    """As the serializer `auto` does, but in one piece."""
    import _corps_auto
    return _corps_auto.dumps_as_it_lies(thing)


def loads(data):
    """Of a pickle that somebody else has made."""
    limit = os.environ.get('CORPS_UNPICKLE_ALLOW')
    if limit is None:
        return pickle.loads(data)
    import _corps
    return _corps.restricted(limit)(data)
