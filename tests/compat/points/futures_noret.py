"""NoRet is the one instance of NoRetType and unequal to every result; None is a result."""

from Future import NoRet, NoRetType
from Workers import create_Corps
from team import Team

if __name__ == '__main__':
    assert isinstance(NoRet, NoRetType)
    assert NoRet == NoRet
    corps = create_Corps(Team, ConfigDicts=[{'NumEnvs': 1}])
    for thing in (None, False, 0, '', [], 'NoRet'):
        result = corps.echo(thing).Ret
        assert result == thing
        assert not result == NoRet and result != NoRet and result is not NoRet
    assert corps.note('x', NoReply=True).Ret != NoRet
    corps.exit()
    print('OK')
