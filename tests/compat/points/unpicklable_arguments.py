"""An argument that cannot be carried gives AsyncLocalMaxRetries promptly, and the Worker never notices."""

from Exceptions import AsyncLocalMaxRetries
from Workers import create_Corps
from helpers import raised
from team import Team


class ArgumentTeam(Team):

    def run(self):
        return check(self.workers[1])


def check(name):
    """Send generators, alone and nested."""
    for _ in range(12):
        for call in (lambda: name.note((x for x in ())).Ret, lambda: name.note([{'a': (x for x in ())}]).Ret):
            error = raised(call)
            assert isinstance(error, AsyncLocalMaxRetries), repr(error)
    assert name.noted().Ret == []
    assert name.echo(1).Ret == 1
    return True


if __name__ == '__main__':
    corps = create_Corps(ArgumentTeam, ConfigDicts=[{'NumEnvs': 2}])
    assert corps.run().Ret is True
    assert check(corps) is True
    error = raised(create_Corps, Team, (x for x in ()), ConfigDicts=[{'NumEnvs': 1}])
    print(type(error).__name__)
    corps.exit()
    print('OK')
