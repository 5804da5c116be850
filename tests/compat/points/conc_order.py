"""Calls of one sender to one Conc run in the order in which they were made, NoReply or not."""

from Future import wait_all
from Workers import create_Concs, create_Corps, LocType
from team import Team, Worker

NUMBER = 200


def send_in_order(name):
    """Send numbered calls, every third without a reply, and check what arrived."""
    calls = [name.note(number, NoReply=number % 3 == 0) for number in range(NUMBER)]
    assert wait_all(calls) is True
    assert name.noted().Ret == list(range(NUMBER)), name.noted().Ret
    return True


class Sender(Worker):

    def send(self, name):
        return send_in_order(name)


class OrderCorps(Team):

    def run(self):
        results = []
        for sender in create_Concs(Sender, LocType=LocType.PerEnv):
            for target in create_Concs(Worker, LocType=LocType.PerEnv):
                results.append(sender.send(target).Ret)
        return results


if __name__ == '__main__':
    corps = create_Corps(OrderCorps, ConfigDicts=[{'NumEnvs': 2}])
    assert corps.run().Ret == [True] * 4
    send_in_order(corps)
    corps.exit()
    print('OK')
