"""Configuration: the defaults, readable in a Corps and in a script, and the values set by create_Corps."""

import logging
from datetime import timedelta

import ConfigGlobals
from Workers import create_Corps
from settings.reader import Reader

DEFAULTS = {'ThreadPool_MinThreads': 10, 'ThreadPool_ThreadsInc': 10, 'ThreadPool_MaxQueueLength': 10,
            'Networking_Max_Connection_Attempts': 100, 'Networking_Client_Timeout': 60,
            'Networking_Server_Timeout': 600, 'Networking_Max_Queued_Conn_Requests': 100,
            'Max_Msg_Request_Attempts': 50, 'ResultsCache_Max_Entry_TTL': timedelta(seconds=1),
            'ResultsCache_Min_Clean_Interval': timedelta(seconds=2), 'Logging_Level': logging.WARNING,
            'Logging_Format': '%(levelno)s %(process)d %(asctime)s.%(msecs)03d %(message)s',
            'Logging_Datefmt': '%y-%m-%d %H:%M:%S'}

if __name__ == '__main__':
    for name, value in DEFAULTS.items():
        assert getattr(ConfigGlobals, name) == value, name
    assert ConfigGlobals.NumEnvs == 8
    assert ConfigGlobals.Tag == 'No Name'
    corps = create_Corps(Reader, Tag='Reader', ConfigDicts=[{'NumEnvs': 2}])
    values = corps.read(*DEFAULTS).Ret
    assert dict(zip(DEFAULTS, values)) == DEFAULTS, values
    assert corps.read('NumEnvs', 'Tag', 'Ext', 'Managed').Ret == [2, 'Reader', True, False]
    corps.exit()
    corps = create_Corps(Reader)
    assert corps.read('NumEnvs', 'Tag').Ret == [8, 'No Name']
    corps.exit()
    assert ConfigGlobals.NumEnvs == 8
    print('OK')
