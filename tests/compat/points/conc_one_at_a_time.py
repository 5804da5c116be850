"""A Conc runs one request at a time; different Concs of one Env run at the same time."""

import time

from Conc import Conc
from Corps import Corps
from Future import wait_all
from Workers import create_Concs, create_Corps, LocType
from gate import gates


class Busy(Conc):

    def __init__(self):
        super().__init__()
        self.inside = 0
        self.most = 0
        self.start()

    def work(self, seconds):
        self.inside += 1
        self.most = max(self.most, self.inside)
        time.sleep(seconds)
        self.inside -= 1

    def held(self, gate):
        gate.wait()

    def get_most(self):
        return self.most


class Sender(Conc):

    def send(self, busy, number):
        calls = [busy.work(0.005) for _ in range(number)]
        wait_all(calls)
        return [call.Ret for call in calls]


class BusyCorps(Corps):

    def one_at_a_time(self):
        busy = create_Concs(Busy, LocType=LocType.EnvId, LocVal=0)[0]
        senders = create_Concs(Sender, LocType=LocType.PerEnv, Num=2)
        calls = [sender.send(busy, 10) for sender in senders]
        assert wait_all(calls) is True
        assert [call.Ret for call in calls] == [[None] * 10] * 4
        return busy.get_most().Ret

    def same_time(self):
        for env in (0, 1):
            names = create_Concs(Busy, LocType=LocType.EnvId, LocVal=env, Num=4)
            with gates() as (gate,):
                calls = [name.held(gate) for name in names]
                gate.wait_for_arrivals(4)
            assert wait_all(calls) is True
        return True


if __name__ == '__main__':
    corps = create_Corps(BusyCorps, ConfigDicts=[{'NumEnvs': 2}])
    assert corps.one_at_a_time().Ret == 1
    assert corps.same_time().Ret is True
    corps.exit()
    print('OK')
