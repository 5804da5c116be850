"""cleanup() of a Corps runs once at its exit and may exit its Concs, waiting for them or not."""

import os
import tempfile

from Corps import Corps
from Workers import create_Concs, create_Corps, LocType
from helpers import still_there
from team import Worker


class Writer(Worker):

    def __init__(self, path):
        super().__init__()
        self.path = path

    def write(self, text):
        with open(self.path, 'a') as file:
            file.write(text + '\n')

    def cleanup(self):
        self.write('conc')
        return True


class WriterCorps(Corps):

    def __init__(self, path):
        super().__init__()
        self.path = path
        self.writers = create_Concs(Writer, path, LocType=LocType.PerEnv)

    def pids(self):
        return [writer.pid().Ret for writer in self.writers]

    def cleanup(self):
        for writer in self.writers:
            assert writer.exit().Ret is True
        with open(self.path, 'a') as file:
            file.write('corps\n')


if __name__ == '__main__':
    handle, path = tempfile.mkstemp()
    os.close(handle)
    try:
        corps = create_Corps(WriterCorps, path, ConfigDicts=[{'NumEnvs': 2}])
        pids = corps.pids().Ret
        corps.exit()
        assert still_there(pids) == []
        with open(path) as file:
            lines = file.read().split()
    finally:
        os.remove(path)
    assert lines == ['conc', 'conc', 'corps'], lines
    print('OK')
