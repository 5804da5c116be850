"""Workers that wait for each other in a circle get an exception instead of hanging; so does one that waits for itself."""

from Conc import Conc
from Corps import Corps
from Exceptions import AsyncExecutionError
from Workers import create_Concs, create_Corps, LocType


class Station(Conc):

    def set_next(self, name):
        self.next = name

    def round(self):
        return self.next.round().Ret


class CircleCorps(Corps):

    def circle(self, envs):
        stations = [create_Concs(Station, LocType=LocType.EnvId, LocVal=env)[0] for env in envs]
        for i, station in enumerate(stations):
            station.set_next(stations[(i + 1) % len(stations)]).Ret
        try:
            stations[0].round().Ret
        except AsyncExecutionError as error:
            return str(error)
        return None


if __name__ == '__main__':
    corps = create_Corps(CircleCorps, ConfigDicts=[{'NumEnvs': 2}])
    for envs in ([1], [0, 0], [0, 1], [1, 0, 1]):
        assert 'could never end' in corps.circle(envs).Ret, envs
    corps.exit()
    print('OK')
