"""That the oracles of load.c and owned.c find what they are there for, and nothing where there is nothing: on one host, without agents.

    oracle.py PROGRAM PROGRAM       (hosts-load, hosts-owned)
"""

import json
import os
import subprocess
import sys
import tempfile
import unittest


class Oracle(unittest.TestCase):
    def play(self, *lines):
        """Gives (exit status, the last event)."""
        with tempfile.TemporaryDirectory() as folder:
            done = subprocess.run([sys.argv[1], '2', '', os.path.join(folder, 'ledger')], input='\n'.join([*lines, 'stop', '']), stdout=subprocess.PIPE,
                                  stderr=subprocess.PIPE, text=True, check=False, timeout=100)
        return done.returncode, json.loads(done.stdout.splitlines()[-1])

    def test_good(self):
        status, last = self.play('hang 1')
        self.assertEqual((status, last['event'], last['faults']), (0, 'ended', 0), last)

    def test_two_at_once(self):
        status, last = self.play('double 1')
        self.assertEqual(status, 1)
        self.assertEqual(last['envs'][0]['twice'], 0)
        self.assertGreater(last['envs'][1]['twice'], 0)


class Fence(unittest.TestCase):
    def live(self, *epochs):
        """What the fence says of lives of these epochs, all of which act when all have begun: {what: how often}, without what there was not."""
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, 'fences')
            subprocess.run([sys.argv[2], 'fences', path], check=True)
            done = subprocess.run([sys.argv[2], 'lives', path, *map(str, epochs)], check=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        fence = json.loads(done.stdout)[0]
        return fence['epoch'], {what: fence[what] for what in ('acts', 'refused', 'doubled', 'skipped') if fence[what] > 0}

    def test_one(self):
        self.assertEqual(self.live(7), (7, {'acts': 1}))

    def test_two_at_once(self):
        self.assertEqual(self.live(1, 2), (2, {'acts': 1, 'refused': 1, 'skipped': 1}))  # the first effect was never taken
        self.assertEqual(self.live(2, 1), (2, {'acts': 1, 'refused': 1}))

    def test_one_epoch_twice(self):
        self.assertEqual(self.live(5, 5), (5, {'acts': 1, 'refused': 1, 'doubled': 1}))


if __name__ == '__main__':
    unittest.main(argv=sys.argv[:1], verbosity=2)
