"""An Env is killed: the call in flight and later ones raise promptly, and the Corps can still exit."""

import os
import signal

from Exceptions import AsyncLocalException, AsyncRemoteException
from Workers import create_Corps
from gate import gates
from helpers import raised, still_there
from team import Team


class Victim(Team):

    def run(self):
        with gates() as (gate,):
            return self.run_with(gate)

    def run_with(self, gate):
        pid = self.workers[1].pid().Ret
        futures = [self.workers[1].held(gate), self.workers[1].get_label()]
        gate.wait_for_arrivals()
        os.kill(pid, signal.SIGKILL)
        for future in futures:
            error = raised(lambda: future.Ret)
            assert isinstance(error, (AsyncLocalException, AsyncRemoteException)), repr(error)
            assert future.ret_ready() is True
        error = raised(lambda: self.workers[1].get_label().Ret)
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
