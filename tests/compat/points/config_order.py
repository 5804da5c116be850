"""Configuration: files in order, then dicts in order, later wins; the caller's lists are not altered."""

from Workers import create_Corps
from settings.reader import Reader

NAMES = ('NumEnvs', 'Max_Msg_Request_Attempts', 'Networking_Max_Connection_Attempts', 'Networking_Client_Timeout')

if __name__ == '__main__':
    first, second = 'settings/first.py', 'settings/second.py'
    for files, dicts, expected in (([first, second], [{'NumEnvs': 2}], [2, 22, 12, 33]),
                                   ([second, first], [{'NumEnvs': 3}, {'NumEnvs': 1}], [1, 11, 12, 33]),
                                   ([second], [{'Networking_Client_Timeout': 5, 'NumEnvs': 2},
                                               {'Max_Msg_Request_Attempts': 6, 'Networking_Client_Timeout': 7}],
                                    [2, 6, 100, 7])):
        files_before, dicts_before = list(files), [dict(each) for each in dicts]
        corps = create_Corps(Reader, ConfigFiles=files, ConfigDicts=dicts)
        assert corps.read(*NAMES).Ret == expected, corps.read(*NAMES).Ret
        assert (files, dicts) == (files_before, dicts_before)
        assert corps.exit().Ret is True
    corps = create_Corps(Reader, ConfigFiles=[first])
    assert corps.read(*NAMES).Ret == [4, 11, 12, 60]
    assert corps.exit().Ret is True
    print('OK')
