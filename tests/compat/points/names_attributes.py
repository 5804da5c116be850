"""Names: instance attributes are Futures, writing waits, new attributes may be made, class attributes are values."""

from Conc import Conc
from Corps import Corps
from Exceptions import AsyncAttributeError, AsyncExecutionError
from Future import Future
from Workers import create_Concs, create_Corps, LocType
from helpers import raised


class Holder(Conc):

    unit = 'metre'
    sizes = (1, 2)

    def __init__(self):
        super().__init__()
        self.x = 1

    def make(self, value):
        self.made = value

    def get(self, name):
        return getattr(self, name)


class HolderCorps(Corps):

    def run(self):
        for name in create_Concs(Holder, LocType=LocType.PerEnv):
            check(name)
        return True


def check(name):
    """Read and write attributes of a Holder."""
    assert isinstance(name.x, Future)
    assert name.x.Ret == 1
    name.make([5]).Ret
    assert name.made.Ret == [5]
    for value in range(20):
        name.x = value
        assert name.x.Ret == value
        assert name.get('x').Ret == value
        name.new = {'value': value}
        assert name.new.Ret == {'value': value}
        assert name.get('new').Ret == {'value': value}

    # Plain values of the class, at once
    assert name.unit == 'metre'
    assert name.sizes == (1, 2)
    # An attribute that does not exist
    assert hasattr(name, 'missing')
    future = name.missing
    for _ in range(2):
        error = raised(lambda: future.Ret)
        assert isinstance(error, AsyncExecutionError), repr(error)
        assert isinstance(error, AsyncAttributeError), repr(error)
        assert error.TypeName == 'AttributeError'
        assert 'missing' in str(error.Value)
    assert isinstance(raised(lambda: name.no_method(1)), TypeError)
    name.x = 'still working'
    assert name.x.Ret == 'still working'


if __name__ == '__main__':
    corps = create_Corps(HolderCorps, ConfigDicts=[{'NumEnvs': 2}])
    assert corps.run().Ret is True
    corps.y = 'set by the script'
    assert corps.y.Ret == 'set by the script'
    corps.exit()
    print('OK')
