"""1000 calls in flight, from a script and inside, to one Worker and to many; 1000 NoReply; order of one sender."""

from corps import Conc, Corps, LocType, create_Concs, create_Corps, wait_all, wait_next

COUNT = 1000


class Worker(Conc):
    def __init__(self):
        super().__init__()
        self.seen = []

    def take(self, n):
        self.seen.append(n)
        return n

    def taken(self):
        seen, self.seen = self.seen, []
        return seen


class Service(Corps):
    def __init__(self):
        super().__init__()
        self.workers = create_Concs(Worker, LocType=LocType.PerEnv, Num=4)

    def names(self):
        return self.workers

    def inside(self):
        futures = [self.workers[i % 8].take(i) for i in range(COUNT)]
        assert wait_all(futures)
        for worker in self.workers:
            worker.taken().Ret
        return [future.Ret for future in futures] == list(range(COUNT))


def main():
    with create_Corps(Service, ConfigDicts=[{'NumEnvs': 2}]) as service:
        workers = service.names().Ret
        futures = [workers[i % 8].take(i) for i in range(COUNT)]
        assert sorted(wait_next(futures)) == list(range(COUNT))
        assert [future.Ret for future in futures] == list(range(COUNT))
        for number, worker in enumerate(workers):
            assert worker.taken().Ret == list(range(number, COUNT, 8))
        for worker in workers[:2]:
            futures = [worker.take(i) for i in range(COUNT)]
            assert [future.Ret for future in reversed(futures)] == list(reversed(range(COUNT)))
            assert worker.taken().Ret == list(range(COUNT))
            for i in range(3 * COUNT):                      # more than a mailbox takes
                worker.take(i, NoReply=True)
            assert worker.taken().Ret == list(range(3 * COUNT))
        assert service.inside().Ret is True
    print('OK')


if __name__ == '__main__':
    main()
