"""Names: printed forms; the texts of two Names are equal exactly when they mean the same Worker."""

import re

from Conc import Conc
from Corps import Corps
from Workers import create_Concs, create_Corps, LocType
from team import Worker


class Local(Conc):

    def text(self):
        return f'{self.my_Name()}'

    def text_of(self, name):
        return f'{name}'

    def create(self):
        return create_Concs(Worker, LocType=LocType.EnvId, LocVal=0)[0]


class PrintingCorps(Corps):

    def run(self):
        names = []
        for kind in (Local, Worker):
            names += create_Concs(kind, LocType=LocType.PerEnv, Num=2)
        names += [name.create().Ret for name in names[:2]]
        texts = [f'{name}' for name in names]
        assert len(set(texts)) == len(names) == 10
        for name, text in zip(names, texts):
            assert str(name) == repr(name) == text
            assert re.fullmatch(r'L[01]:M[01]\.\d+ Class (Local|Worker) in \w+\.py', text), text
            assert f'{name.my_Name().Ret}' == text
            for asker in names[:2]:
                assert asker.text_of(name).Ret == text
        assert [name.text().Ret for name in names[:4]] == texts[:4]
        assert texts[0].startswith('L0:M0.') and texts[1].startswith('L1:M0.')
        assert texts[8].startswith('L0:M0.') and texts[9].startswith('L0:M1.')
        return f'{self.my_Name()}', f'{self.my_ExtName()}'

    def text_of(self, name):
        return f'{name}'


if __name__ == '__main__':
    corps = create_Corps(PrintingCorps, ConfigDicts=[{'NumEnvs': 2}])
    inside, outside = corps.run().Ret
    assert outside == f'{corps}' == corps.text_of(corps).Ret
    assert inside.split('@')[0].split(' ')[0] == outside.split('@')[0]
    assert re.fullmatch(r'L0:M0\.\d+@\S+ Class PrintingCorps in \w+\.py', outside), outside
    other = create_Corps(PrintingCorps, ConfigDicts=[{'NumEnvs': 1}])
    assert f'{other}' != f'{corps}'
    assert other.exit().Ret is True
    corps.exit()
    print('OK')
