"""create_Corps reports a bad class and every failure of a booting Corps, to a script and to a Corps."""

import sys

from Corps import Corps
from Exceptions import AsyncExecutionError
from Workers import create_Corps
from helpers import raised
from team import Team, Worker

SMALL = [{'NumEnvs': 2}]


class Broken(Corps):

    def __init__(self, text):
        super().__init__()
        raise KeyError(text)


class Quitter(Corps):

    def __init__(self):
        super().__init__()
        sys.exit(3)


def check_all():
    """Every kind of failure."""
    assert isinstance(raised(create_Corps, Worker), AssertionError)
    assert isinstance(raised(create_Corps, dict), AssertionError)
    assert isinstance(raised(create_Corps, 'Team'), TypeError)

    error = raised(create_Corps, Broken, 'lost', ConfigDicts=SMALL)
    assert isinstance(error, AsyncExecutionError), repr(error)
    assert error.TypeName == 'KeyError'
    assert 'lost' in str(error.Value)
    assert 'lost' in error.TracebackStrings

    error = raised(create_Corps, Broken, ConfigDicts=SMALL)      # an argument is missing
    assert isinstance(error, AsyncExecutionError) and error.TypeName == 'TypeError', repr(error)

    error = raised(create_Corps, Quitter, ConfigDicts=SMALL)
    assert isinstance(error, AsyncExecutionError) and error.TypeName == 'SystemExit', repr(error)

    error = raised(create_Corps, Team, ConfigFiles=['settings/missing.py'])
    assert isinstance(error, AsyncExecutionError) and error.TypeName == 'FileNotFoundError', repr(error)
    return True


class Tester(Corps):

    def run(self):
        return check_all()


if __name__ == '__main__':
    check_all()
    corps = create_Corps(Tester, ConfigDicts=[{'NumEnvs': 1}])
    assert corps.run().Ret is True
    corps.exit()
    print('OK')
