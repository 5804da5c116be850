"""A detached Corps of one host: it goes on when the program that has created it has ended, and ends by its own exit."""

import subprocess

from corps import Corps, create_Corps, find_Corps
from helpers import expect, is_alive, run_python, script, start_python, wait_until

SOURCE = '''
import os
from corps import Corps, create_Corps, find_Corps

class Counter(Corps):
    def __init__(self):
        super().__init__()
        self.value = 0

    def add(self, number):
        self.value += number
        return self.value

    def pids(self):
        return os.getpid(), os.getppid()

if __name__ == '__main__':
    ended = create_Corps(Counter, Tag='ended', NumEnvs=1, Detached=True)
    ended.exit().Ret
    managed = create_Corps(Counter, Tag='managed', NumEnvs=1)
    counter = create_Corps(Counter, Tag='stays', NumEnvs=2, Detached=True)
    print(counter.add(1).Ret, *counter.pids().Ret, flush=True)
    {end}
'''


class Maker(Corps):
    """Creates one that does not end with it, although it manages what it creates."""

    def make(self):
        return create_Corps(Left, NumEnvs=1, Tag='made', Detached=True)


class Left(Corps):
    def managers(self):
        return self.my_Mgr()


def check(end, status):
    """Its program ends in this way."""
    with script(SOURCE.format(end=end)) as path:
        process = start_python(path, stderr=subprocess.DEVNULL)  # the Corps has its output open, and ends later
        value, pid, template = map(int, process.stdout.readline().split())
        assert process.wait(60) == status and value == 1
        assert wait_until(lambda: find_Corps(Tag='managed') == [] and find_Corps(Tag='ended') == [])
        counter, = find_Corps(Tag='stays')
        assert counter.add(1).Ret == 2 and counter.pids().Ret[0] == pid and is_alive(template)
        counter.exit().Ret
        assert wait_until(lambda: not is_alive(pid) and not is_alive(template))  # which nobody needs any more
        process.stdout.close()


def main():
    check('pass', 0)
    check('os._exit(3)', 3)
    check('os.kill(os.getpid(), 9)', -9)
    with create_Corps(Maker, NumEnvs=1) as maker:
        left = maker.make().Ret
        assert left.managers().Ret is None
    assert find_Corps(Tag='made') == [left]
    left.exit().Ret
    with create_Corps(Left, NumEnvs=1, Detached=True) as left:  # ends with the block
        pass
    assert wait_until(lambda: find_Corps() == [])
    for wrong in 'yes', None, 2:
        assert 'Detached' in str(expect(TypeError, create_Corps, Left, NumEnvs=1, Detached=wrong))
    assert 'Hosts' in str(expect(ValueError, create_Corps, Left, Detached=True, Singleton='x'))
    assert run_python('-c', 'import corps; corps.create_Corps(corps.Corps, NumEnvs=1, Detached=False)')[0] == 0
    print('OK')


if __name__ == '__main__':
    main()
