"""Arguments of create_* reach __init__; the default Tag; a creation returns after __init__ has run."""

import time

from Conc import Conc
from Corps import Corps
from Workers import create_Concs, create_Corps, LocType


class Slow(Conc):

    def __init__(self, a, b=2, *args, c=3, **kwargs):
        super().__init__()
        time.sleep(0.2)
        self.got = (a, b, args, c, kwargs)

    def get(self):
        return self.got


class SlowCorps(Corps):

    def __init__(self, a, b=2, *args, c=3, **kwargs):
        super().__init__()
        time.sleep(0.2)
        self.got = (a, b, args, c, kwargs)

    def get(self):
        return self.got

    def create(self):
        start = time.monotonic()
        names = create_Concs(Slow, 1, LocType=LocType.EnvId, LocVal=1)
        assert time.monotonic() - start >= 0.19
        names += create_Concs(Slow, [1], 'x', 'y', 'z', c=None, d={}, LocType=LocType.EnvId, LocVal=1)
        names += create_Concs(Slow, a=0, c=1, e='E')
        return [name.get().Ret for name in names]


if __name__ == '__main__':
    start = time.monotonic()
    corps = create_Corps(SlowCorps, 1, 'b', 'more', c={'k': [1]}, extra=None, ConfigDicts=[{'NumEnvs': 2}])
    assert time.monotonic() - start >= 0.19
    assert corps.get().Ret == (1, 'b', ('more',), {'k': [1]}, {'extra': None})
    assert corps.my_Tag().Ret == 'No Name'
    assert corps.create().Ret == [(1, 2, (), 3, {}), ([1], 'x', ('y', 'z'), None, {'d': {}}), (0, 2, (), 1, {'e': 'E'})]
    corps.exit()
    print('OK')
