"""What of a message is a definition, and may be left out of it: kept under a key of its content.

This module is `_corps_auto_definitions`.
"""
import hashlib
import importlib
import importlib.util
import marshal
import pickle
import sys
import types
import weakref

import _corps_auto_names
from _corps_auto_identity import making

PROTOCOL = 5
KEY_BYTES = 16
_loaded = {}  # key → what was made of it here
own = weakref.WeakValueDictionary()  # key → class of ours


def key_of(blob):
    """The name of a definition: of its content."""
    return hashlib.blake2b(blob, digest_size=KEY_BYTES).digest()


def lookup(key):
    """The blob of a definition that came; None: it never did. The host replaces it."""
    return None


def definition(key):
    found = _loaded.get(key)
    return found if found is not None else _load_definition(key)


def _load_definition(key):
    with making:
        found = _loaded.get(key, own.get(key))
        if found is not None:
            return found
        blob = lookup(key)
        if blob is None:
            raise pickle.UnpicklingError('a definition that this message needs never came')
        if key_of(blob) != key:
            raise pickle.UnpicklingError('a definition is not what its name says')
        found = _loaded[key] = pickle.loads(blob)
        return found


def forget(thing):
    """It has become something else since: definitions of it that came are out of date."""
    for key in [key for key, found in _loaded.items() if found is thing]:
        _loaded.pop(key, None)


_keys_of_code = weakref.WeakKeyDictionary()  # code → (key, blob)


def _code_here(magic, data):
    if magic != importlib.util.MAGIC_NUMBER:
        raise pickle.UnpicklingError('code of another version of Python cannot run on %s' % sys.version.split()[0])
    return marshal.loads(data)


_OF_CODE = ('co_consts', 'co_names', 'co_varnames', 'co_freevars', 'co_cellvars', 'co_filename', 'co_name', 'co_qualname', 'co_code',
            'co_linetable' if sys.version_info >= (3, 10) else 'co_lnotab', 'co_exceptiontable')
_marshalled = weakref.WeakKeyDictionary()  # code → its bytes


def _parts_of(part):
    """Everything that code consists of."""
    if isinstance(part, types.CodeType):
        part = tuple(getattr(part, name, None) for name in _OF_CODE)
    if isinstance(part, (tuple, frozenset)):
        for one in part:
            yield from _parts_of(one)
    yield part


def _with_whole_path(code):
    """As code of a main program has it in other processes, which load that from its whole path."""
    path = _corps_auto_names.whole_path(code.co_filename)
    if path == code.co_filename:
        return code
    consts = tuple(_with_whole_path(const) if isinstance(const, types.CodeType) else const for const in code.co_consts)
    return code.replace(co_consts=consts, co_filename=path)


def _marshal(code):
    """What others refer to is written otherwise than what nobody else does: while a list has all of it, all is alike."""
    data = _marshalled.get(code)
    if data is None:
        whole = code if _corps_auto_names.whole_path is None else _with_whole_path(code)
        parts = list(_parts_of(whole))
        data = _marshalled[code] = marshal.dumps(whole)
        del parts
    return data


def reduce_code(state, code):
    inline = _code_here, (importlib.util.MAGIC_NUMBER, _marshal(code))
    if state.define is None or state.building:
        return inline
    known = _keys_of_code.get(code)
    if known is None:
        blob = pickle.dumps(_Reduced(inline), PROTOCOL)
        known = _keys_of_code[code] = key_of(blob), blob
    return (definition, (known[0],)) if state.define(*known) else inline


class _Reduced:
    """Stands for what a reduction makes."""

    def __init__(self, reduction):
        self.reduction = reduction

    def __reduce__(self):
        return self.reduction
