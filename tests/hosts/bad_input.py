#!/usr/bin/env python3
"""What corps-agent and `corps hosts` say where something is wrong: one line, which names what to do, and no traceback or wait.

    bad_input.py BUILD
"""

import json
import os
import re
import resource
import shutil
import signal
import socket
import subprocess
import sys
import tempfile

BUILD = os.path.abspath(sys.argv[1])
HOSTS = '1 alpha 127.0.0.1:%d 4 left\n2 beta 127.0.0.2:%d 4\n'


def free_ports(count):
    sockets = [socket.socket() for _ in range(count)]
    for one in sockets:
        one.bind(('127.0.0.1', 0))
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports


class Place:
    """A directory with files of a cluster, and the agents that were started in it."""

    def __init__(self):
        self.path = tempfile.mkdtemp(prefix='corps-bad-input-')
        self.ports = free_ports(2)
        self.agents = []
        self.write('hosts', HOSTS % tuple(self.ports))
        self.run('agent', '--make-key', self.at('key'), status=0)

    def at(self, name):
        return os.path.join(self.path, name)

    def write(self, name, text, mode=0o600):
        with open(self.at(name), 'w', encoding='utf-8') as file:
            file.write(text)
        os.chmod(self.at(name), mode)
        return self.at(name)

    def environment(self, number):
        runtime = self.at('run%d' % number)
        os.makedirs(runtime, mode=0o700, exist_ok=True)
        return {**os.environ, 'XDG_RUNTIME_DIR': runtime, 'CORPS_PLUGIN_PATH': BUILD}

    def program(self, kind, *arguments):
        return [os.path.join(BUILD, 'corps-agent' if kind == 'agent' else 'corps'), *arguments]

    def run(self, kind, *arguments, status=1, says=None, number=1, lines=1):
        """Runs it to its end: its status and its one line are as they should be. Gives what it wrote to standard output."""
        done = subprocess.run(self.program(kind, *arguments), env=self.environment(number), capture_output=True, text=True, timeout=20, check=False)
        said = done.stderr.strip()
        assert done.returncode == status, (arguments, done)
        if says is not None:
            assert re.search(says, said), (arguments, said)
            assert len(said.split('\n')) == lines, said
            assert 'Traceback' not in said
        return done.stdout

    def serve(self, number, hosts='hosts', key='key', program=None, unless=None):
        """Starts an agent, and returns when it serves; None: it says `unless` instead, and ends."""
        agent = subprocess.Popen(
            [*(program or self.program('agent')), '--hosts', self.at(hosts), '--key', self.at(key), '--number', str(number), '--as-root'],
            env=self.environment(number), stderr=subprocess.PIPE, text=True)
        line = agent.stderr.readline()
        if unless is not None and unless in line:
            agent.stderr.close()
            agent.wait(timeout=20)
            return None
        assert 'serves other hosts' in line, line
        self.agents.append(agent)
        return agent

    def end(self):
        for agent in self.agents:
            agent.terminate()
            agent.wait(timeout=20)
            agent.stderr.close()
            assert agent.returncode == 0, agent.returncode
        for number in 1, 2:
            left = os.listdir(self.at('run%d/corps' % number)) if os.path.isdir(self.at('run%d/corps' % number)) else []
            assert left == [], left
        shutil.rmtree(self.path)


def files(place):
    """What is wrong with the file, the key, or the place of the host in it."""
    common = ['--hosts', place.at('hosts'), '--key', place.at('key')]
    place.run('agent', *common, '--number', '2', '--check', status=0)
    place.run('agent', '--key', place.at('key'), status=2, says='--hosts FILE')
    place.run('agent', *common, '--number', 'two', status=2, says="not 'two'")
    place.run('agent', *common, 'more', status=2, says="no place for 'more'")
    place.run('agent', '--wrong', status=2, says='no such option')
    place.run('agent', *common, '--number', '3', '--check', says='there is no host 3 in .*; add its line')
    place.run('agent', '--hosts', place.at('none'), '--key', place.at('key'), says='cannot read the hosts file .*: No such file')
    twice = place.write('twice', HOSTS % tuple(place.ports) + '2 gamma 127.0.0.3:7 1\n')
    place.run('agent', '--hosts', twice, '--key', place.at('key'), says="line 3: the hosts 'beta' and 'gamma' have one number")
    elsewhere = place.write('elsewhere', '1 far 192.0.2.1:7 4\n')
    place.run('agent', '--hosts', elsewhere, '--key', place.at('key'), '--check', says='no address of this machine is in .*--number')
    place.run('agent', '--hosts', elsewhere, '--key', place.at('key'), '--as-root', '--number', '1', says='is no address of this machine')
    open_key = place.write('open-key', 'x' * 32, 0o644)
    place.run('agent', '--hosts', place.at('hosts'), '--key', open_key, says=r'others may read or write the key .*mode 644')
    short = place.write('short-key', 'x' * 31)
    place.run('agent', '--hosts', place.at('hosts'), '--key', short, says='does not have 32 bytes')
    place.run('agent', '--make-key', place.at('key'), says='is there already and is left alone')
    if os.geteuid() == 0:
        place.run('agent', *common, '--number', '1', says='does not run as root')


def agents(place):
    """What is wrong between agents."""
    place.run('corps', 'hosts', says='no agent runs on this host .*: start corps-agent')
    place.run('corps', 'envs', status=2, says='corps hosts')
    place.serve(1)
    common = ['--hosts', place.at('hosts'), '--key', place.at('key'), '--as-root']
    place.run('agent', *common, '--number', '1', says='an agent runs here already')
    place.run('agent', *common, '--number', '1', number=2, says='is in use')
    seen = place.run('corps', 'hosts')
    assert re.search(r'^1 +alpha .* yes ', seen, re.M) and re.search(r'^2 +beta .* no +nobody listens at 127.0.0.2:\d+; start corps-agent there$', seen, re.M), seen
    beta = place.serve(2)
    assert re.search(r'^2 +beta .* yes ', place.run('corps', 'hosts', status=0), re.M)
    beta.terminate()
    beta.wait(timeout=20)
    place.write('other', HOSTS % tuple(place.ports) + '3 gamma 192.0.2.1:7 1\n')
    beta = place.serve(2, hosts='other')
    assert re.search(r'^2 +beta .* yes .*ANOTHER HOSTS FILE$', place.run('corps', 'hosts'), re.M)
    beta.terminate()
    beta.wait(timeout=20)
    place.run('agent', '--make-key', place.at('other-key'), status=0)
    place.serve(2, key='other-key')
    assert re.search(r'^2 +beta .* no .*could not prove that it has this cluster\'s key', place.run('corps', 'hosts'), re.M)


def drains(place):
    """A host is drained, at its own desk and from elsewhere, and what is wrong with that."""
    place.run('corps', 'hosts', '--drain', 'beta', says='no agent runs on this host .*: start corps-agent')
    place.serve(1)
    place.run('corps', 'hosts', '--drain', 'beta', says=r'^corps: host 2 \(beta\) cannot be told: nobody listens at .*; start corps-agent there$')
    beta = place.serve(2)
    for arguments, says in (['--drain'], '--drain needs one host'), (['--undrain'], '--undrain needs one host'), (['--drain', 'alpha', 'beta'], '--drain needs one'), \
            (['more'], "no place for 'more'"), (['--json', 'more'], "no place for 'more'"):
        place.run('corps', 'hosts', *arguments, status=2, says=says)
    place.run('corps', 'hosts', '--drain', 'gamma', says="^corps: there is no host 'gamma', by name or number; there are alpha and beta$")
    place.run('corps', 'hosts', '--drain', 'left', says="there is no host 'left'")  # a label may mean several
    place.run('corps', 'hosts', '--undrain', 'beta', says=r'^corps: host 2 \(beta\) is not drained: it takes Envs$')
    assert place.run('corps', 'hosts', '--drain', 'beta', status=0) == 'host 2 (beta) takes no Envs from now on; nothing runs there\n'
    place.run('corps', 'hosts', '--drain', '2', says=r'^corps: host 2 \(beta\) is drained already; `corps hosts` shows what is left there$')
    seen = place.run('corps', 'hosts', status=0)
    assert re.search(r'^number .* drained +hosts file$', seen, re.M), seen
    assert re.search(r'^1 +alpha .* no +[0-9a-f]{16}$', seen, re.M) and re.search(r'^2 +beta .* yes +[0-9a-f]{16}$', seen, re.M), seen
    alpha, there = json.loads(place.run('corps', 'hosts', '--json', status=0))['hosts']
    assert [alpha['number'], alpha['labels'], alpha['drained'], there['drained'], there['up'], there['lease_ms']] == [1, ['left'], False, True, True, None], there
    assert place.run('agent', '--undrain', 'beta', status=0) == 'host 2 (beta) takes Envs again\n'
    assert place.run('corps', 'hosts', '--drain', 'alpha', status=0).startswith('host 1 (alpha) takes no Envs from now on')
    common = ['--hosts', place.at('hosts'), '--key', place.at('key')]
    place.run('agent', *common, '--number', '1', '--drain', '1', says=r'^corps-agent: host 1 \(alpha\) is drained already')
    place.run('agent', *common, '--number', '1', '--undrain', 'alpha', status=0)
    place.run('agent', '--hosts', place.at('hosts'), '--list', status=2, says='it needs an option: .*--key')
    beta.terminate()
    beta.wait(timeout=20)
    lost = json.loads(place.run('corps', 'hosts', '--json'))
    assert lost['ledger'] == {'name': 'hosts', 'age_ms': None, 'trouble': None} and lost['corps'] == [], lost
    assert not lost['hosts'][1]['up'] and 'start corps-agent there' in lost['hosts'][1]['trouble'], lost


def ledgers(place):
    """What is wrong with the lines of a ledger, with its password, and with its servers."""
    for lines, says in (('ledger etcd', "line 3: the servers are missing behind 'etcd'"), ('ledger other', "line 3: the ledgers are hosts, .* and etcd, not 'other'"),
                        ('ledger etcd 10.0.0.1', "line 3: a server of etcd is not '10.0.0.1'"), ('ledger hosts http://127.0.0.1:1', 'the ledger hosts has no servers'),
                        ('ledger-user me', 'has a line ledger-user, and no line that begins with: ledger etcd'), ('ledger-ca', 'one word .* behind ledger-ca')):
        place.run('agent', '--hosts', place.write('lines', HOSTS % tuple(place.ports) + lines + '\n'), '--key', place.at('key'), '--number', '1', '--check', says=says)
    etcd = HOSTS % tuple(place.ports) + 'ledger etcd http://127.0.0.1:1\n'
    user = ['--hosts', place.write('user', etcd + 'ledger-user me\n'), '--key', place.at('key'), '--number', '1', '--as-root']
    place.run('agent', *user, says='names the ledger-user me; give the agent --ledger-password FILE')
    place.run('agent', *user, '--ledger-password', place.at('none'), says='No such file')
    place.run('agent', *user, '--ledger-password', place.write('open', 'secret\n', 0o644), says='others may read the password .*mode 644.*chmod 600')
    place.write('etcd', etcd)
    if place.serve(1, hosts='etcd', unless='build it with libcurl') is None:
        return
    place.serve(2, hosts='etcd')
    seen = ''
    while 'no etcd answers at http://127.0.0.1:1 ' not in seen:
        seen = place.run('corps', 'hosts')
    assert re.search(r'^ledger etcd: .*no etcd answers at http://127.0.0.1:1 .*: is it running there, and reachable\?$', seen, re.M), seen
    assert re.search(r'^1 +alpha .* yes .* no +- +[0-9a-f]{16}$', seen, re.M), seen
    said = json.loads(place.run('corps', 'hosts', '--json'))
    assert said['ledger']['name'] == 'etcd' and 'no etcd answers' in said['ledger']['trouble'] and said['hosts'][0]['lease_ms'] is None, said
    place.run('corps', 'hosts', '--drain', 'beta', status=0)  # what is drained is not the ledger's to say


def output(place):
    """What cannot be written is said, whoever asked for what; and help is there where people look for it."""
    place.serve(1)
    common = ['--hosts', place.at('hosts'), '--key', place.at('key'), '--number', '1']
    for kind, *arguments in (('corps', '--help'), ('corps', '--version'), ('corps', 'hosts', '--help'), ('corps', 'hosts'), ('corps', 'hosts', '--json'),
                             ('agent', '--help'), ('agent', '--version'), ('agent', *common, '--check'), ('agent', *common, '--list')):
        with open('/dev/full', 'wb') as full:
            done = subprocess.run(place.program(kind, *arguments), env=place.environment(1), stdout=full, stderr=subprocess.PIPE, text=True, timeout=20, check=False)
        name = os.path.basename(place.program(kind)[0])
        assert (done.returncode, done.stderr) == (1, f'{name}: cannot write to standard output: No space left on device\n'), (arguments, done)
    for arguments in ['--help'], ['-h'], ['hosts', '--help'], ['hosts', '-h']:
        assert 'usage: corps hosts' in place.run('corps', *arguments, status=0)


def terminals(place):
    """A terminal that closes ends the agent in order; one that was started by nohup goes on."""
    agent = place.serve(1)
    agent.send_signal(signal.SIGHUP)
    assert 'ends by SIGHUP' in agent.stderr.readline()
    agent.wait(timeout=20)
    outlives = place.serve(2, program=['sh', '-c', 'trap "" HUP; exec "$0" "$@"', *place.program('agent')])
    outlives.send_signal(signal.SIGHUP)
    outlives.send_signal(signal.SIGINT)
    assert 'ends by SIGINT' in outlives.stderr.readline()


def strangers(place):
    """Who says something else is refused, told why, and does not disturb."""
    place.serve(1)
    for said in b'GET / HTTP/1.1\r\n\r\n', b'\0' * 64, os.urandom(512), b'\x16\x03\x01\x00\x05hello':
        with socket.create_connection(('127.0.0.1', place.ports[0]), timeout=20) as stranger:
            stranger.sendall(said)
            stranger.shutdown(socket.SHUT_WR)
            try:
                while stranger.recv(4096):
                    pass
            except ConnectionResetError:
                pass
    assert re.search(r'^1 +alpha .* yes ', place.run('corps', 'hosts'), re.M)


def many(place):
    """More programs ask at once than the agent has descriptors for: they wait, it says why once, and goes on when some have gone."""
    agent = place.serve(1)
    limits = resource.prlimit(agent.pid, resource.RLIMIT_NOFILE)
    resource.prlimit(agent.pid, resource.RLIMIT_NOFILE, (len(os.listdir('/proc/%d/fd' % agent.pid)) + 3, limits[1]))
    programs = [socket.socket(socket.AF_UNIX) for _ in range(10)]
    for program in programs:
        program.connect(place.at('run1/corps/agent'))
    line = agent.stderr.readline()
    assert 'a program of this host waits, since there is no descriptor' in line, line
    for program in programs:
        program.close()
    assert re.search(r'^1 +alpha .* yes ', place.run('corps', 'hosts'), re.M)
    resource.prlimit(agent.pid, resource.RLIMIT_NOFILE, limits)


def main():
    for case in files, agents, drains, ledgers, output, terminals, strangers, many:
        place = Place()
        case(place)
        place.end()
        print('%s: as it should be' % case.__name__)


main()
