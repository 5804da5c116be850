"""create_Concs EnvId puts all Num into one Env; Num below 1 gives None before anything else is checked."""

from Corps import Corps
from Workers import create_Concs, create_Corps, LocType
from helpers import raised
from team import Worker


class EnvIdCorps(Corps):

    def places(self, env, number):
        names = create_Concs(Worker, 'x', LocType=LocType.EnvId, LocVal=env, Num=number)
        assert len(set(f'{name}' for name in names)) == number
        return [name.where().Ret for name in names]

    def none(self):
        return [create_Concs(Worker, Num=0), create_Concs(Worker, Num=-3),
                create_Concs(Worker, Num=0, LocType=LocType.EnvId, LocVal=99)]

    def bad_number(self):
        return isinstance(raised(create_Concs, Worker, Num='2'), TypeError)


if __name__ == '__main__':
    corps = create_Corps(EnvIdCorps, ConfigDicts=[{'NumEnvs': 2}])
    assert corps.places(1, 3).Ret == [1, 1, 1]
    assert corps.places(0, 2).Ret == [0, 0]
    assert corps.none().Ret == [None, None, None]
    assert corps.bad_number().Ret is True
    corps.exit()
    print('OK')
