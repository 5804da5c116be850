"""my_Host, my_Ip, my_Port, my_EnvId and my_EnvStatus in a script and in the Envs of a Corps."""

import ipaddress

from Conc import Conc
from Corps import Corps
from CorpsStatus import MajorStatus
from EnvGlobals import my_EnvId, my_EnvStatus, my_Host, my_Ip, my_Port
from Workers import create_Concs, create_Corps, LocType


class Teller(Conc):

    def tell(self):
        return my_Host(), my_Ip(), my_Port(), my_EnvId(), my_EnvStatus()


class TellerCorps(Corps):

    def tell(self):
        tellers = create_Concs(Teller, LocType=LocType.PerEnv)
        return [teller.tell().Ret for teller in tellers]


if __name__ == '__main__':
    assert isinstance(my_Host(), str) and my_Host()
    assert isinstance(my_Ip(), ipaddress.IPv4Address)
    assert my_Port() is None
    assert my_EnvStatus() == MajorStatus.Nonexistent
    my_EnvId()
    print(my_Host(), my_Ip(), my_Port())
    corps = create_Corps(TellerCorps, ConfigDicts=[{'NumEnvs': 2}])
    for number, (host, ip, port, env, status) in enumerate(corps.tell().Ret):
        assert host == my_Host()
        assert ip == my_Ip()
        assert port is None or isinstance(port, int)
        assert env == number
        assert status == MajorStatus.Running
    corps.exit()
    print('OK')
