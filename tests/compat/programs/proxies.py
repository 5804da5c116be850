"""Proxies: inheritance, all kinds of arguments, exceptions, attributes and properties used through Names."""

import math
import re

from Conc import Conc
from Corps import Corps
from Exceptions import AsyncExecutionError, AsyncRemoteMaxRetries
from Future import NoRet, wait_all
from Workers import create_Concs, create_Corps, LocType

NumPairs = 4
NumRounds = 20


def double(X):
    return 2 * X


class Point:

    def __init__(self, X, Y=0):
        self.X = X
        self.Y = Y

    def __eq__(self, Other):
        return (self.X, self.Y) == (Other.X, Other.Y)


class Counter:
    """A plain class, no Worker."""

    def __init__(self, Start=25):
        super().__init__()
        self.Count = Start

    def count(self, Step=1):
        self.Count += Step
        return self.Count

    def describe(self):
        return 'Counter'


class Basic(Conc):

    def __init__(self):
        super().__init__()
        self.History = []

    def describe(self):
        return 'Basic'

    def remember(self, Thing):
        self.History.append(Thing)


class Service(Counter, Basic):

    Unit = 'metre'
    _Limit = 10

    def __init__(self, Number, Scale=1):
        super().__init__()
        self.Number = Number
        self.Scale = Scale
        self._Level = 3
        self.start()

    # Overrides both bases
    def describe(self):
        return f'Service {self.Number} on ' + Counter.describe(self) + ' and ' + Basic.describe(self)

    def all_kinds(self, A, B=2, *Args, C=3, **Kwargs):
        return A, B, Args, C, Kwargs

    def apply(self, Function, Values):
        return [Function(Value) for Value in Values]

    def total(self, Function, Values):
        return Function(Values)

    def build(self, Class, *Args, **Kwargs):
        return Class(*Args, **Kwargs)

    def match(self, Pattern, Text):
        return Pattern.findall(Text)

    def add(self, Values):
        return self.Number + sum(Values)

    def nothing(self):
        pass

    def divide(self, X, Y):
        return X / Y

    def give_up(self):
        try:
            raise TimeoutError('tried 3 times')
        except TimeoutError as Error:
            raise AsyncRemoteMaxRetries('TimeoutError', Error, 'no traceback')

    def limit(self):
        return self._Limit

    @property
    def Limit(self):
        """Backed by a class attribute."""
        return self._Limit

    @Limit.setter
    def Limit(self, Value):
        self._Limit = Value

    @property
    def Level(self):
        """Backed by an instance attribute."""
        return self._Level

    @Level.setter
    def Level(self, Value):
        self._Level = Value


class User(Conc):

    def __init__(self, Service, Number):
        super().__init__()
        self.Service = Service
        self.Number = Number
        self.start()

    def check_methods(self):
        S = self.Service
        assert S.all_kinds(1).Ret == (1, 2, (), 3, {})
        assert S.all_kinds(1, 5, 6, 7, C=8, D=9).Ret == (1, 5, (6, 7), 8, {'D': 9})
        assert S.all_kinds(A='a', C='c').Ret == ('a', 2, (), 'c', {})
        assert S.describe().Ret == f'Service {self.Number} on Counter and Basic'
        assert S.count().Ret == 26
        assert S.count(Step=4).Ret == 30
        assert S.nothing().Ret is None
        assert S.remember('x').Ret is None
        assert S.History.Ret == ['x']
        assert S.my_Class().Ret == 'Service'
        return True

    def check_values(self):
        S = self.Service
        assert S.apply(double, [1, 2, 3]).Ret == [2, 4, 6]
        assert S.apply(math.sqrt, [4, 9]).Ret == [2, 3]
        assert S.total(sum, [1, 2, 3]).Ret == 6
        assert S.total(max, (4, 7, 5)).Ret == 7
        assert S.build(Point, 3, Y=4).Ret == Point(3, 4)
        assert S.build(dict, A=1).Ret == {'A': 1}
        assert S.match(re.compile('[a-c]+'), 'abcxcbax').Ret == ['abc', 'cba']
        assert S.total(repr, None).Ret == 'None'
        return True

    def check_exceptions(self):
        S = self.Service
        try:
            S.divide(1, 0).Ret
        except AsyncExecutionError as Error:
            assert Error.TypeName == 'ZeroDivisionError'
            assert 'division by zero' in str(Error.Value)
            assert 'divide' in Error.TracebackStrings
        else:
            raise AssertionError('no exception')
        try:
            S.give_up().Ret
        except AsyncExecutionError as Error:
            assert Error.TypeName == 'AsyncRemoteMaxRetries'
        else:
            raise AssertionError('no exception')
        assert S.divide(6, 3).Ret == 2
        return True

    def check_attributes(self):
        S = self.Service
        Values = [1, 2, 3]
        for Round in range(NumRounds):
            FutRets = [S.add(Values) for _ in range(5)]
            Expected = self.Number + 6 + Round      # the sum when the calls were made
            Values[0] += 1                          # must not change what is on its way

            S.Scale = Round
            assert S.Scale.Ret == Round
            S.New = [Round]
            assert S.New.Ret == [Round]
            S.Limit = 100 + Round
            assert S.Limit == 100 + Round
            S.Level = 200 + Round
            assert S.Level.Ret == 200 + Round
            assert S.Unit == 'metre'

            wait_all(FutRets)
            for FutRet in FutRets:
                assert FutRet.Ret != NoRet
                assert FutRet.Ret == Expected, (FutRet.Ret, Expected)
        assert S._Level.Ret == 200 + NumRounds - 1
        assert S.limit().Ret == 100 + NumRounds - 1
        return True


class ProxiesCorps(Corps):

    def __init__(self):
        super().__init__()
        self.Services = []
        self.Users = []
        for i in range(NumPairs):
            TheService = create_Concs(Service, i, Scale=5)[0]
            self.Services.append(TheService)
            self.Users += create_Concs(User, TheService, i, LocType=LocType.Auto)

    def places(self):
        from ConcAddr import ConcAddr
        assert isinstance(self.ConcAddr, ConcAddr)
        return [f'{Name}'.split(':')[0] for Name in self.Services + self.Users]

    def run(self):
        for Check in ('check_methods', 'check_values', 'check_exceptions', 'check_attributes'):
            FutRets = [getattr(User, Check)() for User in self.Users]
            wait_all(FutRets)
            assert [FutRet.Ret for FutRet in FutRets] == [True] * NumPairs
            print(Check, 'done')
        return True


if __name__ == '__main__':

    Proxies = create_Corps(ProxiesCorps, Tag='Proxies', ConfigDicts=[{'NumEnvs': 4}])

    assert Proxies.places().Ret == ['L0', 'L2', 'L0', 'L2', 'L1', 'L3', 'L1', 'L3']
    assert Proxies.run().Ret is True

    Proxies.exit(NoReply=True)
    print('OK')
