"""Names of one Corps as arguments and results in another one; both call each other, also back while they wait."""

from corps import Conc, Corps, LocType, create_Concs, create_Corps


class Worker(Conc):
    def __init__(self, text):
        super().__init__()
        self.text = text

    def tell(self, n=0):
        return self.text, n

    def ask(self, other, n):
        return other.tell(n).Ret

    def ask_back(self, other, me, n):
        return other.ask(me, n).Ret

    def me(self):
        return self.my_Name()


class Service(Corps):
    def __init__(self, text):
        super().__init__()
        self.text = text
        self.workers = create_Concs(Worker, text, LocType=LocType.PerEnv)

    def names(self):
        return self.workers

    def tell(self, n):
        return self.text, n

    def use(self, others, n):
        return [other.tell(n).Ret for other in others]

    def between(self, others, n):
        return [worker.ask(other, n).Ret for worker, other in zip(self.workers, others)]

    def compare(self, one, two):
        return one == two, hash(one) == hash(two), one in self.workers, two in self.workers


def main():
    options = {'ConfigDicts': [{'NumEnvs': 2}]}
    with create_Corps(Service, 'a', **options) as first, create_Corps(Service, 'b', **options) as second:
        mine, others = first.names().Ret, second.names().Ret
        assert first.use(others + [second], 1).Ret == [('b', 1)] * 3
        assert second.between(mine, 2).Ret == [('a', 2)] * 2
        spare, = others[1:]
        assert mine[0].ask_back(others[0], mine[1], 3).Ret == ('a', 3)
        assert mine[1].ask_back(spare, second, 4).Ret == ('b', 4)
        for one, two in zip(mine, others):
            assert first.compare(one, two).Ret == (False, one == two or hash(one) == hash(two), True, False)
            assert first.compare(one.me().Ret, two.me().Ret).Ret[2:] == (True, False)
        assert len({*mine, *others, first, second}) == 6
        assert repr(mine[0]) != repr(others[0])
    print('OK')


if __name__ == '__main__':
    main()
