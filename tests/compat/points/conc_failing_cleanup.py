"""When cleanup() raises, the exception goes to the caller of exit() and the Worker stays alive."""

from Exceptions import AsyncExecutionError
from Workers import create_Concs, create_Corps, LocType
from helpers import raised
from team import Team, Worker


class Stubborn(Worker):

    def __init__(self):
        super().__init__()
        self.refusals = 2

    def cleanup(self):
        if self.refusals:
            self.refusals -= 1
            raise RuntimeError('not yet')
        return True


class StubbornCorps(Team):

    def __init__(self):
        super().__init__()
        self.refusals = 1

    def run(self):
        for name in create_Concs(Stubborn, LocType=LocType.PerEnv):
            error = raised(lambda: name.exit().Ret)
            assert isinstance(error, AsyncExecutionError) and error.TypeName == 'RuntimeError', repr(error)
            assert name.get_label().Ret == 'worker'
            assert name.exit(NoReply=True).Ret is None
            assert name.refusals.Ret == 0
            assert name.exit().Ret is True
        return True

    def cleanup(self):
        if self.refusals:
            self.refusals -= 1
            raise RuntimeError('not yet')
        return True


if __name__ == '__main__':
    corps = create_Corps(StubbornCorps, ConfigDicts=[{'NumEnvs': 2}])
    assert corps.run().Ret is True
    error = raised(lambda: corps.exit().Ret)
    assert isinstance(error, AsyncExecutionError) and error.TypeName == 'RuntimeError', repr(error)
    assert corps.get_label().Ret == 'team'
    assert corps.exit().Ret is True
    print('OK')
