# expect-status: 3
# expect-stdout: leaving
"""sys.exit() of a script gives its status, and its Corps are ended."""

import sys

from Workers import create_Corps
from team import Team

if __name__ == '__main__':
    corps = create_Corps(Team, ConfigDicts=[{'NumEnvs': 2}])
    assert corps.get_label().Ret == 'team'
    print('leaving')
    sys.exit(3)
