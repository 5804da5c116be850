"""Plain threads of a Conc may create Concs, call and wait, also after the method has returned."""

import threading

from Workers import create_Concs, create_Corps, LocType
from team import Team, Worker


class Threaded(Worker):

    def __init__(self, targets):
        super().__init__()
        self.targets = targets

    def in_threads(self):
        results = []

        def work(number):
            target = self.targets[number % len(self.targets)]
            mine = create_Concs(Worker, number, LocType=LocType.EnvId, LocVal=number % 2)[0]
            results.append([target.echo((number, index)).Ret for index in range(10)] ==
                           [(number, index) for index in range(10)] and mine.get_label().Ret == number)

        threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return results

    def later(self):
        """Return at once and let a thread send a note to every target."""
        def work():
            for target in self.targets:
                target.note('from a thread').Ret

        self.thread = threading.Thread(target=work)
        self.thread.start()

    def wait(self):
        self.thread.join(10)
        return self.thread.is_alive()


class ThreadTeam(Team):

    def run(self):
        for threaded in create_Concs(Threaded, self.workers, LocType=LocType.PerEnv):
            assert threaded.in_threads().Ret == [True] * 4
            assert threaded.later().Ret is None
            assert threaded.wait().Ret is False
        return [worker.noted().Ret for worker in self.workers]


if __name__ == '__main__':
    corps = create_Corps(ThreadTeam, ConfigDicts=[{'NumEnvs': 2}])
    assert corps.run().Ret == [['from a thread'] * 2] * 2
    corps.exit()
    print('OK')
