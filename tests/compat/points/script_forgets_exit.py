"""A script that forgets exit() ends by itself, and all its processes with it."""

from Workers import create_Corps
from team import Team

if __name__ == '__main__':
    corps = create_Corps(Team, ConfigDicts=[{'NumEnvs': 2}])
    other = create_Corps(Team, 'other', ConfigDicts=[{'NumEnvs': 1}])
    assert corps.label_of(other).Ret == 'other'
    corps.note('on its way', NoReply=True)
    print('OK')
