"""Thread = 'own': __init__, all methods, attributes and cleanup of a Worker run on one thread, which ends with it."""

import asyncio
import decimal
import multiprocessing
import sqlite3
import sys
import threading

from corps import Conc, Corps, Deadlock, WorkerLost, create_Concs, create_Corps, wait_all
from helpers import expect, wait_until


class Bound(Conc):
    """What it uses is bound to a thread."""
    Thread = 'own'

    def __init__(self, other=None):
        super().__init__()
        self.other = other
        self.thread = threading.get_ident()
        self.local = threading.local()
        self.local.value = 'local'
        self.database = sqlite3.connect(':memory:')
        self.database.execute('create table numbers (n)')
        decimal.getcontext().prec = 5
        self.loop = asyncio.new_event_loop()
        asyncio.set_event_loop(self.loop)

    @property
    def here(self):
        return threading.get_ident() == self.thread

    def add(self, n):
        assert self.here and self.local.value == 'local'
        self.database.execute('insert into numbers values (?)', (n,))
        return str(decimal.Decimal(1) / 3), self.loop is asyncio.get_event_loop_policy().get_event_loop()

    def numbers(self):
        return [n for n, in self.database.execute('select n from numbers')]

    def __setattr__(self, name, value):
        assert threading.get_ident() == self.__dict__.get('thread', threading.get_ident())
        super().__setattr__(name, value)

    def through(self, n):
        """Waits for another such Worker."""
        return self.here, self.other.add(n).Ret, self.here

    def itself(self):
        return self.my_Name().numbers().Ret

    def process(self):
        context = multiprocessing.get_context('fork')
        queue = context.SimpleQueue()
        process = context.Process(target=queue.put, args=(1,))
        process.start()
        process.join(60)
        return process.exitcode, queue.get()

    def started(self):
        return threading.Thread().daemon, threading.current_thread() is threading.main_thread()

    async def awaiting(self):
        await asyncio.sleep(0)
        return self.here

    def cleanup(self):
        assert self.here
        self.database.close()
        self.loop.close()
        return True


class Broken(Conc):
    Thread = 'own'

    def __init__(self):
        raise KeyError('no')


class Misspelt(Conc):
    Thread = 'mine'


class Service(Corps):
    Thread = 'own'

    def __init__(self):
        super().__init__()
        self.thread = threading.get_ident()
        self.bound = create_Concs(Bound, Num=3)
        self.last, = create_Concs(Bound, self.bound[0])

    def here(self):
        return threading.get_ident() == self.thread

    def names(self):
        return self.bound, self.last

    def flood(self, count):
        """Streams without replies, to Workers of both Envs: in order."""
        for n in range(count):
            for worker in self.bound:
                worker.add(n, NoReply=True)
        return [worker.numbers().Ret == list(range(count)) for worker in self.bound]

    def come_and_go(self, count):
        before = threading.active_count()
        for _ in range(count):
            workers = create_Concs(Bound, Num=4)
            wait_all([worker.add(1) for worker in workers])
            wait_all([worker.exit() for worker in workers])
            error = expect(WorkerLost, lambda: workers[0].add(2).Ret)
            assert 'has ended' in str(error), error
        wait_until(lambda: threading.active_count() <= before + 2)
        return threading.active_count() - before

    def refused(self):
        return (expect(KeyError, create_Concs, Broken).args,
                str(expect(ValueError, create_Concs, Misspelt)).splitlines()[0])


def main():
    with create_Corps(Service, ConfigDicts=[{'NumEnvs': 2}]) as service:
        bound, last = service.names().Ret
        assert service.here().Ret and all(service.flood(300).Ret)
        for worker in bound:
            assert worker.add(300).Ret == ('0.33333', True)
            assert worker.numbers().Ret == list(range(301))
            worker.mark = 1                                             # __setattr__ looks at the thread
            assert worker.mark.Ret == 1
        assert last.through(301).Ret == (True, ('0.33333', True), True)
        expect(Deadlock, lambda: last.itself().Ret)
        assert bound[1].process().Ret == (0, 1) and bound[1].started().Ret == (False, False)
        assert bound[1].awaiting().Ret is False                         # coroutines are of the event loop's thread
        threads = [threading.Thread(target=lambda: wait_all([bound[2].add(n) for n in range(50)])) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(bound[2].numbers().Ret) == 301 + 400
        assert service.come_and_go(10).Ret <= 2
        args, text = service.refused().Ret
        assert "Misspelt.Thread must be 'pool' or 'own', not 'mine'" in text, text
    print('OK')


if __name__ == '__main__':
    sys.exit(main())
