# expect-stdout: Warning: NoSuchSettingInADict is Not a Config variable, skipping
"""Configuration: an unknown name in a dict gives a printed warning and is skipped; in a file it is skipped silently."""

from Workers import create_Corps
from settings.reader import Reader

if __name__ == '__main__':
    corps = create_Corps(Reader, ConfigFiles=['settings/first.py'],
                         ConfigDicts=[{'NoSuchSettingInADict': 1, 'NumEnvs': 2}])
    assert corps.read('NumEnvs', 'Max_Msg_Request_Attempts').Ret == [2, 11]
    corps.exit()
    print('OK')
