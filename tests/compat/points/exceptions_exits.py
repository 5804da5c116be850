"""SystemExit and KeyboardInterrupt in a method go to the caller, and the Worker lives on."""

import os
import sys

from Exceptions import AsyncExecutionError
from Workers import create_Concs, create_Corps, LocType
from helpers import raised
from team import Team, Worker


class Leaver(Worker):

    def leave(self):
        sys.exit(7)

    def interrupt(self):
        raise KeyboardInterrupt('stop')

    def stop_iteration(self):
        raise StopIteration('end')


class LeaverTeam(Team):

    def leave(self):
        sys.exit(7)

    def run(self):
        for name in create_Concs(Leaver, LocType=LocType.PerEnv):
            pid = name.pid().Ret
            for call, kind in ((name.leave, 'SystemExit'), (name.interrupt, 'KeyboardInterrupt'),
                               (name.stop_iteration, 'StopIteration')):
                error = raised(lambda: call().Ret)
                assert isinstance(error, AsyncExecutionError), repr(error)
                assert error.TypeName == kind
                assert name.pid().Ret == pid
        return os.getpid()


if __name__ == '__main__':
    corps = create_Corps(LeaverTeam, ConfigDicts=[{'NumEnvs': 2}])
    pid = corps.run().Ret
    error = raised(lambda: corps.leave().Ret)
    assert isinstance(error, AsyncExecutionError) and error.TypeName == 'SystemExit', repr(error)
    assert error.Value.code == 7
    assert corps.run().Ret == pid
    corps.exit()
    print('OK')
