"""The serializers under test, one row each: how it dumps and loads, and what it is called.

A row's `prepare` runs in the sender before the first dump, with the module of the case (or None). Each row is imported only when
it is used, so that an interpreter without it can run the others.
"""
import os

SERIALIZERS = os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', '..', 'serializers')


def pickle_of(protocol):
    def make():
        import pickle
        return lambda x: pickle.dumps(x, protocol), pickle.loads
    return make


def dill_of(**settings):
    def make():
        import dill
        return lambda x: dill.dumps(x, **settings), dill.loads
    return make


def cloudpickle():
    import cloudpickle
    return cloudpickle.dumps, cloudpickle.loads


def by_value(module):
    import cloudpickle
    if module is not None and hasattr(cloudpickle, 'register_pickle_by_value'):
        cloudpickle.register_pickle_by_value(module)


def msgpack():
    import msgpack
    return msgpack.packb, lambda data: msgpack.unpackb(data, strict_map_key=False)


def marshal():
    import marshal
    return marshal.dumps, marshal.loads


def json():
    import json
    return lambda x: json.dumps(x).encode(), json.loads


def msgspec():
    import msgspec
    return msgspec.msgpack.encode, msgspec.msgpack.decode


def pyfory():
    """As its documentation sets it up for what pickle is for."""
    import pyfory
    fory = pyfory.Fory(xlang=False, ref=True, strict=False, compatible=False)
    return fory.serialize, fory.deserialize


def ormsgpack():
    import ormsgpack
    return ormsgpack.packb, ormsgpack.unpackb


def cbor2():
    import cbor2
    return cbor2.dumps, cbor2.loads


class _OfTheTree:
    """Finds _corps_NAME, which the core has built in, as serializers/NAME.py."""

    @staticmethod
    def find_spec(name, path=None, target=None):
        import importlib.util
        if name.startswith('_corps_'):
            return importlib.util.spec_from_file_location(name, os.path.join(SERIALIZERS, name[len('_corps_'):] + '.py'))


def auto_module():
    """The reducers of the serializer `auto`, under the name that its pickles refer to."""
    import sys
    if '_corps_auto' not in sys.modules:
        sys.meta_path.append(_OfTheTree)
    import _corps_auto
    return _corps_auto


def auto():
    """As over a link: definitions go along with the first message that needs them."""
    import pickle
    module = auto_module()
    import _corps_auto_definitions as definitions
    told, came = set(), {}

    def dumps(x):
        new = []

        def define(key, blob):
            if key not in told:
                told.add(key)
                new.append((key, blob))
            return True
        data = module.dumps(x, define=define)
        return pickle.dumps((new, data), 5)

    def loads(data):
        new, data = pickle.loads(data)
        came.update(new)
        definitions.lookup = came.get
        return module.loads(data)
    return dumps, loads


def auto_by_value(module):
    if module is not None and module.__name__ != '__main__':
        auto_module().register_by_value(module)


# name → (what gives dumps and loads, prepare, the module whose version is told)
CARRIERS = {
    'pickle4': (pickle_of(4), None, 'pickle'),
    'pickle5': (pickle_of(5), None, 'pickle'),
    'dill': (dill_of(), None, 'dill'),
    'dill-byref': (dill_of(byref=True), None, 'dill'),
    'dill-recurse': (dill_of(recurse=True), None, 'dill'),
    'cloudpickle': (cloudpickle, None, 'cloudpickle'),
    'cloudpickle-value': (cloudpickle, by_value, 'cloudpickle'),
    'auto': (auto, auto_by_value, '_corps_auto'),
    'msgpack': (msgpack, None, 'msgpack'),
    'msgspec': (msgspec, None, 'msgspec'),
    'pyfory': (pyfory, None, 'pyfory'),
    'ormsgpack': (ormsgpack, None, 'ormsgpack'),
    'cbor2': (cbor2, None, 'cbor2'),
    'marshal': (marshal, None, 'marshal'),
    'json': (json, None, 'json'),
}


def _version_of_auto():
    """'' where it can be loaded. It is made for CPython: PyPy has no gc.callbacks, and its functions are other than auto expects."""
    try:
        auto_module()
    except (ImportError, AttributeError):
        return None
    return ''


def version(name):
    """The version of what a carrier uses, '' when it tells none; None when it is not installed."""
    if name == 'auto':
        return _version_of_auto()
    try:
        module = __import__(CARRIERS[name][2])
    except ImportError:
        return None
    found = getattr(module, '__version__', None) or getattr(module, 'version', '')
    return '.'.join(map(str, found)) if isinstance(found, tuple) else str(found)
