"""Names: every kind of argument and every kind of inherited method; the methods keep their signature and docstring."""

import inspect

from Conc import Conc
from Corps import Corps
from Workers import create_Concs, create_Corps, LocType


class Plain:

    def plain(self, x=1):
        return 'plain', x


class Base(Conc):

    def kinds(self, a, b=2, *args, c, d=4, **kwargs):
        """Return everything."""
        return a, b, args, c, d, kwargs

    def overridden(self):
        return 'base'

    def _private(self):
        return 'private'


class Derived(Plain, Base):

    def overridden(self):
        return 'derived of ' + super().overridden()


class MethodsCorps(Corps):

    def run(self):
        for name in create_Concs(Derived, LocType=LocType.PerEnv):
            assert name.kinds(1, c=3).Ret == (1, 2, (), 3, 4, {})
            assert name.kinds(1, 0, 5, 6, c=3, d=None, e=7).Ret == (1, 0, (5, 6), 3, None, {'e': 7})
            assert name.kinds(*[1, 2, 3], **{'c': 4, 'args': 5}).Ret == (1, 2, (3,), 4, 4, {'args': 5})
            assert name.plain().Ret == ('plain', 1)
            assert name.plain(x='y').Ret == ('plain', 'y')
            assert name.overridden().Ret == 'derived of base'
            assert name._private().Ret == 'private'
            assert name.my_Class().Ret == 'Derived'
            bound = name.plain
            assert bound(2).Ret == ('plain', 2)
            assert name.kinds.__name__ == 'kinds'
            assert name.kinds.__doc__ == 'Return everything.'
            assert list(inspect.signature(name.kinds).parameters) == ['a', 'b', 'args', 'c', 'd', 'kwargs']
        return True


if __name__ == '__main__':
    corps = create_Corps(MethodsCorps, ConfigDicts=[{'NumEnvs': 2}])
    assert corps.run().Ret is True
    corps.exit()
    print('OK')
