#!/usr/bin/env python3
"""Several hosts on one machine, without root: an agent each, at 127.0.0.1, 127.0.0.2, …, with a runtime folder of its own.

    with Hosts() as hosts:                        # agents run; hosts.environment(1) is that of a program on the first host
        hosts.kill(2)                             # as if the second host had lost its agent; hosts.start(2) starts it again
    python3 loopback.py [--hosts N] [--slots N] [--etcd] [--agent PATH] COMMAND …     # COMMAND as a program of the first host

With etcd=True there is a server of etcd too, and the hosts have it as their ledger.

Links between such hosts are TCP as between others. What is told apart here is what the agents are told: processes see each other, so
who kills and who looks for what is left can do so in one place. Hosts in network namespaces are in namespaces.py.
"""

import argparse
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request

HERE = os.path.dirname(os.path.abspath(__file__))
PATIENCE = 60.0     # seconds: far more than anything here needs, also on a busy machine


class NoAgent(Exception):
    """There is no program corps-agent to be started."""


def wait_until(condition, seconds=PATIENCE):
    """Wait until a condition holds; tell whether it came to hold in time."""
    end, pause = time.monotonic() + seconds, 0.001
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(pause)
        pause = min(0.02, 1.5 * pause)
    return True


def find_agent(path=None):
    """Return the path of corps-agent: the one that is given, $CORPS_AGENT_PROGRAM, that of the build folder, or the one in PATH."""
    built = os.path.join(HERE, os.pardir, os.pardir, 'build', 'corps-agent')
    for choice in (path, os.environ.get('CORPS_AGENT_PROGRAM'), built, shutil.which('corps-agent')):
        if choice and os.access(choice, os.X_OK):
            return os.path.abspath(choice)
    raise NoAgent('no corps-agent is built or installed here')


def free_port(address):
    """Return a port of an address that nobody listens on."""
    with socket.socket() as found:
        found.bind((address, 0))
        return found.getsockname()[1]


class Etcd:
    """A server of etcd of its own, on free ports of 127.0.0.1, with its data in a folder."""

    def __init__(self):
        self.program, self.folder, self.process = shutil.which('etcd'), None, None
        if self.program is None:
            raise NoAgent('etcd is not installed (Debian: etcd-server)')
        self.url, self.peers = ('http://127.0.0.1:{}'.format(free_port('127.0.0.1')) for _ in range(2))

    def answers(self):
        """Tell whether it is healthy."""
        try:
            with urllib.request.urlopen(self.url + '/health', timeout=2) as answer:
                return b'true' in answer.read()
        except OSError:
            return False

    def start(self, folder=None):
        """Start it, with what it knew before, and wait until it answers."""
        self.folder = folder or self.folder
        command = [self.program, '--name', 'only', '--data-dir', os.path.join(self.folder, 'etcd'), '--listen-client-urls', self.url,
                   '--advertise-client-urls', self.url, '--listen-peer-urls', self.peers, '--initial-advertise-peer-urls', self.peers,
                   '--initial-cluster', 'only=' + self.peers]
        environment = {name: value for name, value in os.environ.items() if name != 'XDG_RUNTIME_DIR'}  # it is on none of the hosts
        with open(os.path.join(self.folder, 'etcd.log'), 'ab') as log:
            self.process = subprocess.Popen(command, env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        if not wait_until(lambda: self.answers() or self.process.poll() is not None) or self.process.poll() is not None:
            with open(log.name, errors='replace') as file:
                raise AssertionError('etcd has not begun: ' + file.read()[-2000:])

    def stop(self, how=signal.SIGKILL):
        """End it."""
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(how)
            self.process.wait(PATIENCE)


class Host:
    """One of them: its number, name, address, port, runtime folder, and the process of its agent."""

    def __init__(self, number, folder):
        self.number, self.name, self.address = number, 'host{}'.format(number), '127.0.0.{}'.format(number)
        self.port = free_port(self.address)
        self.runtime = os.path.join(folder, str(number))
        os.mkdir(self.runtime, 0o700)
        self.socket = os.path.join(self.runtime, 'agent')
        self.process, self.was_killed = None, False

    def accepts(self):
        """Tell whether its agent takes questions."""
        with socket.socket(socket.AF_UNIX) as question:
            try:
                question.connect(self.socket)
            except OSError:
                return False
            return True


def processes_of(runtime):
    """Return {pid: command line} of living processes with this runtime folder in their environment."""
    mark, found = os.fsencode('XDG_RUNTIME_DIR=' + runtime), {}
    for entry in os.listdir('/proc'):
        if entry.isdigit():
            try:
                with open('/proc/' + entry + '/environ', 'rb') as file:
                    ours = mark in file.read().split(b'\0')
                with open('/proc/' + entry + '/stat', 'rb') as file:
                    lives = file.read().rpartition(b')')[2].split()[0] not in (b'Z', b'X')
                with open('/proc/' + entry + '/cmdline', 'rb') as file:
                    command = file.read().replace(b'\0', b' ').decode(errors='replace').strip()
            except OSError:
                continue        # it has ended meanwhile
            if ours and lives:
                found[int(entry)] = command
    return found


class Hosts:
    """`count` hosts with `slots` Envs each. `labels`: {number: 'label …'}. `etcd`: their ledger is one."""

    def __init__(self, count=2, slots=4, labels=None, agent=None, etcd=False):
        self.agent, self.count, self.slots, self.labels = find_agent(agent), count, slots, labels or {}
        self.folder, self.hosts, self.etcd = None, {}, Etcd() if etcd else None

    def __enter__(self):
        self.folder = tempfile.mkdtemp(dir='/tmp', prefix='h')
        try:
            if self.etcd is not None:
                self.etcd.start(self.folder)
            self.hosts = {number: Host(number, self.folder) for number in range(1, self.count + 1)}
            self.file, self.key = os.path.join(self.folder, 'hosts'), os.path.join(self.folder, 'key')
            with open(self.file, 'w') as file:
                for host in self.hosts.values():
                    label = self.labels.get(host.number, '')
                    file.write('{} {} {}:{} {} {}\n'.format(host.number, host.name, host.address, host.port, self.slots, label))
                file.write('ledger etcd {}\n'.format(self.etcd.url) if self.etcd is not None else '')
            subprocess.run([self.agent, '--make-key', self.key], check=True, stdout=subprocess.DEVNULL)
            for number in self.hosts:
                self.start(number)
        except BaseException:
            self._stop_all()
            raise
        return self

    def __exit__(self, *unused):
        left = self._stop_all()
        if unused[0] is None and left:
            raise AssertionError('left: ' + '; '.join(left))

    def environment(self, number):
        """Return the environment of a program on a host."""
        host = self.hosts[number]
        return dict(os.environ, XDG_RUNTIME_DIR=host.runtime, CORPS_AGENT=host.socket)

    def start(self, number):
        """Start the agent of a host, and wait until it takes questions."""
        host = self.hosts[number]
        environment = dict(os.environ, XDG_RUNTIME_DIR=host.runtime)
        environment.pop('CORPS_AGENT', None)
        command = [self.agent, '--hosts', self.file, '--key', self.key, '--number', str(number), '--socket', host.socket]
        command += ['--as-root'] if os.geteuid() == 0 else []
        host.was_killed = False
        host.process = subprocess.Popen(command, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
        if not wait_until(lambda: host.accepts() or host.process.poll() is not None) or host.process.poll() is not None:
            raise AssertionError('the agent of host {} has not begun: status {}'.format(number, host.process.poll()))

    def kill(self, number, how=signal.SIGKILL):
        """Kill the agent of a host, and wait for its end; give its status."""
        host = self.hosts[number]
        host.was_killed = how == signal.SIGKILL
        host.process.send_signal(how)
        return host.process.wait(PATIENCE)

    def left_on(self, number):
        """Return what of other processes than its agent runs on a host: {pid: command line}."""
        host = self.hosts[number]
        return {pid: command for pid, command in processes_of(host.runtime).items() if pid != host.process.pid}

    def is_quiet(self, number):
        """Wait until nothing but its agent runs on a host; tell whether that came in time."""
        return wait_until(lambda: not self.left_on(number))

    def _stop(self, host):
        """End one in order; return what was left of it."""
        left = []
        if host.process is not None and host.process.poll() is None:
            host.process.terminate()
            try:
                host.process.wait(PATIENCE)
            except subprocess.TimeoutExpired:
                left.append('the agent of host {} does not end'.format(host.number))
                host.process.kill()
                host.process.wait()
        wait_until(lambda: not processes_of(host.runtime), 10)
        for pid, command in processes_of(host.runtime).items():
            left.append('process {} on host {}: {}'.format(pid, host.number, command))
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        paths = [os.path.join(folder, name) for folder, _, files in os.walk(host.runtime) for name in files]
        return left + [path for path in paths if path != host.socket or not host.was_killed]  # the next agent takes that one's place

    def _stop_all(self):
        left = [item for host in self.hosts.values() for item in self._stop(host)]
        if self.etcd is not None:
            self.etcd.stop()
        shutil.rmtree(self.folder, ignore_errors=True)
        return left


def main():
    """Run a command as a program of the first host."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--hosts', type=int, default=2)
    parser.add_argument('--slots', type=int, default=4)
    parser.add_argument('--etcd', action='store_true', help='with the ledger etcd')
    parser.add_argument('--agent', help='path of corps-agent')
    parser.add_argument('command', nargs=argparse.REMAINDER, metavar='COMMAND')
    args = parser.parse_args()
    if not args.command:
        parser.error('a command is needed')
    try:
        hosts = Hosts(args.hosts, args.slots, agent=args.agent, etcd=args.etcd)
    except NoAgent as error:
        print('skipped: {}'.format(error))
        return 77       # what meson takes as skipped
    with hosts:
        return subprocess.run(args.command, env=hosts.environment(1)).returncode


if __name__ == '__main__':
    sys.exit(main())
