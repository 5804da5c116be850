"""An Env is killed: the call in flight and later ones raise promptly, and the Corps can still exit."""

import os
import signal
import time

from Exceptions import AsyncLocalException, AsyncRemoteException
from Workers import create_Corps
from helpers import raised_within, still_there
from team import Team


class Victim(Team):

    def run(self):
        pid = self.workers[1].pid().Ret
        futures = [self.workers[1].nap(30), self.workers[1].get_label()]
        time.sleep(0.3)
        os.kill(pid, signal.SIGKILL)
        for future in futures:
            error = raised_within(5, lambda: future.Ret)
            assert isinstance(error, (AsyncLocalException, AsyncRemoteException)), repr(error)
            assert future.ret_ready() is True
        error = raised_within(5, lambda: self.workers[1].get_label().Ret)
        assert isinstance(error, (AsyncLocalException, AsyncRemoteException)), repr(error)
        return self.workers[0].get_label().Ret


if __name__ == '__main__':
    corps = create_Corps(Victim, 'alive', ConfigDicts=[{'NumEnvs': 3}])
    pids = corps.pids().Ret
    assert corps.run().Ret == 'alive'
    assert corps.get_label().Ret == 'alive'
    corps.exit()
    assert still_there(pids) == []
    print('OK')
