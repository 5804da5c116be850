"""Calls with Retry=True are answered by the process that takes the place of one that was killed; how long they may take, and how many
results an Env keeps for them; the class attribute Retry."""

import asyncio
import datetime
import os
import signal
import tempfile
import threading

from corps import AsyncLocalMaxRetries, CallTimeout, Conc, Corps, LocType, WorkerLost, create_Concs, create_Corps, create_Funcs, deadline
from helpers import expect, wait_until


class Store(Conc):
    def __init__(self):
        super().__init__()
        self.numbers = []

    def append(self, number):
        self.numbers.append(number)
        return os.getpid()

    def all(self):
        return self.numbers

    async def slow(self, folder, who):
        """Say that it has begun, by a file, and wait for the file `open`."""
        with open(os.path.join(folder, '{}-{}'.format(who, os.getpid())), 'w'):
            pass
        while not os.path.exists(os.path.join(folder, 'open')):
            await asyncio.sleep(0.002)
        return who, os.getpid()


class Listed(Store):
    Retry = ['append', 'slow']


class Every(Store):
    Retry = True


class Never(Every):
    Retry = False


class Asker(Conc):
    async def ask(self, store, folder):
        return await store.slow(folder, 'async', Retry=True)

    def ask_in_turn(self, store, folder):
        return store.slow(folder, 'method', Retry=True).Ret

    def append(self, store, number):
        return store.append(number).Ret


class Service(Corps):
    def __init__(self):
        super().__init__()
        self.askers = create_Concs(Asker, LocType=LocType.EnvId, LocVal=0, Num=2)

    def make(self, cls):
        return create_Concs(cls, LocType=LocType.EnvId, LocVal=1)[0]

    def make_func(self):
        return create_Funcs(os.path.basename, LocType=LocType.EnvId, LocVal=1)[0]

    def two_askers(self):
        return self.askers


class Misspelt(Corps):
    Retry = 'append', 'exit', 'appent'

    def append(self):
        pass


class Text(Corps):
    Retry = 'append'

    def append(self):
        pass


def begun(folder, pid=None):
    """The processes in which each caller's call has begun."""
    found = [name.split('-') for name in os.listdir(folder) if '-' in name]
    return {who for who, number in found if number != str(pid)}


def check_killed():
    """Whoever calls, and by whatever means: the Future that it has is answered by the next process, and that of a call without Retry fails."""
    callers = {'program', 'async', 'method', 'listed', 'coroutine'}
    with create_Corps(Service, NumEnvs=2, Restart='on_failure') as service, tempfile.TemporaryDirectory() as folder:
        store, listed = service.make(Store).Ret, service.make(Listed).Ret
        first, second = service.two_askers().Ret
        pid = store.append(0).Ret
        futures = [store.slow(folder, 'program', Retry=True), first.ask(store, folder), second.ask_in_turn(store, folder),
                   listed.slow(folder, 'listed')]
        lost = [store.slow(folder, 'lost'), listed.slow(folder, 'lost too', Retry=False)]
        from_coroutine = []

        async def call():
            from_coroutine.append(await store.slow(folder, 'coroutine', Retry=True))

        thread = threading.Thread(target=asyncio.run, args=(call(),))
        thread.start()
        assert wait_until(lambda: begun(folder) == callers | {'lost', 'lost too'}), begun(folder)
        assert not any(future.done() for future in futures)
        os.kill(pid, signal.SIGKILL)
        for future in lost:
            expect(WorkerLost, lambda future=future: future.result(60))     # the link may be lost before it is known why
        more = [store.append(number, Retry=True) for number in range(1, 50)]
        assert wait_until(lambda: begun(folder, pid) == callers), begun(folder, pid)
        with open(os.path.join(folder, 'open'), 'w'):
            pass
        answers = [future.result(60) for future in futures]
        thread.join()
        answers += from_coroutine
        new = store.append(50).Ret
        assert new != pid and answers == [(who, new) for who in ('program', 'async', 'method', 'listed', 'coroutine')], answers
        assert {future.result(60) for future in more} == {new}
        assert store.all().Ret == list(range(1, 51))


def at_most(milliseconds, store, seconds):
    with deadline(seconds):
        error = expect(ValueError, lambda: store.append(1, Retry=True))
        assert 'at most {} ms'.format(milliseconds) in str(error), error
        store.append(1).Ret                                     # a call without it may take as long as it likes


def check_time():
    with create_Corps(Service, NumEnvs=2) as service:           # by default a minute, not what the configuration shows
        store = service.make(Store).Ret
        with deadline(50):
            store.append(1, Retry=True).Ret
        at_most(60000, store, 100)
        with deadline(100):
            assert service.two_askers().Ret[0].append(service.make(Every).Ret, 1).Ret   # a deadline that a method has inherited only shortens
    for given, milliseconds in ((datetime.timedelta(seconds=1), 1000), (2, 2000), (0.25, 250)):
        with create_Corps(Service, NumEnvs=2, ResultsCache_Max_Entry_TTL=given) as service:
            store = service.make(Store).Ret
            at_most(milliseconds, store, 50)
            if milliseconds == 250:
                with tempfile.TemporaryDirectory() as folder:
                    expect(CallTimeout, lambda: store.slow(folder, 'program', Retry=True).Ret)
                    with open(os.path.join(folder, 'open'), 'w'):
                        pass


def full(call, word='1 results'):
    error = expect(AsyncLocalMaxRetries, lambda: call().Ret)
    assert type(error) is AsyncLocalMaxRetries and word in str(error) and 'FULL' in str(error), error


def check_full():
    with create_Corps(Service, NumEnvs=2, ResultsCache_Max_Entries=3) as service:
        store = service.make(Store).Ret
        for number in range(3):
            store.append(number, Retry=True).Ret
        full(lambda: store.append(3, Retry=True), '3 results')
        store.append(4, Retry=False).Ret
        store.append(5, Retry=None, NoReply=True).Ret
        assert store.all().Ret == [0, 1, 2, 4, 5]
        func = service.make_func().Ret
        assert func('a/b').Ret == func.basename('a/b').Ret == 'b'
        full(lambda: func('a/b', Retry=True), '3 results')
        full(lambda: func.basename('a/b', Retry=True), '3 results')
    with create_Corps(Service, NumEnvs=2, ResultsCache_Max_Bytes=10) as service:
        store = service.make(Store).Ret
        store.append(0, Retry=True).Ret
        full(lambda: store.append(1, Retry=True), 'results_bytes')


def check_class():
    """Which calls are retry calls shows where there is room for one result."""
    with create_Corps(Service, NumEnvs=2, ResultsCache_Max_Entries=1) as service:
        asker = service.two_askers().Ret[0]
        listed, every, never = [service.make(cls).Ret for cls in (Listed, Every, Never)]
        for store in listed, every, never:
            store.append(0, Retry=False).Ret
        listed.append(1).Ret                                    # takes the room
        for store in listed, every:
            full(lambda store=store: store.append(2))
            full(lambda store=store: store.append(2, Retry=True))
            store.append(3, NoReply=True).Ret
            assert store.my_Class().Ret in ('Listed', 'Every')
            assert store.numbers.Ret[-1] == 3
        assert listed.all().Ret == [0, 1, 3]                    # not listed
        full(every.all)
        never.append(4).Ret
        assert never.all().Ret == [0, 4]
        error = expect(AsyncLocalMaxRetries, lambda: asker.append(listed, 5).Ret)   # from the other Env too
        assert 'FULL' in str(error), error
        assert asker.append(never, 5).Ret
        every.exit().Ret                                        # of every Worker, not of this class
        expect(WorkerLost, lambda: every.all(Retry=False).Ret)


def check_wrong():
    for wrong, word in ((Misspelt, "'appent'"), (Text, 'collection')):
        error = expect((ValueError, TypeError), create_Corps, wrong, NumEnvs=1)
        assert word in str(error) and wrong.__name__ in str(error), error
    for name, value, word in (('Max_Entry_TTL', -1, 'Max_Entry_TTL'), ('Max_Entry_TTL', 'x', "'x'"), ('Max_Entry_TTL', 1e6, 'a day'),
                              ('Min_Clean_Interval', datetime.timedelta(0), 'Clean'), ('Max_Entries', 0, 'Entries'),
                              ('Max_Entries', 1 << 40, 'results_count'), ('Max_Bytes', -1, 'Bytes')):
        error = expect(ValueError, create_Corps, Service, NumEnvs=2, **{'ResultsCache_' + name: value})
        assert word in str(error), error
    with create_Corps(Service, NumEnvs=2) as service:
        for worker in service.make(Store).Ret.append, service.make_func().Ret:
            assert 'NoReply' in str(expect(ValueError, lambda worker=worker: worker(1, NoReply=True, Retry=True)))


def main():
    check_killed()
    check_time()
    check_full()
    check_class()
    check_wrong()


if __name__ == '__main__':
    main()
    print('OK')
