# expect-stdout: OK
"""Every exception class of the standard library, and a subclass of each with a constructor of its own, arrives as what it
is: type, arguments, fields, notes, cause; as an argument, as a result, and raised. Never less than plain pickle carries."""

import importlib
import io
import pickle
import urllib.error
import warnings

from corps import AsyncExecutionError, Corps, create_Corps
from helpers import expect

MODULES = '''asyncio binascii bz2 calendar cmd codecs concurrent.futures configparser contextlib copy csv ctypes dataclasses dbm
decimal difflib doctest email email.errors ftplib getopt getpass gettext gzip hmac html http.client http.cookiejar imaplib inspect
ipaddress json lzma mailbox multiprocessing.managers netrc optparse pdb pickle plistlib poplib queue sched select shelve shutil
signal smtplib socket sqlite3 ssl statistics struct subprocess tarfile tempfile threading tokenize tomllib types unittest urllib.error
urllib.request urllib.robotparser uuid wave weakref webbrowser xml.dom xml.etree.ElementTree xml.parsers.expat xml.sax xmlrpc.client
zipfile zipimport zlib zoneinfo'''.split()

ARGUMENTS = ((), ('text',), (2, 'text'), (2, 'text', 'file'), ('text', 3), ('a', 'b', 'c'), ('text', ('file', 3, 1, 'code', 3, 2)),
             ('utf-8', b'\xff', 0, 1, 'why'), ('utf-8', 'x', 0, 1, 'why'), ('x', 0, 1, 'why'), ('text', [ValueError(1), KeyError('k')]),
             ('text', 'doc', 1), (1, 2, 3, 4), (b'1', 2), (1.5,))
"""What some class takes; each takes the first that it can."""

LEFT_OUT = ('__traceback__', '__cause__', '__context__', '__dict__', '__weakref__', 'obj', '__doc__')


class Parse(SyntaxError):
    def __init__(self, message, *, where):
        super().__init__(message, where)


class Service(Corps):
    def parse(self):
        raise Parse('text', where=('file', 3, 1, 'code'))

    def back(self, things):
        return things

    def throw(self, error):
        raise error


def classes():
    for module in MODULES:
        try:
            importlib.import_module(module)
        except ImportError:
            pass  # of another Python
    found, left = {}, [BaseException]
    while left:
        cls = left.pop()
        if cls not in found and not cls.__module__.startswith(('corps', '_corps', '__main__', '__mp_main__', 'helpers')):
            found[cls] = None
            left += cls.__subclasses__()
    return list(found)


def own(cls, args):
    def __init__(self, *, where):
        cls.__init__(self, *args)
        self.where = where
    made = type('Own' + cls.__name__, (cls,), {'__init__': __init__, '__module__': __name__})
    if issubclass(cls, BaseException) and hasattr(cls, 'exceptions'):
        return cls.__new__(made, *args), made
    return cls.__new__(made, *args), made


def has_name(cls):
    try:
        return pickle.loads(pickle.dumps(cls)) is cls
    except Exception:
        return False


def examples():
    """Of each class one that can be made, and one of a subclass with another constructor."""
    made, missed = [], []
    for cls in classes():
        if issubclass(cls, urllib.error.HTTPError) or not has_name(cls):
            continue  # it is a file as well: see check_http; or it belongs to a module that is not to be had
        for args in ARGUMENTS:
            try:
                error = cls(*args)
                str(error)
            except Exception:
                continue
            made.append(error)
            try:
                error, kind = own(cls, args)
                kind.__init__(error, where=args)
                made.append(error)
            except Exception:
                missed.append(cls)  # a class that cannot be derived from so
            break
        else:
            missed.append(cls)
    return made, missed


def state(error):
    """All that can be read of it, but what belongs to where it is."""
    found = {}
    for name in dir(error):
        if name in LEFT_OUT or name.startswith('__') and name != '__notes__':
            continue
        try:
            value = getattr(error, name)
        except AttributeError:
            continue
        if not callable(value):
            found[name] = text(value)
    return type(error), text(error.args), str(error), found


def text(value):
    if isinstance(value, BaseException):
        return repr((type(value), value.args))
    if isinstance(value, (list, tuple)):
        return [text(item) for item in value]
    return type(value).__name__ if ' at 0x' in repr(value) else repr(value)


def noted(error):
    error.__cause__ = KeyError('cause')
    if hasattr(error, 'add_note'):
        error.add_note('a note')
    else:
        error.__notes__ = ['a note']
    return error


def check_same(sent, came):
    wrong = [(state(ours), state(theirs)) for ours, theirs in zip(sent, came) if state(ours) != state(theirs)]
    assert len(sent) == len(came) and not wrong, wrong[:3]
    for error in came:
        assert repr(error.__cause__) == "KeyError('cause')" and error.__notes__ == ['a note'], error


def check_pickle(sent, came):
    """What plain pickle restores is there."""
    for ours, theirs in zip(sent, came):
        try:
            by_pickle = pickle.loads(pickle.dumps(ours))
        except Exception:
            continue
        more = set(state(by_pickle)[3]) - set(state(theirs)[3])
        assert not more, (ours, more)


def check_raised(service, sent):
    for error in sent:
        kind = type(error)
        came = expect(AsyncExecutionError, lambda: service.throw(error).result(60))
        assert type(came.Value) is kind, (kind, came)
        if isinstance(error, Exception) and not isinstance(error, AsyncExecutionError):
            assert isinstance(came, kind), (kind, type(came).__mro__)
            fields = {name: value for name, value in state(error)[3].items()
                      if name not in ('args', '__notes__') and value != 'None'}  # Python gives an AttributeError a name
            there = state(came)[3]
            assert all(there.get(name) == value for name, value in fields.items()), (error, fields, there)
            assert came.__notes__ == ['a note'], came


def check_parse(service):
    """What is raised comes whole whatever the serializer."""
    came = expect(Parse, lambda: service.parse().Ret)
    assert (came.lineno, came.filename, came.msg, came.Value.text) == (3, 'file', 'text', 'code')


def check_http(service):
    error = urllib.error.HTTPError('http://nowhere', 404, 'gone', {'a': 'b'}, io.BytesIO(b'body'))
    came = service.back(error).Ret
    assert (came.code, came.reason, came.filename, came.headers, came.read()) == (404, 'gone', 'http://nowhere', {'a': 'b'}, b'body')
    raised = expect(urllib.error.HTTPError, lambda: service.throw(error).Ret)
    assert raised.code == 404


def main():
    warnings.simplefilter('ignore')  # some fields are deprecated
    made, missed = examples()
    sent = [noted(error) for error in made]
    print('note: %d exceptions of %d classes; %d cannot be made here' % (len(sent), len(set(map(type, sent))), len(missed)))
    assert len(sent) > 300 and len(missed) < 40, missed
    for serializer in 'auto', 'pickle':
        with create_Corps(Service, ConfigDicts=[{'NumEnvs': 1}], Serializer=serializer) as service:
            if serializer == 'auto':
                came = service.back(sent).Ret
                check_same(sent, came)
                check_pickle(sent, came)
                check_http(service)
                check_raised(service, sent)
            else:
                check_parse(service)
    print('OK')


if __name__ == '__main__':
    main()
