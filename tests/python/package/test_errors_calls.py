"""Methods and attributes that do not exist, wrong arguments, a Conc that waits for itself."""

from corps import AsyncAttributeError, AsyncExecutionError, Conc, Corps, Deadlock, LocType, WorkerLost, WorkerMoved, _hooks, create_Concs, create_Corps
from helpers import expect


class Worker(Conc):
    def plain(self, n):
        return n

    def me(self):
        return self.my_Name()

    def wait_for_self(self):
        return self.my_Name().plain(1).Ret

    def send_to_self(self):
        future = self.my_Name().plain(2)
        assert not future.ret_ready()
        return self.my_Name().plain(3, NoReply=True).Ret

    def caught(self):
        expect(Deadlock, lambda: self.my_Name().plain(1).Ret)
        expect(Deadlock, lambda: self.my_Name().plain(1).result(60))


class Service(Corps):
    def __init__(self):
        super().__init__()
        self.workers = create_Concs(Worker, LocType=LocType.PerEnv)

    def names(self):
        return self.workers

    def missing(self):
        for worker in self.workers:
            expect(AsyncAttributeError, lambda: worker.no_such_thing.result(60))


def moved():
    """What the core says of a Worker that has left its pool."""
    for error in _hooks.error('MOVED', 'it was drained'), _hooks.remote('MOVED', '', 'it was drained', '', b'', 'L1:M1.3', True):
        assert type(error) is WorkerMoved and isinstance(error, WorkerLost) and 'it was drained' in str(error), repr(error)


def main():
    moved()
    with create_Corps(Service, ConfigDicts=[{'NumEnvs': 2}]) as service:
        for worker in service.names().Ret:
            error = expect(AsyncAttributeError, worker.no_such_thing.result, 60)
            assert error.TypeName == 'AttributeError' and 'no_such_thing' in str(error)
            expect((TypeError, AttributeError), lambda: worker.no_such_method(1))
            for arguments in ((), (1, 2)):
                error = expect(AsyncExecutionError, lambda: worker.plain(*arguments).Ret)
                assert isinstance(error, TypeError) and 'plain' in str(error)
            assert expect(AsyncExecutionError, lambda: worker.plain(1, extra=2).Ret).TypeName == 'TypeError'
            assert worker.caught().result(60) is None
            error = expect((Deadlock, AsyncExecutionError), lambda: worker.wait_for_self().result(60))
            assert 'Deadlock' in (type(error).__name__, getattr(error, 'TypeName', ''))
            assert worker.send_to_self().result(60) is None
            assert worker.plain(7).Ret == 7 and worker.me().Ret == worker
        service.missing().Ret
    print('OK')


if __name__ == '__main__':
    main()
