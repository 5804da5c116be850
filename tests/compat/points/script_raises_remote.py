# expect-status: 1
# expect-stderr: AsyncExecutionError
# expect-stderr: an exception nobody catches
"""A remote exception that a script does not catch ends it with its traceback and status 1."""

from Workers import create_Corps
from team import Team

if __name__ == '__main__':
    corps = create_Corps(Team, ConfigDicts=[{'NumEnvs': 2}])
    waiting = corps.nap(0.2)
    print(corps.fail('an exception nobody catches').Ret)
