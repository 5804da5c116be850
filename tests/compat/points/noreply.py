"""NoReply: all of 200 sends run, in order; the Future is ready with None; exceptions in them disturb nothing."""

from Workers import create_Corps
from team import Team

NUMBER = 200


class QuietTeam(Team):

    def run(self):
        return check(self.workers)


def check(names):
    """Send many calls without a reply to every Worker."""
    for name in names:
        for number in range(NUMBER):
            future = name.note(number, NoReply=True)
            assert future.ret_ready() is True
            assert future.Ret is None
        assert name.noted().Ret == list(range(NUMBER))
        assert name.echo('x', NoReply=1).Ret is None            # equal to True
        assert name.echo('x', NoReply=False).Ret == 'x'         # removed without effect
        for _ in range(10):
            assert name.fail('nobody hears this', NoReply=True).Ret is None
        assert name.echo('still working').Ret == 'still working'
        assert name.noted().Ret == list(range(NUMBER))
    return True


if __name__ == '__main__':
    corps = create_Corps(QuietTeam, ConfigDicts=[{'NumEnvs': 2}])
    assert corps.run().Ret is True
    assert check([corps]) is True
    corps.exit()
    print('OK')
