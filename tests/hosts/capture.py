"""What can be read on the wire between hosts: nothing of a call. Two packet sockets see all that two hosts exchange while the load runs.

    capture.py BUILD      (as root; skipped elsewhere)

The same with CORPS_SEAL=never shows that it would have been seen.
"""

import os
import subprocess
import sys
import unittest

import cluster
import host
import world

SECRETS = (b'nobody-reads-this', b'entry', b'Tally')  # in load_calls.c: what an entry carries, a method, a class
SNIFF = '''
import socket, sys
s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
s.bind(("eth0", 0))
s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 24)
file = open(sys.argv[1], "wb")
print(flush=True)
while True:
    file.write(s.recv(70000))
    file.flush()
'''


def captured(build, seal):
    """(bytes that host 2 exchanged, what is wrong with the run)"""
    os.environ['CORPS_SEAL'] = seal
    sniffers = []
    with world.World(build, hosts=2, envs=2, before=lambda here: sniffers.append(sniff(here))) as here:
        host.until(lambda: sum(env['answered'] for env in here.status()['envs']) > 300, 60, 'some calls')
        sniffers[0].kill()
        sniffers[0].wait(10)
        wrong, _ = here.settle()
        with open(path_of(here), 'rb') as file:
            return file.read(), wrong


def path_of(here):
    return os.path.join(here.hosts.folder, 'captured')


def sniff(here):
    sniffer = here.hosts[2].start(sys.executable, '-c', SNIFF, path_of(here), stdout=subprocess.PIPE)
    sniffer.popen.stdout.readline()
    return sniffer


class Capture(unittest.TestCase):
    def test_sealed(self):
        data, wrong = captured(sys.argv[1], 'auto')
        self.assertEqual(wrong, [])
        self.assertGreater(len(data), 20000)
        self.assertEqual([secret for secret in SECRETS if secret in data], [])

    def test_never(self):
        data, _ = captured(sys.argv[1], 'never')
        self.assertEqual([secret for secret in SECRETS if secret not in data], [])


if __name__ == '__main__':
    cluster.skip_unless_possible()
    unittest.main(argv=sys.argv[:1], verbosity=2)
