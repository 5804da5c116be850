"""create_Concs PerEnv: Num in every Env, listed round by round."""

from Corps import Corps
from Workers import create_Concs, create_Corps, LocType
from team import Worker


class PerEnvCorps(Corps):

    def places(self, number):
        names = create_Concs(Worker, LocType=LocType.PerEnv, LocVal=None, Num=number)
        assert type(names) is list
        return [name.where().Ret for name in names]


if __name__ == '__main__':
    corps = create_Corps(PerEnvCorps, ConfigDicts=[{'NumEnvs': 3}])
    assert corps.places(1).Ret == [0, 1, 2]
    assert corps.places(3).Ret == [0, 1, 2] * 3
    corps.exit()
    print('OK')
