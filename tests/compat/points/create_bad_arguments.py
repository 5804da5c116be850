"""create_Concs refuses a bad LocVal, the places that do not exist yet, and what is no Conc."""

from Corps import Corps
from Workers import create_Concs, create_Corps, LocType
from helpers import raised
from team import Worker


class Plain:
    pass


class BadCorps(Corps):

    def check_loc_val(self):
        for value in (2, 3, 100, -1):
            error = raised(create_Concs, Worker, LocType=LocType.EnvId, LocVal=value)
            assert isinstance(error, IndexError), (value, error)
        for value in (None, '1'):
            error = raised(create_Concs, Worker, LocType=LocType.EnvId, LocVal=value)
            assert isinstance(error, TypeError), (value, error)
        assert isinstance(raised(create_Concs, Worker, LocVal=0), ValueError)
        assert isinstance(raised(create_Concs, Worker, LocType=LocType.PerEnv, LocVal=1), ValueError)

    def check_loc_type(self):
        for kind in (LocType.Host, LocType.Cluster, LocType.Region):
            assert isinstance(raised(create_Concs, Worker, LocType=kind), NotImplementedError), kind
        raised(create_Concs, Worker, LocType='somewhere')

    def check_class(self):
        assert isinstance(raised(create_Concs, Plain), AssertionError)
        assert isinstance(raised(create_Concs, 5), TypeError)
        assert isinstance(raised(create_Concs, 'Worker'), TypeError)

    def places(self):
        return [name.where().Ret for name in create_Concs(Worker, Num=2)]


if __name__ == '__main__':
    corps = create_Corps(BadCorps, ConfigDicts=[{'NumEnvs': 2}])
    corps.check_loc_val().Ret
    corps.check_loc_type().Ret
    corps.check_class().Ret
    assert corps.places().Ret == [0, 1]         # refused creations leave everything as it was
    corps.exit()
    print('OK')
