"""A method may take longer than the client timeout; it runs once and its result arrives."""

from Workers import create_Corps
from team import Team


class SlowTeam(Team):

    def run(self):
        for worker in self.workers:
            worker.note('before').Ret
            future = worker.nap(2.5)
            worker.note('after', NoReply=True)
            assert future.Ret == 2.5
            assert worker.noted().Ret == ['before', 'after']
        return True


if __name__ == '__main__':
    corps = create_Corps(SlowTeam, ConfigDicts=[{'NumEnvs': 2, 'Networking_Client_Timeout': 1,
                                                 'Networking_Server_Timeout': 1, 'Max_Msg_Request_Attempts': 2}])
    assert corps.run().Ret is True
    assert corps.nap(1.5).Ret == 1.5
    corps.exit()
    print('OK')
