"""Concs that define __eq__, __len__ or __bool__ are reachable, and a Name of one is always true."""

from Conc import Conc
from Corps import Corps
from Workers import create_Concs, create_Corps, LocType


class Odd(Conc):

    def __eq__(self, other):
        return True

    def __len__(self):
        return 0

    def __bool__(self):
        return False

    def work(self, x):
        return x + 1


class OddCorps(Corps):

    def run(self):
        for name in create_Concs(Odd, LocType=LocType.PerEnv):
            assert bool(name) is True
            assert [name.work(x).Ret for x in range(10)] == list(range(1, 11))
        return True


if __name__ == '__main__':
    corps = create_Corps(OddCorps, ConfigDicts=[{'NumEnvs': 2}])
    assert corps.run().Ret is True
    corps.exit()
    print('OK')
