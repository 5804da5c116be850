"""Copies of Names, their own attributes, equality and hash, the alias __mp_main__."""

import copy
import pickle
import sys

from Conc import Conc
from Corps import Corps
from Workers import create_Concs, create_Corps


class Thing(Conc):

    def get(self):
        return 7


class CopyCorps(Corps):

    def check(self):
        one, two = create_Concs(Thing, Num=2)
        for other in (copy.copy(one), copy.deepcopy(one), pickle.loads(pickle.dumps(one)), copy.deepcopy([one])[0]):
            assert f'{other}' == f'{one}' and other.get().Ret == 7
            assert other == one and hash(other) == hash(one) and other != two
        assert one.TheClassName == 'Thing' and one.Proxy.get().Ret == 7
        assert isinstance(one.TheModuleName, str)
        assert sys.modules['__mp_main__'] is sys.modules['__main__']
        return {one: 1, two: 2}[one]


if __name__ == '__main__':
    assert sys.modules['__mp_main__'] is sys.modules['__main__']
    corps = create_Corps(CopyCorps, ConfigDicts=[{'NumEnvs': 2}])
    assert corps.check().Ret == 1
    corps.exit()
    print('OK')
