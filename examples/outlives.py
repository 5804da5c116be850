"""A Corps that the program that creates it does not take along: whichever program comes first creates it, the others find it.

Without more it is one of this host. With hosts, "auto" or some by name, it outlives the host that it runs on as well, and is there once among all
of them: corps-agent runs on each with the ledger etcd (docs/etcd.md), this program is there under the same path, and the directory is one that
all of them have:

    python3 outlives.py add 3 auto /shared/total

Build:  nothing
Run:    python3 outlives.py add 3; python3 outlives.py add 4; python3 outlives.py end
Prints:
    the total is 3
    the total is 7
    ended with 7
"""

import sys

from corps import Corps, create_Corps, find_Corps


class Total(Corps):
    def __init__(self):
        super().__init__()
        self.total = 0

    def add(self, number):
        self.total += number
        return self.total

    def checkpoint(self):               # what it knows in its next life
        return self.total

    def restore(self, total):
        self.total = total


def total_of(hosts, directory):
    if hosts:
        return create_Corps(Total, NumEnvs=1, Hosts=hosts.split(','), Detached=True, Singleton='total', Restart='always', Keep_Directory=directory)
    found = find_Corps(Tag='total')
    return found[0] if found else create_Corps(Total, NumEnvs=1, Tag='total', Detached=True)


def main(what, number='0', hosts=None, directory=None):
    total = total_of(hosts, directory)
    if what == 'add':
        print('the total is', total.add(int(number), Retry=True).Ret)
    else:
        print('ended with', total.add(0).Ret)
        total.exit().Ret


if __name__ == '__main__':
    main(*sys.argv[1:])
