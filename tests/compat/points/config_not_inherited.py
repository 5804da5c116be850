"""Configuration: a Corps created inside another one starts from the defaults, and so does the next one of a script."""

from Workers import create_Corps
from settings.reader import Reader

NAMES = ('NumEnvs', 'Max_Msg_Request_Attempts', 'Networking_Client_Timeout')

if __name__ == '__main__':
    corps = create_Corps(Reader, ConfigFiles=['settings/second.py'], ConfigDicts=[{'NumEnvs': 2}])
    assert corps.read(*NAMES).Ret == [2, 22, 33]
    assert corps.read_in_child(*NAMES).Ret == [1, 50, 60]
    other = create_Corps(Reader, ConfigDicts=[{'NumEnvs': 1}])
    assert other.read(*NAMES).Ret == [1, 50, 60]
    assert corps.read(*NAMES).Ret == [2, 22, 33]
    assert other.exit().Ret is True
    corps.exit()
    print('OK')
