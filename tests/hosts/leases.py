#!/usr/bin/env python3
"""What `corps hosts` says where the ledger is etcd: whose lease runs, who owns which Corps, what becomes of that when a host is drained, and that etcd does not answer.

    leases.py BUILD     exit status 77: etcd is not installed
"""

import json
import os
import re
import subprocess
import sys
import tempfile

from loopback import Hosts, NoAgent, wait_until

BUILD = os.path.abspath(sys.argv[1])
PROGRAM = '''
from corps import Corps, create_Corps

class Clock(Corps):
    def add(self, number):
        return number + 1

if __name__ == '__main__':
    clock = create_Corps(Clock, NumEnvs=2, Hosts='auto', Detached=True, Singleton='clock-1', Tag='time', Restart='always')
    print(clock.add(1).result())
'''


class Place:
    """Two hosts with agents and etcd, and programs there."""

    def __init__(self, hosts, folder):
        self.hosts, self.folder = hosts, folder

    def run(self, number, *command, status=0):
        done = subprocess.run(command, env=self.hosts.environment(number), cwd=self.folder, capture_output=True, text=True, timeout=120, check=False)
        assert done.returncode == status, (command, done)
        return done.stdout

    def corps(self, number, *arguments, status=0):
        return self.run(number, os.path.join(BUILD, 'corps'), 'hosts', *arguments, status=status)

    def said(self, number, status=None):
        """What it says as JSON, whatever the exit status unless that is given."""
        done = subprocess.run([os.path.join(BUILD, 'corps'), 'hosts', '--json'], env=self.hosts.environment(number), capture_output=True, text=True, timeout=60,
                              check=False)
        assert status is None or done.returncode == status, done
        return json.loads(done.stdout)

    def until(self, number, condition, what):
        assert wait_until(lambda: condition(self.said(number))), (what, self.said(number))
        return self.said(number)


def owned(said):
    return [(one['tag'], one['singleton'], one['owner'], one['epoch']) for one in said['corps']]


def leases(place):
    """Nobody owns anything, and both hosts have a lease."""
    said = place.until(1, lambda said: said['ledger']['age_ms'] is not None and all(host['listed'] and host['lease_ms'] for host in said['hosts']), 'leases')
    assert said['ledger']['name'] == 'etcd' and said['ledger']['trouble'] is None and said['corps'] == [], said
    assert all(0 <= host['lease_ms'] <= 5000 for host in said['hosts']), said
    text = place.corps(2)
    assert re.search(r'^number .* drained +lease +hosts file$', text, re.M) and re.search(r'^1 +host1 .* no +\d\.\d s +[0-9a-f]{16}$', text, re.M), text
    assert re.search(r'^ledger etcd, listed \d+\.\d s ago\nno Corps is owned by a host$', text, re.M), text


def owner(place):
    """Made on the first host, seen from both."""
    assert place.run(1, sys.executable, 'program.py') == '2\n'
    for number in 1, 2:
        said = place.until(number, lambda said: said['corps'], 'a Corps')
        assert owned(said) == [('time', 'clock-1', 1, 1)] and 0 <= said['corps'][0]['expires_ms'] <= 5000, said
    text = place.corps(2)
    assert re.search(r'^corps +tag +singleton +owner +epoch +expires in$', text, re.M), text
    assert re.search(r'^[0-9a-f]{16}  time  clock-1 +1 \(host1\) +1  \d\.\d s$', text, re.M), text


def drained(place):
    """The owner is drained: another one has it, in the next epoch, and there is one still."""
    text = place.corps(2, '--drain', 'host1')
    assert re.match(r'host 1 \(host1\) takes no Envs from now on; .*1 Corps that it owns ends there in order, and begins on another host if it is to be restarted', text), text
    said = place.until(2, lambda said: owned(said) == [('time', 'clock-1', 2, 2)], 'the next owner')
    assert [host['drained'] for host in said['hosts']] == [True, False], said
    assert place.run(2, sys.executable, 'program.py') == '2\n'
    assert place.hosts.is_quiet(1), place.hosts.left_on(1)
    place.corps(1, '--undrain', 'host1')
    assert owned(place.said(1)) == [('time', 'clock-1', 2, 2)]


def silent(place):
    """etcd does not answer: that is said, and what was known."""
    place.hosts.etcd.stop()
    place.until(1, lambda said: said['ledger']['trouble'], 'that etcd does not answer')
    text = place.corps(1, status=1)
    assert re.search(r'^ledger etcd: .+; what follows is \d+\.\d s old$', text, re.M), text
    place.hosts.etcd.start(place.hosts.folder)
    place.until(1, lambda said: not said['ledger']['trouble'] and said['corps'] and said['corps'][0]['owner'], 'that etcd answers again')
    place.run(1, sys.executable, '-c', "import corps; corps.singleton('clock-1').exit()")
    place.until(2, lambda said: said['corps'] == [], 'the end of the Corps')


def main():
    try:
        hosts = Hosts(2, agent=os.path.join(BUILD, 'corps-agent'), etcd=True)
        with hosts, tempfile.TemporaryDirectory() as folder:
            with open(os.path.join(folder, 'program.py'), 'w', encoding='utf-8') as file:
                file.write(PROGRAM)
            for case in leases, owner, drained, silent:
                case(Place(hosts, folder))
                print('%s: as it should be' % case.__name__, flush=True)
    except NoAgent as error:
        print('skipped: %s' % error)
        return 77
    return 0


if __name__ == '__main__':
    sys.exit(main())
