"""Concs create private Concs of their own in methods, in every Env, and end them in cleanup."""

from Corps import Corps
from Exceptions import AsyncLocalMaxRetries
from Workers import create_Concs, create_Corps, LocType
from helpers import raised
from team import Worker


class Owner(Worker):

    def __init__(self):
        super().__init__()
        self.privates = []

    def hire(self, label, number):
        self.privates += create_Concs(Worker, label, Mgr=self.my_Name(), LocType=LocType.PerEnv, Num=number)
        return len(self.privates)

    def ask(self):
        return [(private.where().Ret, private.get_label().Ret) for private in self.privates]

    def get_privates(self):
        return self.privates

    def cleanup(self):
        for private in self.privates:
            assert private.exit().Ret is True
        return True


class OwnersCorps(Corps):

    def run(self):
        owners = create_Concs(Owner, LocType=LocType.PerEnv)
        for owner in owners:
            assert owner.hire(label='a', number=1).Ret == 2
            assert owner.hire('b', 2).Ret == 6
            assert owner.ask().Ret == [(0, 'a'), (1, 'a')] + [(0, 'b'), (1, 'b')] * 2
        privates = owners[1].get_privates().Ret
        assert [private.get_label().Ret for private in privates] == ['a'] * 2 + ['b'] * 4
        assert owners[1].exit().Ret is True
        for private in privates:
            error = raised(lambda: private.get_label().Ret)
            assert isinstance(error, AsyncLocalMaxRetries), error
        assert len(owners[0].ask().Ret) == 6
        return True


if __name__ == '__main__':
    corps = create_Corps(OwnersCorps, ConfigDicts=[{'NumEnvs': 2}])
    assert corps.run().Ret is True
    corps.exit()
    print('OK')
