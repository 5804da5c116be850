"""A Corps at the end of a branch: some Workers, no Corps below it."""

from Corps import Corps
from Workers import create_Concs, LocType
from corps_of_corps_parts.GlobalCorps import Prober


class LeafCorps(Corps):

    def __init__(self, Global, Number):
        super().__init__()
        self.Global = Global
        self.Number = Number
        self.Probers = create_Concs(Prober, LocType=LocType.PerEnv)

    def identity(self):
        from ConfigGlobals import Max_Msg_Request_Attempts, NumEnvs
        return self.my_Tag(), self.Number, NumEnvs, Max_Msg_Request_Attempts, repr(self).split()[0]

    def report(self):
        return self.Global.report(self.my_Tag(), 'leaf').Ret

    def pids(self):
        return [Prober.pid().Ret for Prober in self.Probers]

    def cleanup(self):
        for Prober in self.Probers:
            Prober.exit(NoReply=True)
        return True
