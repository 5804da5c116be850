"""What a method raises arrives as AsyncExecutionError and as the original type; its fields, text and traceback."""

import pickle
import sys

from corps import (AsyncAttributeError, AsyncExecutionError, AsyncRemoteException, Conc, Corps, create_Concs,
                   create_Corps)
from helpers import expect


class MyError(Exception):
    def __init__(self, code, *, hint):
        super().__init__('code {}'.format(code))
        self.code = code
        self.hint = hint

    def __reduce__(self):
        return make_my_error, (self.code, self.hint)


def make_my_error(code, hint):
    return MyError(code, hint=hint)


class Required(Exception):
    def __init__(self, first, second):
        super().__init__(first, second)
        self.first, self.second = first, second


KINDS = [ValueError, KeyError, IndexError, ZeroDivisionError, TypeError, RuntimeError, NotImplementedError,
         TimeoutError, FileNotFoundError, LookupError, ArithmeticError, AssertionError, StopIteration, EOFError,
         MemoryError,
         UnicodeError, RecursionError, ConnectionResetError, StopAsyncIteration, BufferError, SyntaxError]


class Worker(Conc):
    def throw(self, kind, *args):
        raise kind(*args)

    def throw_mine(self):
        raise MyError(7, hint='look')

    def oserror(self, path):
        return open(path)

    def unicode(self):
        return b'\xff'.decode('utf-8')

    def base(self, kind):
        raise kind('base')


class Service(Corps):
    def __init__(self):
        super().__init__()
        self.workers = create_Concs(Worker, Num=2)

    def names(self):
        return self.workers

    def inside(self):
        return [type(expect(KeyError, lambda: worker.throw(KeyError, 'k').Ret).Value) is KeyError
                for worker in self.workers]


def check_kinds(worker):
    for kind in KINDS:
        error = expect(kind, lambda: worker.throw(kind, 'text').result(60))
        assert isinstance(error, AsyncExecutionError) and isinstance(error, AsyncRemoteException), kind
        assert error.TypeName == kind.__name__ and type(error.Value) is kind and error.Value.args == ('text',), kind
        assert 'in throw' in error.TracebackStrings and kind.__name__ in error.TracebackStrings
        assert kind.__name__ in str(error) and 'text' in str(error)
        assert type(expect(AsyncExecutionError, lambda: worker.throw(kind, 'text').result(60))) is type(error)
    error = expect(AttributeError, lambda: worker.throw(AttributeError, 'x').Ret)
    assert isinstance(error, AsyncAttributeError)
    again = pickle.loads(pickle.dumps(expect(ValueError, lambda: worker.throw(ValueError, 'p').Ret)))
    assert isinstance(again, AsyncExecutionError) and again.TypeName == 'ValueError' and again.Value.args == ('p',)


def check_details(worker):
    error = expect(MyError, lambda: worker.throw_mine().Ret)
    assert error.Value.code == 7 and error.Value.hint == 'look' and (error.code, error.hint) == (7, 'look')
    error = expect(Required, lambda: worker.throw(Required, 1, 2).Ret)
    assert error.Value.args == (1, 2) and error.second == 2
    error = expect(FileNotFoundError, lambda: worker.oserror('/no/such/file').Ret)
    assert error.Value.errno == 2 and error.Value.filename == '/no/such/file'
    assert error.errno == 2 and error.filename == '/no/such/file', (error.errno, error.filename)
    assert error.strerror == error.Value.strerror
    error = expect(UnicodeDecodeError, lambda: worker.unicode().Ret)
    assert error.Value.start == 0 and error.Value.encoding == 'utf-8'


def check_base_exceptions(worker):
    """What is no Exception does not end the Worker, and arrives as AsyncExecutionError only."""
    for kind in (KeyboardInterrupt, SystemExit, GeneratorExit):
        error = expect(AsyncExecutionError, lambda: worker.base(kind).result(60))
        assert error.TypeName == kind.__name__ and not isinstance(error, kind), kind


def main():
    with create_Corps(Service, ConfigDicts=[{'NumEnvs': 2}]) as service:
        for worker in service.names().Ret:
            check_kinds(worker)
            check_details(worker)
            check_base_exceptions(worker)
        assert service.inside().Ret == [True, True]
    print('OK')


if __name__ == '__main__':
    sys.exit(main())
