"""Three real servers of etcd (Debian's package etcd-server), one on each host of a Cluster, and what may befall them.

What a server has written stays when its host is off, as on a disk; `wipe` takes that away too.
"""

import ctypes
import http.client
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time

import host

CLIENT, PEER = 2379, 2380
PORTS = (CLIENT, PEER)
CLONE_NEWNET = 0x40000000
ASK_S = 1.0


def program():
    """The path of etcd; None: it is not installed."""
    return shutil.which('etcd')


def skip_unless_installed():
    if program() is None:
        print('skipped: etcd not found; on Debian: apt-get install etcd-server')
        sys.exit(77)


def connect(one, address, port, seconds):
    """A connection made on a host: a socket belongs to the network of the thread that has made it."""
    out = {}

    def run():
        try:
            with open(f'/proc/{one.init}/ns/net', 'rb') as space:
                if ctypes.CDLL(None, use_errno=True).setns(space.fileno(), CLONE_NEWNET) != 0:
                    raise OSError(ctypes.get_errno(), 'setns')
            out['socket'] = socket.create_connection((address, port), seconds)
        except OSError as error:
            out['error'] = error
    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    if 'error' in out:
        raise out['error']
    return out['socket']


def ask(one, path, body, seconds=ASK_S):
    """What the server on a host answers, asked from that host; None: it does not. RuntimeError: it refuses."""
    connection = http.client.HTTPConnection(one.address, CLIENT, timeout=seconds)
    try:
        connection.sock = connect(one, one.address, CLIENT, seconds)
        connection.request('POST', path, json.dumps(body))
        answer = connection.getresponse()
        text = answer.read().decode()
    except (OSError, http.client.HTTPException):
        return None
    finally:
        connection.close()
    if answer.status != 200:
        raise RuntimeError(f'etcd on {one.name}: {path}: {text.strip()}')
    return json.loads(text)


class Servers:
    def __init__(self, hosts):
        self._hosts, self.running, self._stopped = hosts, {}, set()
        self._outside = set()  # have lost all they had, and are no members yet
        self._names = {one.number: one.name for one in hosts}  # of members; a server that was wiped comes back as another one
        self._wiped = 0
        for one in hosts:
            self._start(one.number, 'new', self._names)
        self.await_leader(60)

    def endpoints(self):
        return ' '.join(f'http://{one.address}:{CLIENT}' for one in self._hosts)

    # ---- servers that come and go ----

    def start(self, number):
        """Starts a server that does not run. One that was wiped joins anew, if the others have a leader by now."""
        if number in self.running or self._hosts[number].frozen:
            return
        if number in self._outside:
            self._join(number)
        else:
            self._start(number, 'existing', self._names)

    def kill(self, number, signal_number=signal.SIGKILL):
        if number in self.running:
            self.running[number].kill(signal_number)
            if signal_number == signal.SIGKILL:
                self._stopped.discard(number)
                self.running.pop(number).await_death(10)

    def stop(self, number):
        self.kill(number, signal.SIGSTOP)
        self._stopped.add(number)

    def go_on(self):
        for number in self._stopped:
            self.kill(number, signal.SIGCONT)
        self._stopped = set()

    def forget(self, number):
        """It is gone with its host."""
        self._stopped.discard(number)
        self.running.pop(number, None)

    def wipe(self, number):
        """Its server loses all it has written, and joins as a new one. Nothing, where there would be no majority without it."""
        if self._outside or not all(self._knows_leader(one.number) for one in self._hosts):
            return
        self.kill(number)
        shutil.rmtree(self._folder(number), ignore_errors=True)
        self._outside.add(number)
        self._join(number)

    def close(self):
        """Ends all of them in order. Gives what is wrong with that, in words."""
        wrong = []
        self.go_on()
        for server in self.running.values():
            server.kill(signal.SIGTERM)
        for number, server in self.running.items():
            try:
                server.wait(15)
            except subprocess.TimeoutExpired:
                wrong.append(f'etcd on host {number} does not end: {self.log(number)[-300:]}')
                server.kill()
        self.running = {}
        return wrong

    # ---- what they say ----

    def status(self, number):
        """None: it says nothing."""
        try:
            return ask(self._hosts[number], '/v3/maintenance/status', {}) if number in self.running else None
        except RuntimeError:
            return None

    def leader(self):
        """(the host of the leader, its term); None: there is none that is known of."""
        found = [(int(status.get('raftTerm', 0)), number) for number in sorted(self.running) for status in [self.status(number)]
                 if status is not None and status.get('leader', '0') == status['header']['member_id']]
        return (max(found)[1], max(found)[0]) if found else None

    def is_healthy(self):
        """Every server runs, and knows the same leader."""
        return len(self.running) == len(self._names) and all(self._knows_leader(number) for number in self.running) and self.leader() is not None

    def await_leader(self, seconds):
        def look():
            for number, server in self.running.items():
                if not server.is_there():
                    raise RuntimeError(f'etcd on {self._hosts[number].name} has ended: {self.log(number)[-500:]}')
            return self.is_healthy()
        host.until(look, seconds, 'a leader of etcd')
        return self.leader()

    def lead_on(self, number):
        """Makes the server of a host the leader."""
        ends = time.monotonic() + 30
        while True:
            leader, target = self.leader(), self.status(number)
            if leader is not None and leader[0] == number:
                return
            if leader is not None and target is not None:
                try:
                    ask(self._hosts[leader[0]], '/v3/maintenance/transfer-leadership', {'targetID': target['header']['member_id']}, 10)
                except RuntimeError:
                    pass  # it is not the leader any more, or the target has not caught up: asked again
            if time.monotonic() > ends:
                raise TimeoutError(f'etcd on host {number} does not become the leader')
            time.sleep(0.1)

    def log(self, number):
        with open(os.path.join(self._hosts.folder, f'etcd-{number}.log'), encoding='utf-8', errors='replace') as file:
            return file.read().strip()

    # ---- inside ----

    def _folder(self, number):
        return os.path.join(self._hosts.folder, f'etcd-{number}')

    def _peer(self, number):
        return f'http://{self._hosts[number].address}:{PEER}'

    def _start(self, number, state, names):
        one = self._hosts[number]
        client = f'http://{one.address}:{CLIENT}'
        with open(os.path.join(self._hosts.folder, f'etcd-{number}.log'), 'ab') as log:
            self.running[number] = one.start(
                program(), '--name', names[number], '--data-dir', self._folder(number), '--listen-client-urls', client, '--advertise-client-urls', client,
                '--listen-peer-urls', self._peer(number), '--initial-advertise-peer-urls', self._peer(number),
                '--initial-cluster', ','.join(f'{name}={self._peer(other)}' for other, name in names.items()), '--initial-cluster-state', state,
                '--initial-cluster-token', os.path.basename(self._hosts.folder), '--logger', 'zap', '--log-level', 'warn',
                stdin=subprocess.DEVNULL, stdout=log, stderr=log)

    def _knows_leader(self, number):
        status = self.status(number)
        return status is not None and status.get('leader', '0') != '0'

    def _member(self, by, number):
        answer = ask(by, '/v3/cluster/member/list', {}, 5) or {'members': []}
        return next((member for member in answer['members'] if self._peer(number) in member.get('peerURLs', ())), None)

    @staticmethod
    def _change(by, what, body):
        """Members are changed only where the others have known each other for five seconds: asked for so long. Gives whether it was done."""
        ends = time.monotonic() + 15
        while True:
            try:
                if ask(by, f'/v3/cluster/member/{what}', body, 5) is not None:
                    return True
            except RuntimeError as error:
                if 'not found' in str(error) or 'already' in str(error).lower() or 'exist' in str(error).lower():
                    return True  # it was done, and not answered
            if time.monotonic() > ends:
                return False
            time.sleep(0.2)

    def _join(self, number):
        """Nothing where the others are not of one mind; then it is tried again by `start`."""
        by = next((one for one in self._hosts if one.number != number and self._knows_leader(one.number)), None)
        if by is None:
            return
        try:
            member = self._member(by, number)
        except RuntimeError:
            return
        if member is not None and not self._change(by, 'remove', {'ID': member['ID']}):
            return
        if self._change(by, 'add', {'peerURLs': [self._peer(number)]}):
            self._wiped += 1
            self._names[number] = f'{self._hosts[number].name}-{self._wiped}'
            self._outside.discard(number)
            self._start(number, 'existing', self._names)
