# needs: cloudpickle
"""create_Funcs: functions of modules, lambdas, closures, builtins, several, everywhere; exceptions; Names of them."""

import math
import operator
import os

from corps import AsyncExecutionError, Conc, Corps, LocType, create_Concs, create_Corps, create_Funcs, my_EnvId
from helpers import expect


def square(n):
    return n * n


def where():
    return my_EnvId(), os.getpid()


def wrong(text, repeat=1):
    raise ValueError(text * repeat)


def adder(amount):
    def add(n, more=0):
        return n + amount + more
    return add


class User(Conc):
    def use(self, func, *args):
        return func(*args).Ret, func.square(*args).Ret


class Service(Corps):
    def kinds(self):
        one, = create_Funcs(square)
        two, = create_Funcs(lambda n: n + 1, LocType=LocType.EnvId, LocVal=1)
        three, = create_Funcs(adder(10), LocType=LocType.EnvId, LocVal=1)
        return (one(4).Ret, one.square(4).Ret, two(4).Ret, three(4).Ret, three.add(4, more=5).Ret)

    def several(self):
        func, = create_Funcs(square, adder(1), max, math.sqrt, operator.sub, LocType=LocType.EnvId, LocVal=1)
        futures = func(3), func.square(3), func.add(3), func.max(3, 5), func.sqrt(9), func.sub(3, 2)
        return tuple(future.Ret for future in futures)

    def everywhere(self):
        return [func().Ret for func in create_Funcs(where, LocType=LocType.PerEnv)]

    def numbered(self):
        return len(create_Funcs(square, Num=5)), create_Funcs(square, Num=0)

    def exceptions(self):
        func, = create_Funcs(wrong, LocType=LocType.EnvId, LocVal=1)
        first = expect(ValueError, lambda: func('x', repeat=3).Ret)
        second = expect(AsyncExecutionError, lambda: func('x', wrong=3).Ret)
        third = expect(AsyncExecutionError, lambda: func.nothing.Ret)
        return str(first.Value), second.TypeName, third.TypeName

    def no_reply(self):
        func, = create_Funcs(list.append)
        assert func([], 1, NoReply=True).Ret is None and func(['x'], 1).Ret is None
        named, = create_Funcs(len, LocType=LocType.EnvId, LocVal=1)
        return named('abc').Ret, named.len('abcd').Ret

    def as_arguments(self):
        user, = create_Concs(User, LocType=LocType.EnvId, LocVal=1)
        func, = create_Funcs(square, LocType=LocType.EnvId, LocVal=0)
        assert func == func.my_Name().Ret and hash(func) == hash(func.my_Name().Ret)
        return user.use(func, 5).Ret

    def give(self):
        return create_Funcs(adder(100), square, LocType=LocType.EnvId, LocVal=1)[0]

    def refused(self):
        expect(TypeError, create_Funcs)
        expect(TypeError, create_Funcs, 5)
        expect(TypeError, create_Funcs, square, 'x')

    def ended(self):
        func, = create_Funcs(square, LocType=LocType.EnvId, LocVal=1)
        assert func.exit().Ret is True
        expect(Exception, lambda: func(1).result(60))


def main():
    with create_Corps(Service, ConfigDicts=[{'NumEnvs': 2}]) as service:
        assert service.kinds().Ret == (16, 16, 5, 14, 19)
        assert service.several().Ret == (9, 9, 4, 5, 3.0, 1)
        found = service.everywhere().Ret
        assert [env for env, _ in found] == [0, 1] and found[0][1] != found[1][1]
        assert service.numbered().Ret == (5, None)
        assert service.exceptions().Ret == ('xxx', 'TypeError', 'AttributeError')
        assert service.no_reply().Ret == (3, 4)
        assert service.as_arguments().Ret == (25, 25)
        func = service.give().Ret                       # used by the script
        assert func(1).Ret == 101 and func.add(1, more=1).Ret == 102 and func.square(7).Ret == 49
        service.refused().Ret
        service.ended().Ret
    print('OK')


if __name__ == '__main__':
    main()
