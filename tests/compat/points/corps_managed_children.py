"""Managed Corps, Ext and Cont, down to grandchildren, end with their manager, and their cleanup() runs."""

import os
import tempfile

from Workers import create_Corps
from helpers import still_there
from team import Team


class Family(Team):

    def __init__(self, path, depth):
        super().__init__()
        self.path = path
        self.children = []
        if depth:
            self.children = [create_Corps(Family, path, depth - 1, Tag='Same', Ext=ext, ConfigDicts=[{'NumEnvs': 1}])
                             for ext in (True, False)]

    def all_pids(self):
        pids = self.pids()
        for child in self.children:
            pids += child.all_pids().Ret
        return pids

    def exit_one(self):
        """A child that has been ended already is no obstacle to the exit of its manager."""
        return self.children[0].exit().Ret

    def cleanup(self):
        with open(self.path, 'a') as file:
            file.write('x')


if __name__ == '__main__':
    handle, path = tempfile.mkstemp()
    os.close(handle)
    try:
        for early in (False, True):
            corps = create_Corps(Family, path, 2, ConfigDicts=[{'NumEnvs': 2}])
            pids = corps.all_pids().Ret
            assert len(set(pids)) == 2 + 2 + 4
            if early:
                assert corps.exit_one().Ret is True
            corps.exit()
            assert still_there(pids) == []
        assert os.path.getsize(path) == 14, os.path.getsize(path)
    finally:
        os.remove(path)
    print('OK')
