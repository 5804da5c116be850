"""A manager: two ExtCorps, two ContCorps and, down to the last level, one manager below it."""

from Corps import Corps
from Future import wait_all
from Workers import create_Concs, create_Corps, LocType
from corps_of_corps_parts.GlobalCorps import GlobalCorps, Prober
from corps_of_corps_parts.LeafCorps import LeafCorps


class MgrCorps(Corps):

    # ConfigFiles is taken by the system, so the parameter here always has its default
    def __init__(self, Level, NumLevels, Global=None, ConfigFiles=[]):
        super().__init__()
        assert ConfigFiles == []
        self.Level = Level
        if Global is None:
            Global = create_Corps(GlobalCorps, Tag='Global', Ext=True, Managed=False,
                                  ConfigFiles=['settings/LeafConfig.py'])
        self.Global = Global
        self.Probers = create_Concs(Prober, LocType=LocType.PerEnv)

        self.Exts = [create_Corps(LeafCorps, Global, i, Tag=f'Ext{Level}{i}', Ext=True, Managed=True,
                                  ConfigFiles=['settings/LeafConfig.py']) for i in range(2)]
        self.Conts = [create_Corps(LeafCorps, self.Global, Number=i, Tag=f'Cont{Level}{i}', Ext=False,
                                   ConfigFiles=['settings/LeafConfig.py'],
                                   ConfigDicts=[{'NumEnvs': 4}, {'NumEnvs': 1}]) for i in range(2)]
        self.SubMgrs = []
        if Level < NumLevels:
            self.SubMgrs.append(create_Corps(MgrCorps, Level + 1, NumLevels, Global=self.Global, Tag=f'Mgr{Level + 1}',
                                             ConfigFiles=['settings/ManagerConfig.py'],
                                             ConfigDicts=[{'Max_Msg_Request_Attempts': 40 + Level}]))

    def global_Name(self):
        return self.Global

    def identities(self):
        """Identities of all Corps from here downwards."""
        from ConfigGlobals import Max_Msg_Request_Attempts, NumEnvs
        Found = [(self.my_Tag(), self.Level, NumEnvs, Max_Msg_Request_Attempts, repr(self).split()[0])]
        FutRets = [Leaf.identity() for Leaf in self.Exts + self.Conts]
        wait_all(FutRets)
        Found += [FutRet.Ret for FutRet in FutRets]
        for SubMgr in self.SubMgrs:
            Found += SubMgr.identities().Ret
        return Found

    def managers_ok(self):
        """Every Corps below tells that its manager is the one that created it."""
        Me = f'{self.my_ExtName()}'
        return (all(f'{Child.my_Mgr().Ret}' == Me for Child in self.Exts + self.Conts + self.SubMgrs)
                and all(SubMgr.managers_ok().Ret for SubMgr in self.SubMgrs))

    def report(self):
        """Let everybody from here downwards report to the global Corps."""
        self.Global.report(self.my_Tag(), 'manager').Ret
        FutRets = [Child.report() for Child in self.Exts + self.Conts + self.SubMgrs]
        wait_all(FutRets)
        for FutRet in FutRets:
            assert FutRet.Ret > 0
        return len(self.Global.messages().Ret)

    def pids(self):
        """Process ids of all Envs from here downwards."""
        Pids = [Prober.pid().Ret for Prober in self.Probers]
        for Child in self.Exts + self.Conts + self.SubMgrs:
            Pids += Child.pids().Ret
        return Pids

    def cleanup(self):
        for Ext in self.Exts:
            Ext.exit()
        for Child in self.Conts + self.SubMgrs:
            Child.exit(NoReply=True)
        return True
