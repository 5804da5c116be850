"""Conc: start, my_Class, my_Name, my_Mgr, ConcAddr and repr."""

import re

from Conc import Conc
from Corps import Corps
from Workers import create_Concs, create_Corps, LocType


class Quiet(Conc):
    """Never calls start()."""

    def work(self):
        return 'quiet'


class Basic(Conc):

    def __init__(self):
        super().__init__()
        self.started = self.start()

    def work(self):
        return 'basic'

    def check(self, tag, env):
        assert self.started is None
        assert self.my_Class() == 'Basic'
        assert self.my_Mgr() is None
        address = f'{self.ConcAddr}'
        assert re.fullmatch(r'L%d:M\d+\.\d+' % env, address), address
        assert self.ConcAddr.LocEnvId == env
        assert repr(self) == f'Conc {tag}:{address}' == f'{self}', repr(self)
        assert f'{self.my_Name()}'.startswith(address + ' Class Basic in ')
        return True


class BasicCorps(Corps):

    def run(self):
        for env, name in enumerate(create_Concs(Basic, LocType=LocType.PerEnv)):
            assert name.work().Ret == 'basic'
            assert name.check('Basics', env).Ret is True
            assert name.my_Class().Ret == 'Basic'
            assert name.my_Mgr().Ret is None
            again = name.my_Name().Ret
            assert f'{again}' == f'{name}'
            assert again.work().Ret == 'basic'
            assert name.start().Ret is None
        return [name.work().Ret for name in create_Concs(Quiet, LocType=LocType.PerEnv)]


if __name__ == '__main__':
    corps = create_Corps(BasicCorps, Tag='Basics', ConfigDicts=[{'NumEnvs': 2}])
    assert corps.run().Ret == ['quiet', 'quiet']
    assert corps.my_Class().Ret == 'BasicCorps'
    corps.exit()
    print('OK')
