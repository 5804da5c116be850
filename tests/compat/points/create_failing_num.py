"""When one of several Concs fails to be made, the others are ended, and numbers and Envs go on to be usable."""

import os
import tempfile
import time

from Conc import Conc
from Corps import Corps
from EnvGlobals import my_EnvId
from Exceptions import AsyncExecutionError
from Workers import create_Concs, create_Corps, LocType


class Mark(Conc):
    """Leaves a file when it is made, and takes it away when it is cleaned up; cannot be made in Env 1."""

    def __init__(self, folder):
        super().__init__()
        if my_EnvId() == 1:
            raise RuntimeError('not in Env 1')
        self.path = os.path.join(folder, str(my_EnvId()))
        with open(self.path, 'w'):
            pass

    def cleanup(self):
        os.unlink(self.path)
        return True


class MarkCorps(Corps):

    def try_all(self, folder):
        try:
            create_Concs(Mark, folder, LocType=LocType.PerEnv)
        except AsyncExecutionError as error:
            return error.TypeName
        return None

    def one(self, folder):
        mark = create_Concs(Mark, folder, LocType=LocType.EnvId, LocVal=2)[0]
        there = os.listdir(folder)
        assert mark.exit().Ret is True
        return there


if __name__ == '__main__':
    corps = create_Corps(MarkCorps, ConfigDicts=[{'NumEnvs': 3}])
    with tempfile.TemporaryDirectory() as folder:
        assert corps.try_all(folder).Ret == 'RuntimeError'
        end = time.monotonic() + 60
        while os.listdir(folder) and time.monotonic() < end:    # they are ended, each at its own time
            time.sleep(0.01)
        assert os.listdir(folder) == []
        assert corps.one(folder).Ret == ['2']
        assert os.listdir(folder) == []
    corps.exit()
    print('OK')
