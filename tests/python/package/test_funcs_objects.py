# needs: cloudpickle
"""create_Funcs of other callables: partial objects, classes, bound methods, instances, coroutines, odd names."""

import functools
import re

from corps import Corps, LocType, create_Corps, create_Funcs


class Multiplier:
    def __init__(self, factor):
        self.factor = factor

    def __call__(self, n):
        return self.factor * n

    def times(self, n):
        return self.factor * n


async def later(n):
    return n + 0.5


def generator(n):
    return list(i for i in range(n))


def exit(n=0):
    return 'mine'


class Service(Corps):
    def run(self, kind):
        functions = {'partial': functools.partial(pow, 2), 'instance': Multiplier(3), 'bound': Multiplier(4).times,
                     'class': complex, 'async': later, 'list': generator, 'pattern': re.compile('b+').sub}
        arguments = {'class': (1, 2), 'pattern': ('x', 'abbc')}
        func, = create_Funcs(functions[kind], LocType=LocType.EnvId, LocVal=1)
        return func(*arguments.get(kind, (5,))).result(60)

    def shadowing(self):
        """A function that is called like a method of every Worker does not keep the Worker from ending."""
        func, = create_Funcs(len, exit, LocType=LocType.EnvId, LocVal=1)
        return func('abc').result(60)


def main():
    with create_Corps(Service, ConfigDicts=[{'NumEnvs': 2}]) as service:
        expected = {'partial': 32, 'instance': 15, 'bound': 20, 'class': 1 + 2j, 'async': 5.5, 'list': [0, 1, 2, 3, 4],
                    'pattern': 'axc'}
        for kind, value in expected.items():
            got = service.run(kind).result(60)
            assert got == value, (kind, got)
        assert service.shadowing().result(60) == 3
    print('OK')


if __name__ == '__main__':
    main()
