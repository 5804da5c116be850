"""Env 0 of a Corps is killed: the script's calls raise promptly and the other Envs end by themselves."""

import os
import signal
import time

from Exceptions import AsyncLocalMaxRetries
from Workers import create_Corps
from helpers import raised_within, still_there
from team import Team

if __name__ == '__main__':
    corps = create_Corps(Team, ConfigDicts=[{'NumEnvs': 3}])
    other = create_Corps(Team, 'other', ConfigDicts=[{'NumEnvs': 1}])
    pids = corps.pids().Ret
    future = corps.nap(30)
    time.sleep(0.3)
    os.kill(pids[0], signal.SIGKILL)
    raised_within(5, lambda: future.Ret)
    for _ in range(3):
        error = raised_within(3, lambda: corps.get_label().Ret)
        assert isinstance(error, AsyncLocalMaxRetries), repr(error)
    raised_within(3, lambda: other.label_of(corps).Ret)
    assert still_there(pids, 5) == []
    assert other.get_label().Ret == 'other'
    other.exit()
    print('OK')
