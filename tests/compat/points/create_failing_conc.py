"""A failing constructor of a Conc: AsyncExecutionError, in the own Env of the original type too."""

from Conc import Conc
from Corps import Corps
from Exceptions import AsyncExecutionError
from Workers import create_Concs, create_Corps, LocType
from helpers import raised
from team import Worker


class Faulty(Conc):

    def __init__(self, text):
        super().__init__()
        raise LookupError(text)


class Picky(Conc):
    """Can be created in Env 0 only."""

    def __init__(self):
        super().__init__()
        from EnvGlobals import my_EnvId
        if my_EnvId() != 0:
            raise ValueError('not here')


class FaultyCorps(Corps):

    def own_env(self):
        error = raised(create_Concs, Faulty, 'near', LocType=LocType.EnvId, LocVal=0)
        assert isinstance(error, LookupError) and error.Value.args == ('near',), repr(error)
        error = raised(create_Concs, Faulty, LocType=LocType.EnvId, LocVal=0)
        assert isinstance(error, TypeError), repr(error)

    def other_env(self):
        error = raised(create_Concs, Faulty, 'far', LocType=LocType.EnvId, LocVal=1)
        assert isinstance(error, AsyncExecutionError), repr(error)
        assert error.TypeName == 'LookupError'
        assert error.Value.args == ('far',)
        assert 'far' in error.TracebackStrings
        error = raised(create_Concs, Picky, LocType=LocType.PerEnv)
        assert isinstance(error, AsyncExecutionError) and error.TypeName == 'ValueError', repr(error)

    def places(self):
        return [name.where().Ret for name in create_Concs(Worker, LocType=LocType.PerEnv)]


if __name__ == '__main__':
    corps = create_Corps(FaultyCorps, ConfigDicts=[{'NumEnvs': 2}])
    corps.own_env().Ret
    corps.other_env().Ret
    assert corps.places().Ret == [0, 1]
    corps.exit()
    print('OK')
