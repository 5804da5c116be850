"""create_Concs Auto: round robin by a counter of the creating Env, from 0, not moved by EnvId and PerEnv."""

from Corps import Corps
from Workers import create_Concs, create_Corps, LocType
from team import Worker


class Creator(Worker):

    def create(self, number):
        return [name.where().Ret for name in create_Concs(Worker, Num=number)]


class AutoCorps(Corps):

    def places(self, *args, **kwargs):
        return [name.where().Ret for name in create_Concs(Worker, *args, **kwargs)]

    def places_from(self, env, number):
        creator = create_Concs(Creator, LocType=LocType.EnvId, LocVal=env)[0]
        return creator.create(number).Ret


if __name__ == '__main__':
    corps = create_Corps(AutoCorps, ConfigDicts=[{'NumEnvs': 3}])
    assert corps.places(Num=2).Ret == [0, 1]
    assert corps.places(Num=5, LocType=LocType.Auto).Ret == [2, 0, 1, 2, 0]
    assert corps.places(LocType=LocType.EnvId, LocVal=0, Num=2).Ret == [0, 0]
    assert corps.places(LocType=LocType.PerEnv).Ret == [0, 1, 2]
    assert corps.places().Ret == [1]
    assert corps.places_from(1, 4).Ret == [0, 1, 2, 0]      # Env 1 has a counter of its own
    assert corps.places_from(1, 2).Ret == [1, 2]            # shared by all Concs of that Env
    assert corps.places_from(0, 1).Ret == [2]               # Env 0 goes on where the Corps stopped
    corps.exit()
    print('OK')
