# needs: cloudpickle
"""Names of Workers whose classes have the same name and are not the same class."""

from corps import Conc, Corps, LocType, create_Concs, create_Corps


def first():
    class Same(Conc):
        Limit = 1

        def alpha(self):
            return 'alpha'

        def both(self, n):
            return 'first', n

    return Same


def second():
    class Same(Conc):
        Limit = 2

        def beta(self, n):
            return 'beta', n

        def both(self, n):
            return 'second', n

    return Same


class Service(Corps):
    def make(self):
        one, = create_Concs(first(), LocType=LocType.EnvId, LocVal=1)
        two, = create_Concs(second(), LocType=LocType.EnvId, LocVal=1)
        return one, two

    def use(self, one, two):
        return one.alpha().Ret, two.beta(1).Ret, one.both(2).Ret, two.both(3).Ret


def main():
    with create_Corps(Service, ConfigDicts=[{'NumEnvs': 2}]) as service:
        one, two = service.make().Ret
        assert one.both(1).Ret == ('first', 1) and two.both(1).Ret == ('second', 1)
        assert one.alpha().Ret == 'alpha' and two.beta(4).Ret == ('beta', 4)
        assert service.use(one, two).Ret == ('alpha', ('beta', 1), ('first', 2), ('second', 3))
        assert one.Limit in (1, 2) or (one.Limit.Ret, two.Limit.Ret) == (1, 2)
    print('OK')


if __name__ == '__main__':
    main()
