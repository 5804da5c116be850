"""The hooks and main of a Conc exist; requests are served only when __init__ is complete; requests queued before exit run."""

import time

from Conc import Conc
from Corps import Corps
from Workers import create_Concs, create_Corps


class Slow(Conc):

    def __init__(self, keeper):
        super().__init__()
        keeper.keep(self.my_Name()).Ret    # from now on somebody may call
        time.sleep(0.3)
        self.ready = True
        self.done = []

    def is_ready(self):
        return self.ready

    def add(self, number):
        self.done.append(number)

    def total(self):
        return sum(self.done)


class Keeper(Conc):

    def keep(self, name):
        self.future = name.is_ready()      # sent while its __init__ still runs

    def answer(self):
        return self.future.Ret


class HooksCorps(Corps):

    def check(self):
        keeper = create_Concs(Keeper)[0]
        slow = create_Concs(Slow, keeper)[0]
        assert keeper.answer().Ret is True
        futures = [slow.add(n) for n in range(10)]
        total, end = slow.total(), slow.exit()
        assert [future.Ret for future in futures] == [None] * 10
        assert total.Ret == 45 and end.Ret is True
        hooks = (self.before_rec_msg(), self.before_request(None), self.after_request(None, 1), self.after_reply(None, 1))
        return hooks == (0, 0, 0, 0) and self.main() is None


if __name__ == '__main__':
    corps = create_Corps(HooksCorps, ConfigDicts=[{'NumEnvs': 2}])
    assert corps.check().Ret is True
    corps.exit()
    print('OK')
