"""That the oracle of load.c finds what it is there for, and nothing where there is nothing: on one host, without agents.

    oracle.py PROGRAM       (hosts-load)
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


if __name__ == '__main__':
    unittest.main(argv=sys.argv[:1], verbosity=2)
