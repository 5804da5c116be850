"""Tags are labels only: managed Corps with the same, the default or an empty Tag are different Corps."""

from Workers import create_Corps
from helpers import still_there
from team import Team


class Twins(Team):

    def run(self):
        pids = []
        for kwargs in ({'Tag': 'Twin'}, {}, {'Tag': ''}):
            first, second = [create_Corps(Team, label, ConfigDicts=[{'NumEnvs': 1}], **kwargs) for label in 'ab']
            assert (first.get_label().Ret, second.get_label().Ret) == ('a', 'b')
            assert f'{first}' != f'{second}'
            assert first.my_Tag().Ret == second.my_Tag().Ret == kwargs.get('Tag', 'No Name')
            pids += first.pids().Ret + second.pids().Ret
            assert first.exit().Ret is True
            third = create_Corps(Team, 'c', ConfigDicts=[{'NumEnvs': 1}], **kwargs)
            assert (second.get_label().Ret, third.get_label().Ret) == ('b', 'c')
            pids += third.pids().Ret
        return pids


if __name__ == '__main__':
    corps = create_Corps(Twins, Tag='Twin', ConfigDicts=[{'NumEnvs': 1}])
    pids = corps.run().Ret
    assert len(set(pids)) == 9
    corps.exit()
    assert still_there(pids) == []
    print('OK')
