"""The processes of a Corps have the script's arguments, folder, path and environment, but not its later globals."""

import os
import sys

from Conc import Conc
from Corps import Corps
from Workers import create_Concs, create_Corps, LocType

CHANGED = 'as imported'


class Looker(Conc):

    def look(self):
        main_folder = os.path.dirname(os.path.abspath(__file__))
        return (os.getcwd(), os.environ.get('COMPAT_POINT'), sys.argv, CHANGED,
                any(os.path.abspath(path) == main_folder for path in sys.path))


class LookerCorps(Corps):

    def look(self):
        return [looker.look().Ret for looker in create_Concs(Looker, LocType=LocType.PerEnv)]


if __name__ == '__main__':
    CHANGED = 'changed by the script'
    os.environ['COMPAT_POINT'] = 'set before create_Corps'
    corps = create_Corps(LookerCorps, ConfigDicts=[{'NumEnvs': 2}])
    for folder, variable, argv, changed, on_path in corps.look().Ret:
        assert folder == os.getcwd()
        assert variable == 'set before create_Corps'
        assert argv == sys.argv
        assert changed == 'as imported'
        assert on_path
    corps.exit()
    print('OK')
