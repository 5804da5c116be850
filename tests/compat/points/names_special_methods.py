"""Names: special methods are not forwarded unless spelled out; copies and pickles are Names of the same Worker."""

import copy
import pickle

from Conc import Conc
from Corps import Corps
from Name import Name
from Workers import create_Concs, create_Corps, LocType
from helpers import raised


class Sequence(Conc):

    def __init__(self):
        super().__init__()
        self.x = 1

    def __len__(self):
        return 4

    def __getitem__(self, index):
        return index * 10

    def __call__(self, x):
        return x + 1


class SpecialCorps(Corps):

    def run(self):
        for name in create_Concs(Sequence, LocType=LocType.PerEnv):
            assert isinstance(name, Name)
            assert name.TheClassName == 'Sequence'
            assert isinstance(name.TheModuleName, str)
            for function in (lambda: len(name), lambda: name[0], lambda: name(), lambda: iter(name)):
                error = raised(function)
                assert isinstance(error, TypeError), repr(error)
            assert name.__len__().Ret == 4
            assert name.__getitem__(3).Ret == 30
            assert name.__call__(1).Ret == 2
            assert bool(name) is True
            assert name == name and not name != name and hash(name) == hash(name)
            assert name in [1, name] and {name: 'x'}[name] == 'x'
            assert isinstance(raised(delattr, name, 'x'), AttributeError)
            assert name.x.Ret == 1
            for other in (copy.copy(name), pickle.loads(pickle.dumps(name))):
                assert f'{other}' == f'{name}'
                assert other.__len__().Ret == 4
        return True


if __name__ == '__main__':
    corps = create_Corps(SpecialCorps, ConfigDicts=[{'NumEnvs': 2}])
    assert corps.run().Ret is True
    assert copy.copy(corps).my_Class().Ret == 'SpecialCorps'
    corps.exit()
    print('OK')
