"""Long bursts: 500 outstanding calls from a script and from Concs, all answered, each with its own result."""

from Future import wait_all
from Workers import create_Concs, create_Corps, LocType
from team import Team, Worker

NUMBER = 500


class Burster(Worker):

    def burst(self, targets):
        return check(targets)


class BurstTeam(Team):

    def run(self):
        bursters = create_Concs(Burster, LocType=LocType.PerEnv)
        futures = [burster.burst(self.workers) for burster in bursters]
        assert wait_all(futures) is True
        return [future.Ret for future in futures]


def check(targets):
    """Make many calls before reading any result."""
    futures = [targets[number % len(targets)].echo((number, 'x' * (number % 50))) for number in range(NUMBER)]
    assert wait_all(futures) is True
    assert [future.Ret for future in futures] == [(number, 'x' * (number % 50)) for number in range(NUMBER)]
    return True


if __name__ == '__main__':
    corps = create_Corps(BurstTeam, ConfigDicts=[{'NumEnvs': 2}])
    assert check([corps]) is True
    assert corps.run().Ret == [True, True]
    corps.exit()
    print('OK')
