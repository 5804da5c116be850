"""Workers may be created in __init__ of a Corps and of a Conc, which knows its own Name there already."""

from Conc import Conc
from Corps import Corps
from Workers import create_Concs, create_Corps, LocType
from team import Team, Worker


class Boss(Conc):

    def __init__(self, leader):
        super().__init__()
        self.text = f'{self}'
        self.first_mgr = self.my_Mgr()
        self.privates = create_Concs(Worker, 'private', Mgr=self.my_Name(), LocType=LocType.PerEnv)
        self.leader = leader
        self.start()

    def check(self):
        me = f'{self.my_Name()}'
        assert self.text == f'{self}'
        assert f'{self.first_mgr}' == f'{self.leader}' == f'{self.my_Mgr()}'
        assert [f'{private.my_Mgr().Ret}' for private in self.privates] == [me] * 2
        assert [private.where().Ret for private in self.privates] == [0, 1]
        return True


class OuterCorps(Corps):

    def __init__(self):
        super().__init__()
        self.bosses = create_Concs(Boss, self.my_Name(), Mgr=self.my_Name(), LocType=LocType.PerEnv)
        self.early = [boss.check().Ret for boss in self.bosses]     # all Envs are up
        self.inner = create_Corps(Team, 'inner', Tag='Inner', ConfigDicts=[{'NumEnvs': 1}])

    def check(self):
        return self.early, [boss.check().Ret for boss in self.bosses], self.inner.get_label().Ret


if __name__ == '__main__':
    corps = create_Corps(OuterCorps, ConfigDicts=[{'NumEnvs': 2}])
    assert corps.check().Ret == ([True, True], [True, True], 'inner')
    corps.exit()
    print('OK')
