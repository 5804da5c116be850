"""A misspelt method is an AttributeError that names the near one, wherever the Worker's class is known."""

from corps import AsyncAttributeError, Conc, Corps, Future, create_Concs, create_Corps, create_Funcs
from helpers import expect


class Adder(Conc):
    limit = 3

    def __init__(self):
        super().__init__()
        self.value = 5
        self.function = abs

    def add_all(self, *numbers):
        return sum(numbers)

    @staticmethod
    def scale(number):
        return number


class Bare(Conc):
    pass


def double(number):
    return 2 * number


class Service(Corps):
    def __init__(self):
        super().__init__()
        self.adder, = create_Concs(Adder)
        self.bare, = create_Concs(Bare)

    def names(self):
        return [self.adder, self.bare] + create_Funcs(double)

    def of_local_class(self):
        """Its class cannot be imported by the receiver, which knows the methods nevertheless."""
        class Local(Conc):
            def method_one(self):
                return 1
        return create_Concs(Local)[0]

    def inside(self):
        return str(expect(AttributeError, self.adder.add_al, 1))

    def wrong_inside(self):
        return self.adder.add_al(1).Ret


def misspelt(call, *parts):
    error = expect(AttributeError, call)
    assert isinstance(error, TypeError)             # what it was before: a Future cannot be called
    assert all(part in str(error) for part in parts) and '\n' not in str(error), error


def main():
    with create_Corps(Service, ConfigDicts=[{'NumEnvs': 2}]) as service:
        adder, bare, func = service.names().Ret
        misspelt(lambda: service.nams(), "'Service'", "'nams'", "did you mean 'names'?")
        misspelt(lambda: adder.add_al(1, 2), "'Adder'", "did you mean 'add_all'?")
        misspelt(lambda: adder.addAll(1), "'add_all'")
        misspelt(lambda: adder.scael(1, NoReply=True), "'scale'")
        misspelt(lambda: adder.exitt(), "'exit'")
        misspelt(lambda: adder.qqq(), 'it has add_all, scale')
        misspelt(lambda: bare.qqq(), 'none of its own')
        misspelt(lambda: func.dubble(2), "'double'")
        misspelt(lambda: service.of_local_class().Ret.method_on(), "'method_one'")
        misspelt(lambda: adder.value(1), "'value'")
        assert "'add_all'" in service.inside().Ret
        error = expect(AttributeError, lambda: service.wrong_inside().Ret)
        assert "'add_all'" in str(error), error
        # What is no call is as it was.
        assert isinstance(adder.value, Future) and adder.value.Ret == 5 and adder.limit == 3
        assert expect(AsyncAttributeError, lambda: adder.vlaue.Ret)
        assert adder.add_all(1, 2).Ret == 3 and func.double(4).Ret == 8
    print('OK')


if __name__ == '__main__':
    main()
