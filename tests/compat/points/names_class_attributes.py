"""Names: a class attribute written through a Name is read back through it as a value and reaches the Worker."""

from Conc import Conc
from Corps import Corps
from Workers import create_Concs, create_Corps, LocType


class Holder(Conc):

    limit = 10

    def get_limit(self):
        return self.limit


class HolderCorps(Corps):

    tag = 'class'

    def get_tag(self):
        return self.tag

    def run(self):
        first, second = create_Concs(Holder, LocType=LocType.PerEnv)
        assert (first.limit, second.limit) == (10, 10)
        for value in (11, None, 'twelve'):
            first.limit = value
            assert first.limit == value
            assert first.get_limit().Ret == value
            assert second.limit == 10
            assert second.get_limit().Ret == 10
        return True


if __name__ == '__main__':
    corps = create_Corps(HolderCorps, ConfigDicts=[{'NumEnvs': 2}])
    assert corps.run().Ret is True
    corps.tag = 'written'
    assert corps.tag == 'written'
    assert corps.get_tag().Ret == 'written'
    corps.exit()
    print('OK')
