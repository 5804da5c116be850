"""Names: static and class methods, aliases, and methods decorated without functools.wraps."""

from Conc import Conc
from Corps import Corps
from Exceptions import AsyncExecutionError
from Workers import create_Concs, create_Corps, LocType
from helpers import raised


def shouting(method):
    """A decorator that hides the name of the method."""
    def inner(self, *args, **kwargs):
        return method(self, *args, **kwargs).upper()
    return inner


class Unusual(Conc):

    @staticmethod
    def static(a, b=2):
        return a, b

    @classmethod
    def of_class(cls, a):
        return cls.__name__, a

    @shouting
    def shout(self, text):
        return text

    def original(self):
        return 'original'

    alias = original


class UnusualCorps(Corps):

    def run(self):
        for name in create_Concs(Unusual, LocType=LocType.PerEnv):
            assert name.static(1).Ret == (1, 2)
            assert name.static(1, b=3).Ret == (1, 3)
            assert name.of_class('a').Ret == ('Unusual', 'a')
            assert name.shout('text').Ret == 'TEXT'
            assert name.alias().Ret == 'original'
            error = raised(lambda: name.static().Ret)
            assert isinstance(error, AsyncExecutionError) and error.TypeName == 'TypeError', repr(error)
            assert name.original().Ret == 'original'
        return True


if __name__ == '__main__':
    corps = create_Corps(UnusualCorps, ConfigDicts=[{'NumEnvs': 2}])
    assert corps.run().Ret is True
    corps.exit()
    print('OK')
