"""AsyncRemoteMaxRetries raised by a method arrives as AsyncExecutionError with that TypeName."""

from Exceptions import AsyncExecutionError, AsyncRemoteMaxRetries
from Workers import create_Corps
from helpers import raised
from team import Team


class Tired(Team):

    def give_up(self):
        try:
            raise TimeoutError('no answer')
        except TimeoutError as error:
            raise AsyncRemoteMaxRetries(type(error).__name__, error, 'traceback text')


if __name__ == '__main__':
    corps = create_Corps(Tired, ConfigDicts=[{'NumEnvs': 1}])
    error = raised(lambda: corps.give_up().Ret)
    assert isinstance(error, AsyncExecutionError), repr(error)
    assert error.TypeName == 'AsyncRemoteMaxRetries'
    assert type(error.Value) is AsyncRemoteMaxRetries
    assert error.Value.TypeName == 'TimeoutError'
    assert error.Value.Value.args == ('no answer',)
    assert error.Value.TracebackStrings == 'traceback text'
    corps.exit()
    print('OK')
