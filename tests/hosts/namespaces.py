"""That hosts in namespaces are what tests take them for: each fault is one, silently, and is gone when it is taken away; and that nothing is left.

    namespaces.py     (as root; skipped elsewhere)
"""

import os
import signal
import subprocess
import sys
import tempfile
import time
import unittest

import bridge
import cluster
import host

ECHO = '''
import socket, sys
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.bind(("0.0.0.0", 7000))
print(flush=True)
while True:
    data, sender = s.recvfrom(2000)
    s.sendto(data, sender)
'''
ASK = '''
import socket, sys
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.settimeout(0.1)
heard = 0
for i in range(int(sys.argv[2])):
    try:
        s.sendto(b"%d" % i, (sys.argv[1], 7000))
        while s.recv(2000) != b"%d" % i:
            pass
        heard += 1
        if sys.argv[3] == "once":
            break
    except OSError:
        pass
print(heard)
'''
LEAVES = '''
import sys
sys.path.insert(0, sys.argv[1])
import cluster, host
hosts = cluster.Cluster(2)
one = hosts[2].start("sleep", "1000")
print(one.pid, hosts.folder, flush=True)
sys.stdin.read()
'''
ENDED = '''
import signal, sys, time
sys.path.insert(0, sys.argv[1])
import cluster, host
with cluster.Cluster(2) as hosts:
    one, other = hosts[1].start("sleep", "1000"), hosts[2].start("sleep", "1000")
    other.kill(signal.SIGSTOP)
    if host.freezer_root():
        hosts[1].freeze()
    print(one.pid, other.pid, hosts.folder, flush=True)
    time.sleep(1000)
'''


class Hosts(unittest.TestCase):
    def setUp(self):
        self.hosts = cluster.Cluster(3)
        self.addCleanup(self.hosts.close)
        for one in self.hosts:
            one.start(sys.executable, '-c', ECHO, stdout=subprocess.PIPE).popen.stdout.readline()

    def heard(self, sender, receiver, count, enough='all'):
        """How many of so many questions are answered within a tenth of a second; `once`: ends with the first."""
        return int(self.hosts[sender].run(sys.executable, '-c', ASK, self.hosts[receiver].address, str(count), enough))

    def assert_reaches(self, sender, receiver):
        self.assertEqual(self.heard(sender, receiver, 100, 'once'), 1)  # a machine that does much else answers late

    def assert_silent(self, sender, receiver):
        self.assertEqual(self.heard(sender, receiver, 3), 0)

    def test_cut(self):
        self.assert_reaches(1, 2)
        self.hosts.bridge.cut(self.hosts[2])
        self.assert_silent(1, 2)
        self.assert_reaches(1, 3)
        self.hosts.bridge.mend(self.hosts[2])
        self.assert_reaches(1, 2)

    @unittest.skipUnless(bridge.can_drop(), 'nft not found; on Debian: apt-get install nftables')
    def test_drop(self):
        one, two, _ = self.hosts
        self.hosts.bridge.drop(one, two)
        self.assert_silent(1, 2)
        self.assert_silent(2, 1)  # the answer would go the way that is cut
        self.assert_reaches(1, 3)
        self.assert_reaches(3, 2)
        self.hosts.bridge.drop(one, two, 0)
        self.assert_reaches(1, 2)
        self.hosts.bridge.drop(None, two, 50)
        self.assertLess(self.heard(1, 2, 40), 40)  # by chance all of them, one time in 2^40
        self.assert_reaches(1, 2)
        self.hosts.bridge.heal(self.hosts)
        self.assert_reaches(1, 2)

    def test_slow(self):
        self.hosts.bridge.limit(self.hosts[2], 1)
        began = time.monotonic()
        sent = 'import socket, sys\ns = socket.create_server(("0.0.0.0", 7001))\nprint(flush=True)\nc, _ = s.accept()\nwhile c.recv(65536): pass'
        receiver = self.hosts[2].start(sys.executable, '-c', sent, stdout=subprocess.PIPE)
        receiver.popen.stdout.readline()
        self.hosts[1].run(sys.executable, '-c', 'import socket, sys\ns = socket.create_connection((sys.argv[1], 7001))\ns.sendall(bytes(250000))',
                          self.hosts[2].address)
        receiver.wait(30)
        self.assertGreater(time.monotonic() - began, 1)  # 2 megabits, of which 0.5 are let through at once
        self.hosts.bridge.limit(self.hosts[2], None)

    @unittest.skipUnless(host.freezer_root(), 'there is no cgroup v2 tree that may be written to')
    def test_freeze(self):
        self.hosts[2].freeze()
        self.assert_silent(1, 2)
        self.hosts[2].freeze(False)
        self.assert_reaches(1, 2)

    def test_killed(self):
        """The end of a program that is killed is seen also where it was stopped, or its host is frozen, and nsenter with it."""
        stopped, frozen = (self.hosts[2].start('sleep', '1000') for _ in range(2))
        stopped.kill(signal.SIGSTOP)
        stopped.kill()
        stopped.await_death(20)
        if host.freezer_root():
            self.hosts[2].freeze()
            frozen.kill()
            frozen.await_death(20)
            self.assertRaises(RuntimeError, self.hosts[2].start, 'true')
            self.hosts[2].kill_all()
            self.hosts[2].start('true').wait(20)

    def test_lost(self):
        self.assertEqual(len(self.hosts[2].processes()), 1)
        self.hosts[2].kill_all()
        self.assertEqual(self.hosts[2].processes(), {})
        self.assertEqual(len(self.hosts[3].processes()), 1)


class Apart(unittest.TestCase):
    """What each host has for itself."""

    def test_clock(self):
        with cluster.Cluster(2, {2: 1000}) as hosts:
            clock = 'import time; print(time.clock_gettime(time.CLOCK_BOOTTIME), time.monotonic())'
            first, second = ([float(word) for word in one.run(sys.executable, '-c', clock).split()] for one in hosts)
            for before, after in zip(first, second):
                self.assertGreater(after - before, 999)

    def test_places(self):
        with cluster.Cluster(2) as hosts:
            hosts[1].run('sh', '-c', f'echo 1 > {host.RUNTIME}/a; echo 1 > /dev/shm/corps-hosts-test')
            self.assertEqual(hosts[1].files(), ['a'])
            self.assertEqual(hosts[2].files(), [])
            self.assertFalse(os.path.exists('/dev/shm/corps-hosts-test'))
            self.assertEqual(hosts[2].run('hostname').strip(), 'h2')


class Left(unittest.TestCase):
    def test_killed_maker(self):
        here = os.path.dirname(os.path.abspath(__file__))
        for number in (signal.SIGKILL, signal.SIGTERM, signal.SIGINT):
            maker = subprocess.Popen([sys.executable, '-c', LEAVES, here], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
            pid, folder = maker.stdout.readline().split()
            maker.send_signal(number)
            maker.wait(30)
            host.until(lambda: not os.path.exists(b'/proc/%s' % pid), 20, 'the end of what ran on a host')
            maker.stdin.close()
            maker.stdout.close()
            host.until(lambda: cluster.sweep() or not os.path.exists(folder), 20, 'the end of the folder')
            name = os.path.basename(folder.decode())
            self.assertEqual([one for one in os.listdir(host.freezer_root() or tempfile.gettempdir()) if one.startswith(name)], [])

    def test_ended_maker(self):
        """SIGINT and SIGTERM in the middle, and once more while it ends: nothing is left, also where programs are stopped and a host is frozen."""
        here = os.path.dirname(os.path.abspath(__file__))
        for number in (signal.SIGTERM, signal.SIGINT):
            maker = subprocess.Popen([sys.executable, '-c', ENDED, here], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
            *pids, folder = maker.stdout.readline().split()
            maker.send_signal(number)
            time.sleep(0.05)
            maker.send_signal(number)
            maker.wait(60)
            maker.stdout.close()
            host.until(lambda: not any(os.path.exists(b'/proc/%s' % pid) for pid in pids), 20, 'the end of what ran on hosts')  # it was killed: its reaper may be late
            self.assertFalse(os.path.exists(folder))
            name = os.path.basename(folder.decode())
            self.assertEqual([one for one in os.listdir(host.freezer_root() or tempfile.gettempdir()) if one.startswith(name)], [])


if __name__ == '__main__':
    cluster.skip_unless_possible()
    unittest.main(verbosity=2)
