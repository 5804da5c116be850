#!/usr/bin/env python3
"""Kills a process of a short life of a Corps at a random moment.   creator.py FOLDER [option …]

The victim is the creator, or with --victims all sometimes Env 0 or Env 1. Whatever it was doing, booting above all,
nothing must be left behind: no process, directory, segment, queue. The same seed chooses the same moments.
"""

import argparse
import collections
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time

from left import adopt_orphans, children_of, in_turn, left_behind, stacks

ENDS_S = 120.0  # within this a creator whose Env was killed ends by itself


def victim_of(pid, role):
    """The process that is to die, or None while it has not been started."""
    for _ in range(('creator', 'Env 0', 'Env 1').index(role)):
        children = children_of(pid)
        if not children:
            return None
        pid = children[0]
    return pid


class Kills:
    def __init__(self, options):
        self.options = options
        self.runtime = tempfile.mkdtemp(prefix='creator-')
        self.environment = dict(os.environ, XDG_RUNTIME_DIR=self.runtime)
        self.tally = collections.Counter()
        self.faults = 0

    def life(self, transport):
        return subprocess.Popen([self.options.program, transport], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                text=True, env=self.environment)

    def duration(self, transport):
        """How long a life takes at least, of a few."""
        times = []
        for _ in range(5):
            began = time.monotonic()
            self.life(transport).communicate()
            times.append(time.monotonic() - began)
        return min(times)

    def one(self, transport, number, seconds):
        chance = random.Random(f'{self.options.seed} {transport} {number}')
        role = chance.choice(['creator', 'creator', 'Env 0', 'Env 1']) if self.options.victims == 'all' else 'creator'
        delay = chance.uniform(0, seconds)
        process = self.life(transport)
        time.sleep(delay)
        victim = victim_of(process.pid, role)
        if victim is not None:
            try:
                os.kill(victim, signal.SIGKILL)
            except ProcessLookupError:
                pass  # it has ended
        problems = []
        try:
            process.communicate(timeout=ENDS_S)
        except subprocess.TimeoutExpired:
            problems.append('hangs: ' + ''.join(stacks(pid) for pid in [process.pid, *children_of(process.pid)]))
            process.kill()
            process.communicate()
        self.tally['killed' if process.returncode == -signal.SIGKILL or role != 'creator' else 'had ended'] += 1
        problems += left_behind(self.runtime)
        if problems:
            self.faults += 1
            print(f'{transport} {number}: {role} killed after {delay * 1000:.2f} ms: {"; ".join(problems)}', flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split('\n')[0])
    parser.add_argument('folder', help='where stress-life was built')
    parser.add_argument('--transport', action='append')
    parser.add_argument('--cycles', type=int, default=100)
    parser.add_argument('--seed', type=int, default=1)
    parser.add_argument('--victims', choices=['creator', 'all'], default='creator')
    options = parser.parse_args()
    options.program = os.path.join(options.folder, 'stress-life')
    adopt_orphans()
    kills = Kills(options)
    try:
        for transport in in_turn(options.transport or ['shm']):
            seconds = kills.duration(transport)
            for number in range(options.cycles):
                kills.one(transport, number, seconds)
    finally:
        shutil.rmtree(kills.runtime, ignore_errors=True)
    print(f'{kills.faults} faults;', ', '.join(f'{count} {what}' for what, count in sorted(kills.tally.items())))
    return 1 if kills.faults or kills.tally['killed'] == 0 else 0


if __name__ == '__main__':
    sys.exit(main())
