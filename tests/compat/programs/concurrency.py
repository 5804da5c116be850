"""Concurrency: global servers, clients in every Env, private servers of every client, rounds of concurrent calls."""

import os

from Conc import Conc
from Corps import Corps
from EnvGlobals import my_EnvId
from Future import NoRet, wait_all, wait_next
from Workers import create_Concs, create_Corps, LocType

NumRounds = 50


class Server(Conc):

    def __init__(self, Number):
        super().__init__()
        self.Number = Number
        self.NumCalls = 0
        self.start()

    def where(self):
        return my_EnvId()

    def work(self, Client, Round):
        self.NumCalls += 1
        return Client, Round, self.Number * 1000 + Round

    def num_Calls(self):
        return self.NumCalls


class PrivateServer(Server):

    def cleanup(self):
        print(f'{self} cleaned up after {self.NumCalls} calls')
        return True


class Client(Conc):

    def __init__(self, Number, Servers):
        super().__init__()
        self.Number = Number
        self.Servers = Servers
        self.Privates = create_Concs(PrivateServer, 500 + Number, Mgr=self.my_Name(), LocType=LocType.PerEnv)
        self.start()

    def places(self):
        return my_EnvId(), [Private.where().Ret for Private in self.Privates]

    def managers_ok(self):
        Me = f'{self.my_Name()}'
        return all(f'{Private.my_Mgr().Ret}' == Me for Private in self.Privates)

    def run(self, NumRounds):
        NumErrors = 0
        for Round in range(NumRounds):
            FutRets = [Server.work(self.Number, Round) for Server in self.Servers]
            FutRets += [Private.work(self.Number, Round) for Private in self.Privates]
            Numbers = list(range(len(self.Servers))) + [500 + self.Number] * len(self.Privates)
            wait_all(FutRets)
            for FutRet, Number in zip(FutRets, Numbers):
                Ret = FutRet.Ret
                if Ret == NoRet or Ret != (self.Number, Round, Number * 1000 + Round):
                    NumErrors += 1
        return self.Number, NumErrors

    def private_Calls(self):
        return [Private.num_Calls().Ret for Private in self.Privates]

    def cleanup(self):
        FutRets = [Private.exit() for Private in self.Privates]
        wait_all(FutRets)
        return all(FutRet.Ret for FutRet in FutRets)


class ConcurrencyCorps(Corps):

    def __init__(self):
        super().__init__()
        from ConfigGlobals import NumEnvs
        self.NumEnvs = NumEnvs
        self.Servers = []
        for i in range(NumEnvs):
            self.Servers += create_Concs(Server, i, LocType=LocType.Auto)
        self.Clients = []
        for i in range(NumEnvs):
            self.Clients += create_Concs(Client, i, self.Servers, LocType=LocType.EnvId, LocVal=i)

    def check_places(self):
        Envs = list(range(self.NumEnvs))
        assert [Server.where().Ret for Server in self.Servers] == Envs
        assert [Client.places().Ret for Client in self.Clients] == [(Env, Envs) for Env in Envs]
        assert all(Client.managers_ok().Ret for Client in self.Clients)
        return True

    def run(self):
        FutRets = [Client.run(NumRounds) for Client in self.Clients]
        Seen = []
        NumErrors = 0
        for i in wait_next(FutRets):
            Number, Errors = FutRets[i].Ret
            assert Number == i
            Seen.append(i)
            NumErrors += Errors
        return sorted(Seen), NumErrors

    def calls(self):
        return ([Server.num_Calls().Ret for Server in self.Servers],
                [Client.private_Calls().Ret for Client in self.Clients])

    def cleanup(self):
        FutRets = [Client.exit() for Client in self.Clients]
        wait_all(FutRets)
        print('Clients exited:', [FutRet.Ret for FutRet in FutRets])
        return True


if __name__ == '__main__':

    os.environ['NumEnvs'] = '4'
    TheCorps = create_Corps(ConcurrencyCorps, Tag='Concurrency', ConfigFiles=['settings/ConcurrencyConfig.py'])

    assert TheCorps.check_places().Ret is True
    Seen, NumErrors = TheCorps.run().Ret
    assert Seen == [0, 1, 2, 3]
    assert NumErrors == 0, NumErrors
    Global, Private = TheCorps.calls().Ret
    assert Global == [4 * NumRounds] * 4, Global
    assert Private == [[NumRounds] * 4] * 4, Private
    print(f'{sum(Global) + sum(map(sum, Private))} calls, all results correct')

    TheCorps.exit(NoReply=True)
    print('OK')
