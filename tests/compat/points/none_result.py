"""A method that returns nothing gives None and has run exactly once."""

from Workers import create_Corps
from team import Team


class NoneTeam(Team):

    def run(self):
        return check(self.workers)


def check(names):
    """Count how often methods without a result have run."""
    for name in names:
        for number in range(50):
            future = name.note(number)
            assert future.Ret is None and future.Ret is None
        assert name.noted().Ret == list(range(50))
    return True


if __name__ == '__main__':
    corps = create_Corps(NoneTeam, ConfigDicts=[{'NumEnvs': 2}])
    assert corps.run().Ret is True
    assert check([corps]) is True
    corps.exit()
    print('OK')
