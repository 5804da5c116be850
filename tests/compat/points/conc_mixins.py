"""Plain bases before and after Conc are initialised cooperatively and all their methods are inherited."""

from Conc import Conc
from Corps import Corps
from Workers import create_Concs, create_Corps, LocType


class Before:

    def __init__(self, y=25):
        super().__init__()
        self.y = y

    def get_y(self):
        return self.y

    def who(self):
        return 'Before'

    def _hidden(self):
        return 'hidden'


class After:

    def __init__(self):
        super().__init__()
        self.z = 'z'

    def get_z(self):
        return self.z

    def who(self):
        return 'After'


class First(Before, Conc):

    def __init__(self):
        super().__init__()
        self.start()


class Last(Conc, After):

    def __init__(self):
        super().__init__()
        self.start()

    def who(self):
        return 'Last and ' + super().who()


class Without(First):
    """Has no __init__ of its own."""


class MixedCorps(Before, Corps, After):

    def __init__(self):
        super().__init__()

    def run(self):
        for env in (0, 1):
            first = create_Concs(First, LocType=LocType.EnvId, LocVal=env)[0]
            assert (first.get_y().Ret, first.who().Ret, first._hidden().Ret) == (25, 'Before', 'hidden')
            last = create_Concs(Last, LocType=LocType.EnvId, LocVal=env)[0]
            assert (last.get_z().Ret, last.who().Ret, last.z.Ret) == ('z', 'Last and After', 'z')
            without = create_Concs(Without, LocType=LocType.EnvId, LocVal=env)[0]
            assert (without.get_y().Ret, without.my_Class().Ret) == (25, 'Without')
        return True


if __name__ == '__main__':
    corps = create_Corps(MixedCorps, ConfigDicts=[{'NumEnvs': 2}])
    assert corps.run().Ret is True
    assert (corps.get_y().Ret, corps.get_z().Ret, corps.who().Ret) == (25, 'z', 'Before')
    corps.exit()
    print('OK')
