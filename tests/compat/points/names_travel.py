"""Names travel in arguments and results, nested in containers and in objects, to every Env and to other Corps."""

from Corps import Corps
from Workers import create_Concs, create_Corps, LocType
from team import Team, Worker


class Box:

    def __init__(self, content):
        self.content = content


class Traveller(Worker):

    def labels_in(self, nested):
        return (nested['list'][1].get_label().Ret, nested['tuple'][0][0].get_label().Ret,
                nested['box'].content.get_label().Ret)

    def wrap(self, name):
        return {'deep': [({'name': name, 'self': self.my_Name()},)], 'box': Box([name])}


class TravelCorps(Corps):

    def __init__(self):
        super().__init__()
        self.names = create_Concs(Traveller, 'home', LocType=LocType.PerEnv)

    def run(self, guest):
        for name in self.names:
            for target in self.names + [guest, self.my_ExtName()]:
                nested = {'list': [0, target], 'tuple': ((target,),), 'box': Box(target)}
                if f'{target}' == f'{self.my_ExtName()}':
                    back = name.echo(nested).Ret        # no call: this Corps is busy with run()
                    assert f'{back["box"].content}' == f'{target}'
                    continue
                label = target.get_label().Ret
                if f'{target}' != f'{name}':            # a Conc that waits for itself would wait for ever
                    assert name.labels_in(nested).Ret == (label,) * 3
                back = name.wrap(target).Ret
                assert back['deep'][0][0]['name'].get_label().Ret == label
                assert back['deep'][0][0]['self'].get_label().Ret == 'home'
                assert f'{back["box"].content[0]}' == f'{target}'
        return [self.my_ExtName(), {'guest': guest}]


if __name__ == '__main__':
    corps = create_Corps(TravelCorps, ConfigDicts=[{'NumEnvs': 2}])
    guest = create_Corps(Team, 'guest', ConfigDicts=[{'NumEnvs': 1}])
    home, others = corps.run(guest).Ret
    assert f'{home}' == f'{corps}'
    assert others['guest'].get_label().Ret == 'guest'
    assert f'{guest.echo([(corps,)]).Ret[0][0]}' == f'{corps}'
    assert guest.exit().Ret is True
    corps.exit()
    print('OK')
