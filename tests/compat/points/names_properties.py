"""Names: properties over class attributes are values, over instance attributes Futures; writes reach the Worker."""

from Conc import Conc
from Corps import Corps
from Future import Future
from Workers import create_Concs, create_Corps, LocType


class Thing(Conc):

    _size = 3

    def __init__(self):
        super().__init__()
        self._weight = 7

    @property
    def size(self):
        return self._size

    @size.setter
    def size(self, value):
        self._size = value

    @property
    def weight(self):
        return self._weight

    @weight.setter
    def weight(self, value):
        self._weight = value

    @property
    def double(self):
        return self._weight * 2

    @double.setter
    def double(self, value):
        self._weight = value // 2

    def get(self):
        return self._size, self._weight


class ThingCorps(Corps):

    def run(self):
        for name in create_Concs(Thing, LocType=LocType.PerEnv):
            assert name.size == 3
            assert isinstance(name.weight, Future)
            assert name.weight.Ret == 7
            assert name.double.Ret == 14        # cannot be computed with a Future, so the Worker does it
            for value in range(10, 20):
                name.size = value
                assert name.size == value
                name.weight = value + 1
                assert name.weight.Ret == value + 1
                assert name.get().Ret == (value, value + 1)
            name.double = 100
            assert name.get().Ret == (19, 50)
            assert name.double.Ret == 100
        return True


if __name__ == '__main__':
    corps = create_Corps(ThingCorps, ConfigDicts=[{'NumEnvs': 2}])
    assert corps.run().Ret is True
    corps.exit()
    print('OK')
