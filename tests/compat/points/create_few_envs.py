"""NumEnvs of 1, 0 or less all mean one Env."""

from Workers import create_Corps
from team import Team

if __name__ == '__main__':
    for number in (1, 0, -2):
        corps = create_Corps(Team, ConfigDicts=[{'NumEnvs': number}])
        assert len(corps.pids().Ret) == 1, number
        assert corps.where().Ret == 0
        assert corps.exit().Ret is True
    print('OK')
