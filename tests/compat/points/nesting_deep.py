"""Deep nesting: chains of 20 Concs, each waiting for the next, in one Env and over two; several chains at a time."""

from Conc import Conc
from Corps import Corps
from Workers import create_Concs, create_Corps, LocType

LENGTH = 20


class Link(Conc):

    def __init__(self):
        super().__init__()
        self.following = None

    def set_following(self, name):
        self.following = name

    def count(self, so_far):
        return so_far + 1 if self.following is None else self.following.count(so_far + 1).Ret

    def fail(self):
        if self.following is None:
            raise ValueError('the end of the chain')
        return self.following.fail().Ret


class ChainCorps(Corps):

    def chain(self, envs):
        links = []
        for number in range(LENGTH):
            links += create_Concs(Link, LocType=LocType.EnvId, LocVal=envs[number % len(envs)])
        for link, following in zip(links, links[1:] + [None]):
            link.set_following(following).Ret
        return links

    def run(self):
        lists = [self.chain(envs) for envs in ((0,), (1,), (0, 1), (1, 0))]
        chains = [links[0] for links in lists]
        for chain in chains:
            assert chain.count(0).Ret == LENGTH
        futures = [chain.count(100) for chain in chains for _ in range(3)]
        assert [future.Ret for future in futures] == [100 + LENGTH] * 12
        try:
            lists[2][-5].fail().Ret         # short, since the text grows with every step
        except Exception as error:
            for _ in range(4):
                assert error.TypeName == 'AsyncExecutionError'
                error = error.Value
            assert error.TypeName == 'ValueError'
        else:
            raise AssertionError('no exception')
        return True


if __name__ == '__main__':
    corps = create_Corps(ChainCorps, ConfigDicts=[{'NumEnvs': 2}])
    assert corps.run().Ret is True
    corps.exit()
    print('OK')
