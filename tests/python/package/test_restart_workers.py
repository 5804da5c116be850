"""Workers that say that they are broken are made again in their Env, under their Names, with what their creation said."""

import asyncio
import os
import tempfile
import threading
import time

from corps import AsyncExecutionError, Conc, Corps, Crash, LocType, WorkerLost, create_Concs, create_Corps, create_Funcs
from helpers import expect, wait_until


class Counter(Conc):
    Restart = 'on_failure'

    def __init__(self, start, log=None):
        super().__init__()
        self.value, self.log = start, log

    def add(self, number):
        self.value += number
        return self.value

    def crash(self, why):
        raise Crash(why)

    async def crash_later(self, why):
        await asyncio.sleep(0)
        raise Crash(why)

    def raises(self):
        raise LookupError('an answer')

    def asks(self, other):
        return other.crash('not mine').result(60)

    def thread(self):
        return threading.current_thread() is threading.main_thread(), threading.get_ident()

    def pid(self):
        return os.getpid()

    def sleep(self, seconds, path):
        open(path, 'w').close()
        time.sleep(seconds)
        return self.value

    def cleanup(self):
        if self.log is not None:
            with open(self.log, 'a') as file:
                file.write(f'{self.value} ')


class OnThread(Counter):
    Thread = 'own'


class Plain(Counter):
    Restart = None


class Failing(Counter):
    """Its __init__ fails from the second time on."""

    def __init__(self, path):
        super().__init__(0)
        if os.path.exists(path):
            raise LookupError('the store is not there any more')
        with open(path, 'w'):
            pass


class Service(Corps):
    def __init__(self):
        super().__init__()

    def make(self, cls, *args, **options):
        return create_Concs(cls, *args, LocType=LocType.EnvId, **options)

    def crash_here(self):
        """What a Worker sees of another one's end in its own Env."""
        one = create_Concs(Counter, 3, LocType=LocType.EnvId, LocVal=0)[0]
        expect(Crash, lambda: one.crash('here').result(60))
        return one.add(1).result(60)

    def func(self):
        return create_Funcs(broken, LocType=LocType.EnvId, LocVal=0)[0]


def broken():
    raise Crash('a function')


def check_made_again(service, env):
    for cls in Counter, OnThread:
        one = service.make(cls, 10, LocVal=env, Restart_Intensity=50, Restart_Backoff=0.01).result(60)[0]
        pid = one.pid().result(60)
        for crash in one.crash, one.crash_later, one.crash:
            assert one.add(1).result(60) == 11
            error = expect(Crash, lambda crash=crash: crash('the index does not fit').result(60))
            assert isinstance(error, AsyncExecutionError) and 'the index does not fit' in str(error), error
            assert error.TypeName == 'Crash'
            assert one.add(5).result(60) == 15
            assert one.crash('again').exception(60) is not None
            assert one.pid().result(60) == pid                               # the Env is the same
        expect(LookupError, lambda: one.raises().result(60))                 # an answer, and no failure
        assert one.add(0).result(60) == 10
        one.exit().result(60)
        error = expect(WorkerLost, lambda: one.add(1).result(60))            # a normal end is none
        assert 'has ended' in str(error), error


def check_calls_wait(service, env):
    """What came for it before and meanwhile is answered by the new one, in order."""
    one = service.make(Counter, 0, LocVal=env, Restart_Backoff=0.3).result(60)[0]
    expect(Crash, lambda: one.crash('first').result(60))
    crash = one.crash('second, which waits')
    answers = [one.add(1) for _ in range(5)]
    expect(Crash, lambda: crash.result(60))
    assert [answer.result(60) for answer in answers] == [1, 2, 3, 4, 5]


def check_whose(service):
    """Another Worker's Crash is an exception like any other."""
    one, two = service.make(Counter, 0, LocVal=0).result(60)[0], service.make(Counter, 0, LocVal=1).result(60)[0]
    one.add(7).result(60)
    expect(Crash, lambda: one.asks(two).result(60))
    assert one.add(0).result(60) == 7
    assert two.add(0).result(60) == 0
    assert service.crash_here().result(60) == 4


def check_lost(service):
    """Without a policy it is lost, and calls say why."""
    for env in 0, 1:
        one = service.make(Plain, 0, LocVal=env).result(60)[0]
        expect(Crash, lambda: one.crash('the last word').result(60))
        error = expect(WorkerLost, lambda: one.add(1).result(60))
        assert 'Crash: the last word' in str(error) and 'class' in str(error), error
    func = service.func().result(60)
    expect(Crash, lambda: func().result(60))
    expect(WorkerLost, lambda: func().result(60))


def check_always(service):
    for cls in Counter, OnThread:
        one = service.make(cls, 5, LocVal=1, Restart='always').result(60)[0]
        assert one.add(1).result(60) == 6
        one.exit().result(60)
        assert one.add(1).result(60) == 6


def check_strategies(service, directory):
    for strategy, values in (('one_for_one', [1, 0, 1]), ('one_for_all', [0, 0, 0]), ('rest_for_one', [1, 0, 0])):
        log = os.path.join(directory, strategy)
        names = service.make(Counter, 0, log=log, LocVal=1, Num=3, Restart_Strategy=strategy).result(60)
        for name in names:
            assert name.add(1).result(60) == 1
        expect(Crash, lambda: names[1].crash('the middle one').result(60))
        assert wait_until(lambda: [name.add(0).result(60) for name in names] == values), strategy


def check_gives_up(service, directory):
    path = os.path.join(directory, 'made')
    one = service.make(Failing, path, LocVal=1, Restart_Intensity=2, Restart_Backoff=0.01).result(60)[0]
    expect(Crash, lambda: one.crash('the first of all').result(60))
    error = expect(WorkerLost, lambda: one.add(1).result(60))
    text = str(error)
    assert 0 < text.find('3 failures') < text.find('the first of all') < text.find('the store is not there any more'), text
    two = service.make(Counter, 1, LocVal=1).result(60)[0]
    assert two.add(1).result(60) == 2                                        # the others go on


def check_next_level(service):
    """Over the intensity the Env is given up as failed: where Envs are started again, all of it is."""
    one, two = service.make(Counter, 1, LocVal=1, Num=2, Restart_Intensity=1).result(60)
    pid = one.pid().result(60)
    expect(Crash, lambda: one.crash('first').result(60))
    one.crash('second').exception(60)                                        # its Env may end before the answer has left
    seen = []

    def answers():
        try:
            seen.append(two.pid().result(60))
        except WorkerLost as error:
            seen.append(str(error))
            return False
        return seen[-1] != pid

    assert wait_until(answers)
    lost = [text for text in seen if isinstance(text, str)]
    assert all('2 failures' in text and 'Crash: first' in text for text in lost), lost
    assert one.add(1).result(60) == 2


def check_slow_sibling(service):
    """A sibling whose request does not end in time ends with its Env."""
    one, two = service.make(Counter, 1, LocVal=1, Num=2, Restart_Strategy='one_for_all').result(60)
    pid = one.pid().result(60)
    with tempfile.TemporaryDirectory() as folder:
        slow = two.sleep(60, os.path.join(folder, 'begun'))
        assert wait_until(lambda: os.listdir(folder))
    expect(Crash, lambda: one.crash('now').result(60))
    error = expect(WorkerLost, lambda: slow.result(60))
    assert 'did not end its request within 5 s' in str(error), error
    assert wait_until(lambda: one.pid().result(60) != pid)


def check_wrong(service):
    for words, wrong in (('there is no Restart', {'Restart': 'sometimes'}), ('Restart_Intensity of 0', {'Restart': 'always', 'Restart_Intensity': 0}),
                         ('Restart_Period', {'Restart': 'always', 'Restart_Period': -1}),
                         ('there is no Restart_Strategy', {'Restart': 'always', 'Restart_Strategy': 'all'}),
                         ('100', {'Restart': 'always', 'Restart_Intensity': 1000})):
        error = expect(ValueError, lambda wrong=wrong: service.make(Counter, 1, LocVal=1, **wrong).result(60))
        assert words in str(error), error
    error = expect(ValueError, lambda: service.make(Plain, 1, LocVal=1, Restart_Intensity=3).result(60))
    assert 'set restart too' in str(error), error


def main():
    import tempfile
    with tempfile.TemporaryDirectory() as directory:
        with create_Corps(Service, NumEnvs=2) as service:
            check_wrong(service)
            for env in 0, 1:
                check_made_again(service, env)
                check_calls_wait(service, env)
            check_whose(service)
            check_lost(service)
            check_always(service)
            check_strategies(service, directory)
            check_gives_up(service, directory)
        with create_Corps(Service, NumEnvs=2, Restart='on_failure') as service:
            check_next_level(service)
            check_slow_sibling(service)


if __name__ == '__main__':
    main()
    print('OK')
