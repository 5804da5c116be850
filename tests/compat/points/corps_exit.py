"""exit() of a Corps: True reliably, None with NoReply, and calls and exits after it raise promptly."""

from Exceptions import AsyncLocalMaxRetries
from Workers import create_Corps
from helpers import raised, still_there
from team import Team


def check_dead(corps):
    """Calls and exits of a Corps that has ended raise promptly, at the call or when the result is read."""
    for call in (lambda: corps.get_label().Ret, lambda: corps.exit().Ret, lambda: corps.my_Tag().Ret):
        error = raised(call)
        assert isinstance(error, AsyncLocalMaxRetries), repr(error)


if __name__ == '__main__':
    for envs in (1, 2, 1, 2, 3):
        corps = create_Corps(Team, ConfigDicts=[{'NumEnvs': envs}])
        pids = corps.pids().Ret
        assert len(set(pids)) == envs
        assert corps.exit().Ret is True
        assert still_there(pids) == []
        check_dead(corps)

    corps = create_Corps(Team, ConfigDicts=[{'NumEnvs': 2}])
    pids = corps.pids().Ret
    future = corps.exit(NoReply=True)
    assert future.ret_ready() is True
    assert future.Ret is None
    assert still_there(pids) == []
    check_dead(corps)
    print('OK')
