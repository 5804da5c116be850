"""Futures: Ret and ret, read again and by several threads; ret_ready never waits; other attributes raise at once."""

import threading
import time

from Exceptions import AsyncExecutionError
from Workers import create_Corps
from gate import gates
from helpers import raised
from team import Team

if __name__ == '__main__':
    corps = create_Corps(Team, ConfigDicts=[{'NumEnvs': 1}])
    with gates() as (gate,):
        future = corps.held(gate, 0.6)
        assert future.ret_ready() is False
        assert isinstance(raised(lambda: future.no_such_attribute), AttributeError)
        assert not hasattr(future, 'neither')
        assert not gate.is_open() and future.ret_ready() is False, 'one of these has waited'
    start = time.monotonic()
    future = corps.nap(0.6)
    seen = []
    threads = [threading.Thread(target=lambda: seen.append(future.Ret)) for _ in range(3)]
    for thread in threads:
        thread.start()
    assert future.Ret == 0.6
    assert time.monotonic() - start >= 0.55
    assert future.ret == future.Ret == 0.6
    assert future.ret_ready() is True
    for thread in threads:
        thread.join()
    assert seen == [0.6] * 3

    future = corps.fail('again')
    for _ in range(3):
        error = raised(lambda: future.Ret)
        assert isinstance(error, AsyncExecutionError) and error.Value.args == ('again',), repr(error)
        assert isinstance(raised(lambda: future.ret), AsyncExecutionError)
        assert future.ret_ready() is True

    future = corps.nap(0.05)
    limit = time.monotonic() + 60
    while not future.ret_ready():
        assert time.monotonic() < limit
        time.sleep(0.005)
    assert future.Ret == 0.05
    corps.exit()
    print('OK')
