"""Corps: my_Tag, my_ExtName, my_Mgr, the printed forms of Ext and Cont Corps, and its Name as text."""

import re

from Workers import create_Corps
from team import Team

ONE = [{'NumEnvs': 1}]


class Outer(Team):

    def show(self):
        return repr(self), f'{self}', f'{self.ConcAddr}'

    def get_mgr_text(self):
        mgr = self.my_Mgr()
        return None if mgr is None else f'{mgr}'

    def check_children(self):
        me = f'{self.my_ExtName()}'
        for kwargs, kind, managed in (({}, 'ExtCorps', True), ({'Ext': False}, 'ContCorps', True),
                                      ({'Managed': False}, 'ExtCorps', False)):
            child = create_Corps(Outer, Tag='Child ' + kind, ConfigDicts=ONE, **kwargs)
            text, same, address = child.show().Ret
            assert text == same == f'{kind} Child {kind} {address}', text
            assert child.my_Tag().Ret == 'Child ' + kind
            assert child.get_mgr_text().Ret == (me if managed else None)
            mgr = child.my_Mgr().Ret
            if managed:
                assert f'{mgr}' == me
            else:
                assert mgr is None
                assert f'{child}' == f'{child.my_ExtName().Ret}'
            assert child.exit().Ret is True
        return True


if __name__ == '__main__':
    corps = create_Corps(Outer, Tag='Outer', Ext=False, ConfigDicts=ONE)    # Ext is ignored in a script
    text, same, address = corps.show().Ret
    assert text == same == f'ExtCorps Outer {address}', text
    assert re.fullmatch(r'L0:M0\.\d+', address), address
    assert corps.my_Tag().Ret == 'Outer'
    assert corps.my_Mgr().Ret is None
    external = corps.my_ExtName().Ret
    assert f'{external}' == f'{corps}'
    assert re.fullmatch(r'L0:M0\.\d+@\S+ Class Outer in \w+\.py', f'{corps}'), f'{corps}'
    assert external.my_Tag().Ret == 'Outer'
    assert corps.check_children().Ret is True
    corps.exit()
    print('OK')
