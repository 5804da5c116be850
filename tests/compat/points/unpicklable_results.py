"""A result or an exception that cannot be carried is reported once, promptly, and the method has run once."""

from Exceptions import AsyncExecutionError
from Workers import create_Concs, create_Corps, LocType
from helpers import raised
from team import Team, Worker


class Demanding(Exception):
    """Cannot be unpickled: needs more arguments than it keeps."""

    def __init__(self, first, second):
        super().__init__(first)
        self.second = second


class Loaded(Exception):
    """Cannot be pickled: carries a generator."""

    def __init__(self, text):
        super().__init__(text)
        self.load = (x for x in ())


class Awkward:

    def generator(self):
        self.note('generator')
        return (x for x in range(3))

    def nested(self):
        self.note('nested')
        return {'a': [(x for x in ())]}

    def demanding(self):
        self.note('demanding')
        raise Demanding('first words', 'second words')

    def loaded(self):
        self.note('loaded')
        raise Loaded('loaded words')


class AwkwardWorker(Awkward, Worker):
    pass


class AwkwardTeam(Awkward, Team):

    def run(self):
        return [check(name) for name in create_Concs(AwkwardWorker, LocType=LocType.PerEnv)]


def check(name):
    """Call every awkward method."""
    for call in (name.generator, name.nested):
        error = raised(lambda: call().Ret)
        assert isinstance(error, AsyncExecutionError), repr(error)
    for call, kind, text in ((name.demanding, 'Demanding', 'first words'), (name.loaded, 'Loaded', 'loaded words')):
        error = raised(lambda: call().Ret)
        assert isinstance(error, AsyncExecutionError), repr(error)
        assert error.TypeName == kind
        assert text in str(error.Value) or text in error.TracebackStrings
        assert text in error.TracebackStrings
    assert name.noted().Ret == ['generator', 'nested', 'demanding', 'loaded']
    return True


if __name__ == '__main__':
    corps = create_Corps(AwkwardTeam, ConfigDicts=[{'NumEnvs': 2}])
    assert corps.run().Ret == [True, True]
    assert check(corps) is True
    corps.exit()
    print('OK')
