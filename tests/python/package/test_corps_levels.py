"""Corps in Corps, three levels, ExtCorps and ContCorps: calls up and down, and all end with the first, in order."""

import os
import sys
import tempfile

from corps import Conc, Corps, LocType, create_Concs, create_Corps
from helpers import is_alive, wait_until


def note(path, text):
    with open(path, 'a') as file:
        file.write(text + '\n')


class Cleaner(Conc):
    def __init__(self, path, name):
        super().__init__()
        self.path, self.name = path, name

    def cleanup(self):
        note(self.path, 'conc ' + self.name)


class Level(Corps):
    def __init__(self, path, name, depth):
        super().__init__()
        self.path, self.name = path, name
        create_Concs(Cleaner, path, name, LocType=LocType.PerEnv)
        options = {'ConfigDicts': [{'NumEnvs': 2}]}
        self.parts = [create_Corps(Level, path, name + str(number), depth - 1, Ext=number == 1, Tag=name + str(number),
                                   **options) for number in (1, 2)] if depth else []

    def count(self):
        return 1 + sum(part.count().Ret for part in self.parts)

    def pids(self):
        return [os.getpid()] + sum((part.pids().Ret for part in self.parts), [])

    def kinds(self):
        return [repr(self).split()[0]] + sum((part.kinds().Ret for part in self.parts), [])

    def manager(self):
        return self.my_Mgr()

    def managed(self):
        return all(part.manager().Ret == self.my_ExtName() for part in self.parts)

    def part(self, number):
        return self.parts[number]

    def cleanup(self):
        note(self.path, 'corps ' + self.name)


def main():
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, 'order')
        with create_Corps(Level, path, 't', 2, ConfigDicts=[{'NumEnvs': 2}]) as top:
            assert top.count().Ret == 7
            kinds = top.kinds().Ret
            assert kinds.count('ContCorps') == 3 and kinds.count('ExtCorps') == 4, kinds
            assert top.managed().Ret and top.part(0).Ret.managed().Ret
            assert top.manager().Ret is None
            assert top.part(1).Ret.part(0).Ret.count().Ret == 1             # a Name from two levels below
            pids = top.pids().Ret
            top.part(0).Ret.part(1).Ret.exit().Ret                          # one of the lowest ends earlier
            assert wait_until(lambda: not is_alive(pids[3]))
        assert not any(is_alive(pid) for pid in pids), pids
        with open(path) as file:
            lines = file.read().split('\n')[:-1]
        names = ('t', 't1', 't11', 't12', 't2', 't21', 't22')
        expected = ['corps ' + name for name in names] + ['conc ' + name for name in names] * 2
        assert sorted(lines) == sorted(expected), lines
        assert lines[:3] == ['corps t12', 'conc t12', 'conc t12'], lines
        assert lines[3:6] == ['corps t', 'conc t', 'conc t'], lines
    print('OK')


if __name__ == '__main__':
    sys.exit(main())
