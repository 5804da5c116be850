"""Eight idle Envs (and their program) come to use next to no processor time, with every wake policy that lets go; and so does a program
whose Corps have ended, and in which a thread waits for callbacks."""

import os
import time

from corps import Conc, Corps, LocType, create_Concs, create_Corps

SECONDS = 2.0
TRIES = 10       # on a busy machine they come to rest late
SHARE = 0.03


class Worker(Conc):
    def pid(self):
        return os.getpid()


class Service(Corps):
    def __init__(self):
        super().__init__()
        self.workers = create_Concs(Worker, LocType=LocType.PerEnv)

    def pids(self):
        return [worker.pid().Ret for worker in self.workers]


def used(pids):
    """The processor time of these processes, in seconds."""
    ticks = 0
    for pid in pids:
        with open('/proc/{}/stat'.format(pid)) as file:
            fields = file.read().rpartition(')')[2].split()
        ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf('SC_CLK_TCK')


def share_of(pids):
    """What these processes use of a processor, once they have come to rest."""
    for _ in range(TRIES):
        begin, before = time.monotonic(), used(pids)
        time.sleep(SECONDS)
        share = (used(pids) - before) / (time.monotonic() - begin)
        if share < SHARE:
            break
    return share


def main():
    for wake in ('adaptive', 'block'):
        with create_Corps(Service, Wake=wake, ConfigDicts=[{'NumEnvs': 8}]) as service:
            pids = service.pids().Ret
            assert len(set(pids)) == 8
            pids.append(os.getpid())
            time.sleep(0.5)
            called = service.pids()
            called.add_done_callback(lambda future: None)
            called.Ret
            share = share_of(pids)
            print('note: {} {:.2%} of a core'.format(wake, share))
            assert share < SHARE, (wake, share)
    share = share_of([os.getpid()])
    print('note: afterwards {:.2%}'.format(share))
    assert share < SHARE, share
    print('OK')


if __name__ == '__main__':
    main()
