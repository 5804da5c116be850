# needs: cloudpickle|dill
"""Lambdas, closures and local classes as arguments and results, with a serializer that carries them."""

from Corps import Corps
from Workers import create_Concs, create_Corps, LocType
from team import Worker


class Applier(Worker):

    def apply(self, function, *args):
        return function(*args)

    def make_adder(self, n):
        return lambda x: x + n


class FunctionCorps(Corps):

    def apply(self, function, *args):
        return function(*args)

    def run(self):
        offset = 5

        def closure(x):
            return x + offset

        for name in create_Concs(Applier, LocType=LocType.PerEnv):
            assert name.apply(lambda x: x * x, 4).Ret == 16
            assert name.apply(closure, 1).Ret == 6
            assert name.make_adder(10).Ret(1) == 11
        return True


if __name__ == '__main__':
    class Local:
        value = 8

    corps = create_Corps(FunctionCorps, ConfigDicts=[{'NumEnvs': 2}])
    assert corps.run().Ret is True
    words = ['b', 'A']
    assert corps.apply(lambda key: sorted(words, key=key), lambda word: word.lower()).Ret == ['A', 'b']
    assert corps.apply(lambda cls: cls.value, Local).Ret == 8
    corps.exit()
    print('OK')
