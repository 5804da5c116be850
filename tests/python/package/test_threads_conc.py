"""Plain threads inside Concs call, wait, and call their own Conc; thread pools; a thread that outlives its request."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor

from corps import Conc, Corps, LocType, create_Concs, create_Corps, wait_all
from helpers import wait_until


class Worker(Conc):
    def __init__(self):
        super().__init__()
        self.notes = []

    def add(self, a, b):
        return a + b

    def note(self, text):
        self.notes.append(text)

    def told(self):
        return self.notes

    def by_threads(self, others):
        def run(other):
            return [other.add(i, 1).Ret for i in range(50)]
        with ThreadPoolExecutor(8) as pool:
            return [sum(numbers) for numbers in pool.map(run, others * 4)]

    def by_own_thread(self):
        """Its thread calls the Conc itself, when the request is over."""
        me = self.my_Name()

        def run():
            time.sleep(0.05)
            me.note('{} from a thread'.format(me.add(2, 3).Ret))
        threading.Thread(target=run).start()
        return 'started'

    def creator(self):
        """A thread creates Concs and waits for them."""
        made = []

        def run():
            names = create_Concs(Worker, LocType=LocType.PerEnv)
            futures = [name.add(1, 1) for name in names]
            wait_all(futures)
            made.extend(future.Ret for future in futures)
        thread = threading.Thread(target=run)
        thread.start()
        thread.join(60)
        return made


class Service(Corps):
    def __init__(self):
        super().__init__()
        self.workers = create_Concs(Worker, LocType=LocType.PerEnv, Num=2)

    def names(self):
        return self.workers


def main():
    with create_Corps(Service, ConfigDicts=[{'NumEnvs': 2}]) as service:
        workers = service.names().Ret
        for number, worker in enumerate(workers):
            others = workers[:number] + workers[number + 1:]
            assert worker.by_threads(others).result(60) == [sum(range(1, 51))] * 12
        for worker in workers:
            assert worker.by_own_thread().Ret == 'started'
        for worker in workers:
            assert wait_until(lambda: worker.told().Ret == ['5 from a thread']), worker.told().Ret
            assert worker.creator().result(60) == [2, 2]
    print('OK')


if __name__ == '__main__':
    main()
