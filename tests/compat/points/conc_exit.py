"""exit() of a Conc runs cleanup() and gives True; later calls and exits raise promptly; what it created lives on."""

from Corps import Corps
from Exceptions import AsyncLocalMaxRetries
from Workers import create_Concs, create_Corps, LocType
from helpers import raised
from team import Worker


class Leaver(Worker):

    def __init__(self, witness):
        super().__init__()
        self.witness = witness
        self.creation = create_Concs(Worker, 'creation', LocType=LocType.EnvId, LocVal=1)[0]

    def get_creation(self):
        return self.creation

    def leave(self):
        self.exit()
        return 'left'

    def cleanup(self):
        self.witness.note('cleanup').Ret
        return 'ignored'


class ExitCorps(Corps):

    def run(self):
        witness = create_Concs(Worker)[0]
        for env in (0, 1):
            leaver, other = create_Concs(Leaver, witness, LocType=LocType.EnvId, LocVal=env, Num=2)
            creation = leaver.get_creation().Ret
            assert leaver.exit().Ret is True
            for _ in range(3):
                error = raised(lambda: leaver.get_label().Ret)
                assert isinstance(error, AsyncLocalMaxRetries), repr(error)
            error = raised(lambda: leaver.exit().Ret)
            assert isinstance(error, AsyncLocalMaxRetries), repr(error)
            assert creation.get_label().Ret == 'creation'
            assert other.leave().Ret == 'left'          # a Conc may end itself
            error = raised(lambda: other.get_label().Ret)
            assert isinstance(error, AsyncLocalMaxRetries), repr(error)
        return witness.noted().Ret


if __name__ == '__main__':
    corps = create_Corps(ExitCorps, ConfigDicts=[{'NumEnvs': 2}])
    assert corps.run().Ret == ['cleanup'] * 4
    corps.exit()
    print('OK')
