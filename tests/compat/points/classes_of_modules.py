"""Worker classes of the script, imported by name, and used through their module; Names of all travel everywhere."""

import team
from Conc import Conc
from Corps import Corps
from Workers import create_Concs, create_Corps, LocType
from team import Worker


class Local(Conc):

    def get_label(self):
        return 'local'


class MixedCorps(Corps):

    def run(self):
        names = []
        for env in (0, 1):
            names += create_Concs(Local, LocType=LocType.EnvId, LocVal=env)
            names += create_Concs(Worker, 'imported', LocType=LocType.EnvId, LocVal=env)
            names += create_Concs(team.Worker, 'dotted', LocType=LocType.EnvId, LocVal=env)
        labels = ['local', 'imported', 'dotted'] * 2
        assert [name.get_label().Ret for name in names] == labels
        for asker in (names[1], names[4]):
            others = [name for name in names if f'{name}' != f'{asker}']    # nobody can wait for itself
            assert sorted(asker.label_of(name).Ret for name in others) == sorted(labels)[:2] + sorted(labels)[3:]
            assert [name.get_label().Ret for name in asker.echo(names).Ret] == labels
        return True


if __name__ == '__main__':
    corps = create_Corps(MixedCorps, ConfigDicts=[{'NumEnvs': 2}])
    assert corps.run().Ret is True
    other = create_Corps(team.Team, 'module', ConfigDicts=[{'NumEnvs': 1}])
    assert other.label_of(other.get_workers().Ret[0]).Ret == 'module'
    assert other.exit().Ret is True
    corps.exit()
    print('OK')
