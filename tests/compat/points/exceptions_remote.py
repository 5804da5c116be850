"""An exception of a method arrives as AsyncExecutionError with TypeName, Value and TracebackStrings; also nested."""

from Corps import Corps
from Exceptions import AsyncExecutionError, AsyncRemoteException
from Workers import create_Concs, create_Corps, LocType
from helpers import raised
from team import Worker


class OwnError(Exception):
    pass


class Thrower(Worker):

    def throw(self, text):
        return self.deeper(text)

    def deeper(self, text):
        raise OwnError(text, 42)

    def throw_chained(self):
        try:
            {}['key']
        except KeyError as error:
            raise OwnError('chained') from error

    def pass_on(self, name):
        return name.throw('inner').Ret

    def bad_call(self, x):
        return x


class ThrowCorps(Corps):

    def get_names(self):
        return create_Concs(Thrower, LocType=LocType.PerEnv)

    def throw(self, text):
        raise OwnError(text, 42)

    def run(self):
        names = self.get_names()
        for name in names:
            check(name)
            error = raised(lambda: name.throw_chained().Ret)
            assert error.TypeName == 'OwnError' and 'KeyError' in error.TracebackStrings
            error = raised(lambda: name.bad_call().Ret)
            assert isinstance(error, AsyncExecutionError) and error.TypeName == 'TypeError', repr(error)
            for other in names:
                if f'{other}' != f'{name}':
                    check_nested(raised(lambda: name.pass_on(other).Ret))
            assert name.get_label().Ret == 'worker'
        return True


def check(name):
    """Provoke an exception and look at all that arrives."""
    error = raised(lambda: name.throw('the text').Ret)
    assert type(error) is AsyncExecutionError
    assert isinstance(error, AsyncRemoteException)
    assert error.TypeName == 'OwnError'
    assert type(error.Value).__name__ == 'OwnError'
    assert error.Value.args == ('the text', 42)
    assert isinstance(error.TracebackStrings, str)
    assert 'throw' in error.TracebackStrings and 'the text' in error.TracebackStrings
    assert error.args[0] == 'OwnError' and error.args[2] == error.TracebackStrings
    assert 'OwnError' in str(error) and 'the text' in str(error)


def check_nested(error):
    """The exception of a Worker that has let pass the exception of another one."""
    assert isinstance(error, AsyncExecutionError)
    assert error.TypeName == 'AsyncExecutionError'
    assert type(error.Value) is AsyncExecutionError
    assert error.Value.TypeName == 'OwnError'
    assert error.Value.Value.args == ('inner', 42)


if __name__ == '__main__':
    corps = create_Corps(ThrowCorps, ConfigDicts=[{'NumEnvs': 2}])
    assert corps.run().Ret is True
    check(corps)
    corps.exit()
    print('OK')
