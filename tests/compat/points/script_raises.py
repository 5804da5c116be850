# expect-status: 1
# expect-stderr: RuntimeError: the script has failed
"""A script that raises before exit() ends with the traceback and status 1, and leaves no process behind."""

from Workers import create_Corps
from team import Team

if __name__ == '__main__':
    corps = create_Corps(Team, ConfigDicts=[{'NumEnvs': 2}])
    assert corps.get_label().Ret == 'team'
    raise RuntimeError('the script has failed')
