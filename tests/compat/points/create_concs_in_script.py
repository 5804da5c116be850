"""create_Concs in a script, which has no Env, either is refused with an error or gives Names that work."""

from Workers import create_Concs, create_Corps
from team import Team, Worker

if __name__ == '__main__':
    try:
        names = create_Concs(Worker, 'mine')
    except Exception as error:
        assert not (type(error) is AssertionError and not error.args), 'the error should say something'
        print('refused:', error)
    else:
        assert [name.get_label().Ret for name in names] == ['mine']
    corps = create_Corps(Team, ConfigDicts=[{'NumEnvs': 1}])
    assert corps.get_label().Ret == 'team'
    corps.exit()
    print('OK')
