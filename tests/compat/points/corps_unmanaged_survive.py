"""An unmanaged Corps survives the exit of its creator, until it is told to exit."""

from Workers import create_Corps
from helpers import is_alive, still_there
from team import Team


class Creator(Team):

    def create(self):
        return create_Corps(Team, 'free', Managed=False, ConfigDicts=[{'NumEnvs': 2}])


if __name__ == '__main__':
    creator = create_Corps(Creator, ConfigDicts=[{'NumEnvs': 1}])
    free = creator.create().Ret
    assert free.get_label().Ret == 'free'
    creator_pids, free_pids = creator.pids().Ret, free.pids().Ret
    assert creator.exit().Ret is True
    assert still_there(creator_pids) == []
    assert free.get_label().Ret == 'free'
    assert all(is_alive(pid) for pid in free_pids)
    assert free.exit().Ret is True
    assert still_there(free_pids) == []
    print('OK')
