"""Creation may go from Env to Env and back: Env 0 creates in Env 1, that one in Env 2, that one in Env 1 again."""

from Conc import Conc
from Corps import Corps
from EnvGlobals import my_EnvId
from Workers import create_Concs, create_Corps, LocType

PLACES = [1, 2, 1, 0, 2]


class Link(Conc):
    """Creates the next link in its own __init__."""

    def __init__(self, places):
        super().__init__()
        self.next = create_Concs(Link, places[1:], LocType=LocType.EnvId, LocVal=places[0])[0] if places else None
        self.start()

    def where(self):
        return [my_EnvId()] + (self.next.where().Ret if self.next else [])


class ChainCorps(Corps):

    def __init__(self):
        super().__init__()
        self.first = create_Concs(Link, PLACES[1:], LocType=LocType.EnvId, LocVal=PLACES[0])[0]

    def where(self):
        return self.first.where().Ret


if __name__ == '__main__':
    corps = create_Corps(ChainCorps, ConfigDicts=[{'NumEnvs': 3}])
    assert corps.where().Ret == PLACES
    corps.exit()
    print('OK')
