"""A Corps that tells its configuration."""

from Conc import Conc
from Corps import Corps
from Workers import create_Concs, create_Corps, LocType


def read(names):
    """Return the values of some attributes of ConfigGlobals."""
    import ConfigGlobals
    return [getattr(ConfigGlobals, name) for name in names]


class ReaderConc(Conc):

    def read(self, names):
        return read(names)


class Reader(Corps):

    def __init__(self):
        super().__init__()
        from ConfigGlobals import NumEnvs
        self.envs = NumEnvs
        self.readers = create_Concs(ReaderConc, LocType=LocType.PerEnv)

    def read(self, *names):
        """Return the values as seen in every Env, after checking that all see the same."""
        assert self.envs == len(self.readers)
        values = [reader.read(names).Ret for reader in self.readers]
        assert all(value == values[0] for value in values), values
        return values[0]

    def read_in_child(self, *names):
        child = create_Corps(Reader, ConfigDicts=[{'NumEnvs': 1}])
        values = child.read(*names).Ret
        assert child.exit().Ret is True
        return values
