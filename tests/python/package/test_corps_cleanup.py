"""cleanup: once each, requests that came before are handled, one that raises does not keep the rest from ending."""

import os
import sys
import tempfile
import time

from corps import Conc, Corps, LocType, create_Concs, create_Corps


class Worker(Conc):
    def __init__(self, path, how):
        super().__init__()
        self.path, self.how, self.count = path, how, 0

    def note(self, text):
        with open(self.path, 'a') as file:
            file.write('{} {}\n'.format(self.ConcAddr.LocEnvId, text))

    def work(self):
        time.sleep(0.005)
        self.count += 1

    def cleanup(self):
        self.note('{} {}'.format(self.how, self.count))
        if self.how == 'raises':
            raise RuntimeError('in cleanup')


class Service(Corps):
    def __init__(self, path):
        super().__init__()
        self.workers = [create_Concs(Worker, path, how, LocType=LocType.PerEnv) for how in ('plain', 'raises', 'ended')]

    def end_some(self):
        for worker in self.workers[2]:
            worker.exit().Ret

    def work(self):
        for worker in self.workers[0] + self.workers[1]:
            for _ in range(5):
                worker.work(NoReply=True)


def check_once():
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, 'notes')
        open(path, 'w').close()
        with create_Corps(Service, path, ConfigDicts=[{'NumEnvs': 2}]) as service:
            service.end_some().Ret
            service.work().Ret
        with open(path) as file:
            lines = file.read().split('\n')[:-1]
        assert lines[:2] == ['0 ended 0', '1 ended 0'], lines
        assert sorted(lines[2:]) == ['0 plain 5', '0 raises 5', '1 plain 5', '1 raises 5'], lines


def main():
    for _ in range(5):  # that Env 1 hears of the end before it looks for what Env 0 has sent needs some luck
        check_once()
    print('OK')


if __name__ == '__main__':
    sys.exit(main())
