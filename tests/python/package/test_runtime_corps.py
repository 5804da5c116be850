# needs: cloudpickle
"""A Corps class made in a function, and what is defined only under `if __name__ == '__main__'`."""

from corps import Conc, Corps, create_Concs, create_Corps


def make_service(text):
    class Service(Corps):
        def __init__(self, begin):
            super().__init__()
            self.begin = begin

        def hello(self):
            return text + self.begin

        def of_conc(self):
            class Inner(Conc):
                def hello(self):
                    return 'inner ' + text
            worker, = create_Concs(Inner)
            return worker.hello().Ret

    return Service


def main():
    for text in ('a', 'b'):
        with create_Corps(make_service(text), '1', ConfigDicts=[{'NumEnvs': 2}]) as service:
            assert service.hello().Ret == text + '1' and service.of_conc().Ret == 'inner ' + text
            assert service.begin.Ret == '1'
    with create_Corps(Guarded, ConfigDicts=[{'NumEnvs': 2}]) as guarded:
        assert guarded.use(helper, Thing(3)).Ret == 6
        assert guarded.make().Ret.value == 4 and isinstance(guarded.make().Ret, Thing)
        assert guarded.through_conc().Ret == 10


if __name__ == '__main__':
    import collections

    class Thing:
        def __init__(self, value):
            self.value = value

    def helper(thing):
        return 2 * thing.value

    class GuardedConc(Conc):
        def answer(self, n):
            return helper(Thing(n))

    class Guarded(Corps):
        def use(self, function, thing):
            return function(thing)

        def make(self):
            return Thing(len(collections.Counter('abcd')))

        def through_conc(self):
            worker, = create_Concs(GuardedConc)
            return worker.answer(5).Ret

    main()
    print('OK')
