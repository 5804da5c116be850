"""wait_next: the index of every Future once, in the order of completion, or AsyncLocalMaxRetries."""

import time

from Corps import Corps
from Exceptions import AsyncLocalMaxRetries
from Future import wait_next
from Workers import create_Concs, create_Corps, LocType
from gate import gates
from helpers import raised
from team import Worker


class WaitCorps(Corps):

    def run(self):
        workers = create_Concs(Worker, LocType=LocType.PerEnv, Num=2)
        with gates(4) as closed:
            futures = [worker.held(gate) for worker, gate in zip(workers, closed)]
            ready = wait_next(futures)
            for index in (1, 3, 2, 0):
                closed[index].open()
                assert next(ready) == index
            assert list(ready) == []
        assert sorted(wait_next(futures)) == [0, 1, 2, 3]       # ready already
        assert list(wait_next([])) == []

        futures = [worker.echo(number) for number in range(10) for worker in workers]
        futures.append(workers[0].fail('x'))
        seen = []
        for index in wait_next(futures):
            seen.append(index)
            if len(seen) == 3:
                time.sleep(0.1)                                 # a slow consumer
        assert sorted(seen) == list(range(41))

        with gates() as (gate,):
            futures = [workers[0].held(gate), workers[1].echo('quick')]
            futures[1].Ret
            start = time.monotonic()
            seen = []

            def collect():
                for index in wait_next(futures, InitDelay=0.1, DelayIncPct=0, MaxTries=5):
                    seen.append(index)

            error = raised(collect)
            spent = time.monotonic() - start
            assert isinstance(error, AsyncLocalMaxRetries), repr(error)
            assert seen == [1]
            assert spent >= 0.35, spent
        assert list(wait_next(futures[:1])) == [0]
        return True


if __name__ == '__main__':
    corps = create_Corps(WaitCorps, ConfigDicts=[{'NumEnvs': 2}])
    assert corps.run().Ret is True
    futures = (corps.my_Tag(), corps.my_Class())
    assert sorted(wait_next(futures)) == [0, 1]
    corps.exit()
    print('OK')
