"""Any Conc in any Env may create a Corps; the Name of a managed one works in every Env of the creating Corps."""

from Conc import Conc
from Corps import Corps
from Workers import create_Concs, create_Corps, LocType
from helpers import still_there
from team import Team, Worker


class Founder(Conc):

    def found(self, label, **kwargs):
        return create_Corps(Team, label, Tag=label, ConfigDicts=[{'NumEnvs': 1}], **kwargs)


class OuterCorps(Corps):

    def __init__(self):
        super().__init__()
        self.founder = create_Concs(Founder, LocType=LocType.EnvId, LocVal=1)[0]
        self.workers = create_Concs(Worker, LocType=LocType.PerEnv)
        self.children = []

    def check(self, label, **kwargs):
        child = self.founder.found(label, **kwargs).Ret
        self.children.append(child)
        assert child.get_label().Ret == label
        assert [worker.label_of(child).Ret for worker in self.workers] == [label] * 2
        return child.pids().Ret

    def cleanup(self):
        for child in self.children:
            assert child.exit().Ret is True
        return True


if __name__ == '__main__':
    corps = create_Corps(OuterCorps, ConfigDicts=[{'NumEnvs': 2}])
    pids = corps.check('ext').Ret
    pids += corps.check('cont', Ext=False).Ret
    pids += corps.check('free', Managed=False).Ret
    assert len(set(pids)) == 3
    corps.exit()
    assert still_there(pids) == []
    print('OK')
