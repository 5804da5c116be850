"""The steps of a Worker's main loop: which are called, in which order, and what becomes of what they raise."""

import asyncio

from corps import AsyncExecutionError, Conc, Corps, LocType, create_Concs, create_Corps
from helpers import expect, wait_until


class Plain(Conc):
    def __init__(self):
        super().__init__()
        self.log = []

    def add(self, a, b=0):
        self.log.append('add')
        return a + b

    async def later(self, a):
        await asyncio.sleep(0.001)
        self.log.append('later')
        return a

    async def fails_later(self):
        raise KeyError('later')

    def fails(self):
        raise KeyError('now')

    def read(self):
        return [text for text in self.log if 'read' not in text]


class Before(Plain):
    """Refuses, changes, and sees what comes."""

    def before_rec_msg(self):
        self.log.append('rec')

    def before_request(self, msg):
        self.log.append(f'before {msg.Method}')
        if msg.Method == 'add' and msg.Args and msg.Args[0] == 'evil':
            raise PermissionError('not you')
        if msg.Method == 'plus':
            msg.Method, msg.Args, msg.KwArgs = 'add', msg.Args, {'b': 100}


class After(Plain):
    def after_request(self, msg, ret):
        self.log.append(f'after {msg!r} {ret!r}')
        if ret == 13:
            raise ValueError('unlucky')


class All(Before):
    def after_request(self, msg, ret):
        self.log.append(f'after {msg.Method}')

    def after_reply(self, msg, ret):
        self.log.append(f'replied {msg.Method} {ret!r}')
        if ret == 666:
            raise OSError('told, and no more')


class Asynchronous(Plain):
    async def before_request(self, msg):
        pass


class Service(Corps):
    def before_request(self, msg):
        self.last = msg.Method

    def make(self, number):
        return create_Concs((Plain, Before, After, All)[number], LocType=LocType.EnvId, LocVal=number % 2)[0]

    def refuse(self):
        return str(expect(AsyncExecutionError, create_Concs, Asynchronous))

    def last_one(self):
        return self.last


def before(name):
    assert name.add(1, b=2).Ret == 3
    assert 'not you' in str(expect(PermissionError, lambda: name.add('evil').Ret))
    assert name.later(4).Ret == 4
    assert name.read().Ret == ['rec', 'before add', 'add', 'rec', 'before add', 'rec', 'before later', 'later', 'rec']
    expect(AttributeError, lambda: name.nothing.Ret)


def after(name):
    assert name.add(1, b=2).Ret == 3 and name.later(3).Ret == 3
    for method in name.add, name.later:
        assert 'unlucky' in str(expect(ValueError, lambda: method(13).Ret))
    expect(KeyError, lambda: name.fails().Ret)
    expect(KeyError, lambda: name.fails_later().Ret)
    assert name.read().Ret == ['add', 'after <Request add(1, b=2)> 3', 'later', 'after <Request later(3)> 3', 'add', 'after <Request add(13)> 13',
                               'later', 'after <Request later(13)> 13'], name.read().Ret
    name.log = []                                      # what Names do with attributes is a request like others
    assert name.log.Ret[0] == "after <Request corps:set('log', [])> None", name.log.Ret


def every_step(name):
    assert name.add(1).Ret == 1
    assert name.later(2).Ret == 2
    assert wait_until(lambda: name.read().Ret[-1] == 'rec' and 'replied later 2' in name.read().Ret)
    expect(KeyError, lambda: name.fails().Ret)
    expect(KeyError, lambda: name.fails_later().Ret)
    assert name.add(666).Ret == 666
    name.add(5, NoReply=True)
    log = [text for text in name.read().Ret if text != 'rec']
    assert log[:4] == ['before add', 'add', 'after add', 'replied add 1'], log
    assert "replied fails KeyError('now')" in log and "replied fails_later KeyError('later')" in log, log
    assert log[-3:] == ['before add', 'add', 'after add'], log
    assert 'replied add 666' in log, log


def main():
    with create_Corps(Service, NumEnvs=2) as service:
        plain, first, second, third = [service.make(number).Ret for number in range(4)]
        assert plain.add(1).Ret == 1 and plain.read().Ret == ['add']
        before(first)
        after(second)
        every_step(third)
        assert 'plain functions' in service.refuse().Ret
        assert service.last_one().Ret == 'last_one'


if __name__ == '__main__':
    main()
    print('OK')
