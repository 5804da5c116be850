"""msgspec's msgpack, for comparison: data, and the fields of dataclasses, attrs and Structs, which arrive as dicts.

This module is `_corps_by_msgspec`.
"""
import pickle

import msgspec

__version__ = msgspec.__version__


def _other(thing):
    if type(thing) is pickle.PickleBuffer:
        return thing.raw()
    raise TypeError('msgspec carries data alone, not %s' % type(thing).__name__)


_encoder, _decoder = msgspec.msgpack.Encoder(enc_hook=_other), msgspec.msgpack.Decoder()


def dumps(thing, protocol=None, buffer_callback=None):
    return _encoder.encode(thing)


def loads(data, buffers=()):
    return _decoder.decode(data)
