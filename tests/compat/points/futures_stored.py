"""A Future may be kept in a Worker and read in a later request; it cannot travel, which is reported promptly."""

from Corps import Corps
from Exceptions import AsyncExecutionError, AsyncLocalMaxRetries
from Workers import create_Concs, create_Corps, LocType
from gate import gates
from helpers import raised
from team import Worker


class Keeper(Worker):

    def begin(self, name, gate):
        self.future = name.held(gate, 0.3)
        return self.future.ret_ready()

    def end(self):
        return self.future.Ret

    def give(self, name):
        return name.echo(1)


class KeeperCorps(Corps):

    def run(self):
        keeper = create_Concs(Keeper, LocType=LocType.EnvId, LocVal=1)[0]
        worker = create_Concs(Worker, LocType=LocType.EnvId, LocVal=0)[0]
        with gates() as (gate,):
            assert keeper.begin(worker, gate).Ret is False
        assert keeper.end().Ret == 0.3
        assert keeper.end().Ret == 0.3
        error = raised(lambda: keeper.give(worker).Ret)
        assert isinstance(error, AsyncExecutionError), repr(error)
        error = raised(lambda: keeper.echo(worker.echo(1)).Ret)
        assert isinstance(error, AsyncLocalMaxRetries), repr(error)
        assert keeper.echo('still working').Ret == 'still working'
        return True


if __name__ == '__main__':
    corps = create_Corps(KeeperCorps, ConfigDicts=[{'NumEnvs': 2}])
    assert corps.run().Ret is True
    corps.exit()
    print('OK')
