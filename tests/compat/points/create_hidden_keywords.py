"""Mgr, ConfigFiles and ConfigDicts are taken by the system and never reach __init__."""

from Conc import Conc
from Corps import Corps
from Workers import create_Concs, create_Corps, LocType


class Curious(Conc):

    def __init__(self, a, *args, Mgr='default', ConcAddr='default', LocVal='default', Num='default', **kwargs):
        super().__init__()
        self.got = (a, args, Mgr, ConcAddr, LocVal, Num, kwargs)

    def get(self):
        return self.got, self.my_Mgr(), self.Mgr


class CuriousCorps(Corps):

    def __init__(self, a, ConfigFiles=('default',), ConfigDicts='default', Mgr='default', Tag='default', **kwargs):
        super().__init__()
        self.got = (a, ConfigFiles, ConfigDicts, Mgr, Tag, kwargs)

    def get(self):
        return self.got

    def get_concs(self):
        names = []
        for env in (0, 1):
            names += create_Concs(Curious, 1, 2, Mgr='boss', LocType=LocType.EnvId, LocVal=env, Num=1, b=3)
        return [name.get().Ret for name in names]


if __name__ == '__main__':
    corps = create_Corps(CuriousCorps, 1, Tag='Curious', ConfigFiles=['settings/two_envs.py'],
                         ConfigDicts=[{'Max_Msg_Request_Attempts': 20}], Mgr='boss', other=2)
    assert corps.get().Ret == (1, ('default',), 'default', 'default', 'default', {'other': 2}), corps.get().Ret
    assert corps.my_Mgr().Ret == 'boss'
    expected = ((1, (2,), 'default', 'default', 'default', 'default', {'b': 3}), 'boss', 'boss')
    assert corps.get_concs().Ret == [expected] * 2, corps.get_concs().Ret
    corps.exit()
    print('OK')
