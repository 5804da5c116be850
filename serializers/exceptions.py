"""Exceptions, whole: of their own type, with the fields that C keeps outside of __dict__, their cause, context and notes.

They are made without their class's __init__ and __new__, which may want other arguments than those that BaseException
keeps. Works on Python 3.8 and later, imports nothing but the standard library. This module is `_corps_exceptions`.
"""
import io
import types

PROTOCOL = 5

_IN_PYTHON = 1 << 9  # Py_TPFLAGS_HEAPTYPE
_NOT_SENT = frozenset(('obj',))  # AttributeError's: whose attribute it was, which is no part of the news
_RAISED = ('__cause__', '__context__', '__suppress_context__', '__notes__')


def _native(cls):
    """The built-in class that gives an exception's class its layout."""
    while cls.__flags__ & _IN_PYTHON:
        cls = cls.__base__
    return cls


def _is_group(exception):
    return any(base.__name__ == 'BaseExceptionGroup' and base.__module__ == 'builtins' for base in type(exception).__mro__)


def _new_args(exception):
    return (exception.message, list(exception.exceptions)) if _is_group(exception) else exception.args


def _new(cls, *args):
    made = _native(cls).__new__(cls, *args)
    made.args = args
    return made


def _fields(exception):
    """What built-in classes keep outside of __dict__, such as errno."""
    found = {}
    for base in type(exception).__mro__:
        if base.__flags__ & _IN_PYTHON or base in (BaseException, object):
            continue
        for name, kind in dict(vars(base)).items():
            if type(kind) in (types.MemberDescriptorType, types.GetSetDescriptorType) and not name.startswith('__') \
                    and name not in _NOT_SENT:
                value = getattr(exception, name, None)
                if value is not None:
                    found.setdefault(name, value)
    return found


def _set_fields(exception, found):
    for name, value in found.items():
        try:
            setattr(exception, name, value)
        except (AttributeError, TypeError):
            pass  # read-only: it came with the arguments


def _attributes(exception):
    """What is in its __dict__ and slots."""
    found = dict(exception.__dict__)
    for base in type(exception).__mro__:
        slots = vars(base).get('__slots__', ())
        for name in (slots,) if isinstance(slots, str) else slots:
            if name not in ('__dict__', '__weakref__') and hasattr(exception, name):
                found[name] = getattr(exception, name)
    return _without_connection(found) if _is_http_error(exception) else found


def _set_attributes(exception, found):
    for name, value in found.items():
        object.__setattr__(exception, name, value)
    if _is_http_error(exception):
        import tempfile
        tempfile._TemporaryFileWrapper.__init__(exception, exception.fp, '<response>', delete=False)  # as urllib.response does


def _is_http_error(exception):
    return any(base.__module__ == 'urllib.error' and base.__name__ == 'HTTPError' for base in type(exception).__mro__)


def _without_connection(found):
    """An error of HTTP is the answer as well, a file over a connection: of that goes along what is in memory."""
    body = found.get('fp')
    kept = {name: value for name, value in found.items() if name not in ('file', '_closer', 'delete') and not callable(value)}
    kept['fp'] = io.BytesIO(body.getvalue() if isinstance(body, io.BytesIO) else b'')
    return kept


def like(cls, exception):
    """A new exception of `cls`, a class derived from that of `exception`, with what is in this one; for whoever calls its
    __init__ then."""
    made = _new(cls, *_new_args(exception))
    _set_attributes(made, _attributes(exception))
    _set_fields(made, _fields(exception))
    return made


def _place(cls, names):
    """How far up one of these methods is written in Python; beyond all classes: nowhere."""
    for index, base in enumerate(cls.__mro__):
        if any(isinstance(vars(base).get(name), (types.FunctionType, staticmethod)) for name in names):
            return index
    return len(cls.__mro__)


def _as_said(exception):
    """What a class that says in Python how it is pickled makes of it, None: nothing is said. A class that inherits this,
    and has a constructor of its own of which that cannot know, says nothing."""
    cls = type(exception)
    said = _place(cls, ('__reduce__', '__reduce_ex__'))
    if said == len(cls.__mro__):
        return None
    reduced = exception.__reduce_ex__(PROTOCOL)
    calls_class = isinstance(reduced, tuple) and reduced[0] is cls
    return None if calls_class and _place(cls, ('__init__', '__new__')) < said else reduced


def reduce(state, exception):
    raised = [getattr(exception, name, None) for name in _RAISED]
    reduced = _as_said(exception)
    if reduced is None:
        return (_new, (type(exception), *_new_args(exception)), (_attributes(exception), _fields(exception), exception.args, *raised),
                None, None, _fill)
    if not isinstance(reduced, tuple) or len(reduced) > 3:
        return reduced
    make, args, said = (reduced + (None,))[:3]
    return make, args, (said, *raised), None, None, _fill_as_said


def _fill(exception, state):
    own, native, args, *raised = state
    if isinstance(type(exception).__setstate__, types.FunctionType):
        exception.__setstate__(own)
    else:
        _set_attributes(exception, own)
    _set_fields(exception, native)
    exception.args = args
    _fill_raised(exception, raised)


def _fill_as_said(exception, state):
    said, *raised = state
    if said:
        exception.__setstate__(said)
    _fill_raised(exception, raised)


def _fill_raised(exception, raised):
    for name, value in zip(_RAISED, raised):
        if value is not None:
            setattr(exception, name, value)
