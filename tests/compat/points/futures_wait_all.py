"""wait_all: True when all are ready, exceptions are not raised by it, AsyncLocalMaxRetries when the budget is gone."""

import time

from Exceptions import AsyncExecutionError, AsyncLocalMaxRetries
from Future import wait_all
from Workers import create_Corps
from gate import gates
from helpers import raised
from team import Team


class Waiter(Team):

    def run(self):
        return check(self.workers)


def check(workers):
    """Wait for calls to Workers in all possible ways."""
    with gates() as (gate,):
        return check_with(workers, gate)


def check_with(workers, gate):
    assert wait_all([]) is True
    futures = [worker.nap(0.2) for worker in workers] + [workers[0].fail('x')]
    assert wait_all(futures) is True
    assert all(future.ret_ready() for future in futures)
    assert [future.Ret for future in futures[:-1]] == [0.2] * len(workers)
    assert isinstance(raised(lambda: futures[-1].Ret), AsyncExecutionError)
    assert wait_all(tuple(futures), 0.01, 10, 5) is True
    assert wait_all(futures, MaxTries=1) is True        # ready at the last look

    # Five delays of 0.1 s: the budget is 0.5 s
    futures = [workers[0].echo(1), workers[-1].held(gate, 1.5)]
    start = time.monotonic()
    error = raised(wait_all, futures, InitDelay=0.1, DelayIncPct=0, MaxTries=5)
    spent = time.monotonic() - start
    assert isinstance(error, AsyncLocalMaxRetries), repr(error)
    assert spent >= 0.35, spent
    # Growing delays: 0.1 + 0.15 + 0.225
    start = time.monotonic()
    error = raised(wait_all, futures, 0.1, 50, 3)
    spent = time.monotonic() - start
    assert isinstance(error, AsyncLocalMaxRetries), repr(error)
    assert spent >= 0.2, spent
    # The Futures are not harmed by that
    gate.open()
    assert wait_all(futures) is True
    assert [future.Ret for future in futures] == [1, 1.5]
    assert isinstance(raised(wait_all, (future for future in futures)), TypeError)
    return True


if __name__ == '__main__':
    corps = create_Corps(Waiter, ConfigDicts=[{'NumEnvs': 2}])
    assert corps.run().Ret is True
    assert check([corps, corps.my_ExtName().Ret]) is True
    corps.exit()
    print('OK')
