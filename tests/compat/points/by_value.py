"""Arguments and results are copies, in a script, between Envs and between two Concs of one Env."""

import time

from Workers import create_Concs, create_Corps, LocType
from team import Team, Worker


class Server(Worker):

    def slow_echo(self, thing):
        time.sleep(0.05)
        return thing

    def keep(self, thing):
        self.kept = thing
        return thing

    def spoil(self, thing):
        thing.append('spoiled')


class Client(Worker):

    def run(self, server):
        return check(server)


class ValueTeam(Team):

    def keep(self, thing):
        self.kept = thing
        return thing

    def slow_echo(self, thing):
        time.sleep(0.05)
        return thing

    def spoil(self, thing):
        thing.append('spoiled')

    def run(self):
        results = []
        for server in create_Concs(Server, LocType=LocType.PerEnv):
            for client in create_Concs(Client, LocType=LocType.PerEnv):
                results.append(client.run(server).Ret)
        return results


def check(server):
    """Change arguments after the call, and results after they have been read."""
    numbers = [0]
    futures = []
    for number in range(5):
        numbers[0] = number
        futures.append(server.slow_echo(numbers))
    numbers.append('late')
    assert [future.Ret for future in futures] == [[number] for number in range(5)]

    inner = {'a': []}
    result = server.keep(inner).Ret
    inner['a'].append('changed by the caller')
    result['a'].append('changed in the result')
    assert server.kept.Ret == {'a': []}
    server.kept.Ret['a'].append('changed in a value read')
    assert server.kept.Ret == {'a': []}
    server.label = inner
    inner['b'] = 1
    assert server.label.Ret == {'a': ['changed by the caller']}

    mine = ['clean']
    server.spoil(mine).Ret
    assert mine == ['clean']
    return True


if __name__ == '__main__':
    corps = create_Corps(ValueTeam, ConfigDicts=[{'NumEnvs': 2}])
    assert corps.run().Ret == [True] * 4
    assert check(corps) is True
    corps.exit()
    print('OK')
