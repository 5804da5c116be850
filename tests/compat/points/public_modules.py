"""The public modules exist, may be imported in any order, and six of them have docstrings."""

import ConfigGlobals
import ConcAddr
import Packer
import EnvGlobals
import Exceptions
import Future
import Name
import Workers
import CorpsStatus
import Conc
import Corps

if __name__ == '__main__':
    for module, names in ((Corps, 'Corps'), (Conc, 'Conc'), (Workers, 'create_Corps create_Concs LocType'),
                          (Future, 'Future wait_all wait_next NoRet NoRetType'), (Name, 'Name'),
                          (ConcAddr, 'ConcAddr ExtAddr'), (CorpsStatus, 'MajorStatus MinorStatus'),
                          (EnvGlobals, 'my_Host my_Ip my_Port my_EnvId my_EnvStatus'),
                          (Packer, 'versions pack unpack'), (ConfigGlobals, 'NumEnvs')):
        for name in names.split():
            assert hasattr(module, name), (module, name)
    for module in (Workers, Corps, Conc, Future, Exceptions, ConfigGlobals):
        assert module.__doc__ and module.__doc__.strip(), module
    kinds = [(kind.name, int(kind)) for kind in Workers.LocType]
    assert kinds == [('EnvId', 0), ('PerEnv', 1), ('Auto', 2), ('Host', 3), ('Cluster', 4), ('Region', 5)]
    assert issubclass(Corps.Corps, Conc.Conc)
    status = CorpsStatus.MajorStatus
    values = (status.Nonexistent, status.Booting, status.Restarting, status.Running, status.Exiting, status.Impaired,
              status.Failed)
    assert [int(value) for value in values] == [-999, 1, 2, 3, 4, 5, 6]
    assert isinstance(Future.NoRet, Future.NoRetType)
    print('OK')
