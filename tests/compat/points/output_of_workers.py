# expect-stdout: corps says hello
# expect-stdout: worker 0 says line 19
# expect-stdout: worker 1 says line 0
# expect-stdout: worker 1 says line 19
# expect-stdout: cleanup says goodbye
# expect-stdout: child says hello
# expect-stderr: worker 1 complains
"""What Workers print in any Env is in the output at the end, also when it goes to a file."""

import sys

from Workers import create_Concs, create_Corps, LocType
from team import Team, Worker


class Talker(Worker):

    def talk(self):
        for line in range(20):
            print('worker', self.where(), 'says line', line)
        print('worker', self.where(), 'complains', file=sys.stderr)


class TalkTeam(Team):

    def run(self):
        print('corps says hello')
        for talker in create_Concs(Talker, LocType=LocType.PerEnv):
            talker.talk().Ret
        self.child = create_Corps(ChildTeam, ConfigDicts=[{'NumEnvs': 1}])
        self.child.hello().Ret

    def cleanup(self):
        print('cleanup says goodbye')


class ChildTeam(Team):

    def hello(self):
        print('child says hello')


if __name__ == '__main__':
    corps = create_Corps(TalkTeam, ConfigDicts=[{'NumEnvs': 2}])
    corps.run().Ret
    assert corps.exit().Ret is True
    print('OK')
