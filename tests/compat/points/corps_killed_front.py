"""Env 0 of a Corps is killed: the script's calls raise promptly and the other Envs end by themselves."""

import os
import signal

from Exceptions import AsyncLocalMaxRetries
from Workers import create_Corps
from gate import gates
from helpers import raised, still_there
from team import Team

if __name__ == '__main__':
    corps = create_Corps(Team, ConfigDicts=[{'NumEnvs': 3}])
    other = create_Corps(Team, 'other', ConfigDicts=[{'NumEnvs': 1}])
    pids = corps.pids().Ret
    with gates() as (gate,):
        future = corps.held(gate)
        gate.wait_for_arrivals()
        os.kill(pids[0], signal.SIGKILL)
        raised(lambda: future.Ret)
    for _ in range(3):
        error = raised(lambda: corps.get_label().Ret)
        assert isinstance(error, AsyncLocalMaxRetries), repr(error)
    raised(lambda: other.label_of(corps).Ret)
    assert still_there(pids) == []
    assert other.get_label().Ret == 'other'
    other.exit()
    print('OK')
