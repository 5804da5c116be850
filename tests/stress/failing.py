#!/usr/bin/env python3
"""Makes calls of the C library fail, one after the other, in the life of a Corps.   failing.py FOLDER [option …]

For K = 1, 2, … the K-th call of a kind fails, in the program, in Env 0 or in Env 1, until the life is over before the
K-th. Each must end by itself, with success or an error that says something, and leave nothing: no process, directory,
segment or queue.
"""

import argparse
import collections
import os
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time

from left import adopt_orphans, children_of, in_turn, left_behind, stacks

KINDS = ['memory', 'descriptor', 'thread', 'process', 'file', 'segment', 'queue']
PLACES = ['program', '0', '1']
LIMIT_S = 120.0  # for one life, which takes a twentieth of a second
SLOW_S = 4.0  # such lives are shown and counted, and are no fault



def is_of_libuv(err):
    """Was it libuv itself that could not get something? It has no way to report that, and aborts."""
    frames = [line for line in err.splitlines() if '[0x' in line and 'libfailing.so(' not in line]
    return bool(frames) and os.path.basename(frames[0].partition('(')[0]).startswith('libuv')


class Lives:
    def __init__(self, options):
        self.options = options
        self.tally = collections.Counter()
        self.faults = []
        self.runtime = tempfile.mkdtemp(prefix='failing-')
        self.reached = os.path.join(self.runtime, 'reached')

    def one(self, transport, kind, place, k, rest=False, descriptors=None):
        """One life. True if its K-th call of that kind was reached. `descriptors`: how many a process may have."""
        environment = dict(os.environ, LD_PRELOAD=self.options.preload, FAILING=f'{kind}:{k}{"+" if rest else ""}',
                           FAILING_IN=place, FAILING_REACHED=self.reached, FAILING_TRACE='1',
                           XDG_RUNTIME_DIR=self.runtime)
        if os.path.exists(self.reached):
            os.unlink(self.reached)
        process = subprocess.Popen([self.options.program, transport, '3' if rest else '0'], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                   text=True, env=environment, preexec_fn=descriptors and (
                                       lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (descriptors, descriptors))))
        began = time.monotonic()
        try:
            out, err = process.communicate(timeout=LIMIT_S)
            problem = self.problem_of(process.returncode, out, err)
        except subprocess.TimeoutExpired:
            problem = 'hangs: ' + ''.join(stacks(pid) for pid in [process.pid, *children_of(process.pid)])
            process.kill()
            out, err = process.communicate()
        if not problem and time.monotonic() - began > SLOW_S:
            self.tally['slow'] += 1
            print(f'slow: {transport} {kind}:{k} in {place}', err.strip()[:2000], sep='\n', flush=True)
        left = left_behind(self.runtime)
        if left:
            problem = (problem or '') + f' left behind: {"; ".join(left)}'
        reached = os.path.exists(self.reached)
        if reached or descriptors:
            self.tally['ok' if out.startswith('ok') else 'error' if not problem else 'fault'] += 1
        if problem:
            what = f'at most {descriptors} descriptors' if descriptors else f'{kind}:{k}{"+" if rest else ""} in {place}'
            fault = f'{transport} {what}: {problem}'
            print(fault, f'  stdout: {out.strip()}', f'  stderr: {err.strip()[:2000]}', sep='\n', flush=True)
            self.faults.append(fault.split('\n')[0])
        elif self.options.verbose and reached:
            print(f'{transport} {kind}:{k} in {place}: {out.strip()}', flush=True)
        return reached

    def problem_of(self, status, out, err):
        """What is wrong with how a life ended, or None."""
        if status == -signal.SIGABRT and is_of_libuv(err):
            self.tally['ended by libuv'] += 1
            return None
        if status == 3:
            return 'had to be killed at its exit'
        if status != 0:
            return f'ended with {signal.Signals(-status).name if status < 0 else status}'
        if out.strip() == 'ok':
            return None
        parts = out.strip().split(': ', 3)
        if len(parts) < 4 or not parts[3].strip():
            return f'an error that says nothing: {out.strip()!r}'
        return None

    def series(self, transport, kind, place):
        """All of a kind in a place, or every STRIDE-th."""
        k = 1 + self.options.offset % self.options.stride
        while self.one(transport, kind, place, k) and not self.spent():
            k += self.options.stride
        # A process that closes descriptors has some again: their limit is the system's own, below.
        for k in (1, 2, 5, 20) if self.options.limits and kind != 'descriptor' else ():
            if not self.spent():
                self.one(transport, kind, place, k, rest=True)

    def few_descriptors(self, transport):
        """Every limit of descriptors with which something fails."""
        for count in range(4, 41):
            if not self.spent():
                self.one(transport, 'memory', 'program', 1 << 30, rest=True, descriptors=count)

    def spent(self):
        return self.options.seconds and time.monotonic() > self.options.end


def main():
    parser = argparse.ArgumentParser(description=__doc__.split('\n')[0])
    parser.add_argument('folder', help='where stress-life and libfailing.so were built')
    parser.add_argument('--transport', action='append')
    parser.add_argument('--kind', action='append', choices=KINDS)
    parser.add_argument('--place', action='append', choices=PLACES)
    parser.add_argument('--stride', type=int, default=1)
    parser.add_argument('--offset', type=int, default=0)
    parser.add_argument('--limits', action='store_true', help='also: all calls from the K-th on fail')
    parser.add_argument('--seconds', type=float, default=0, help='no new life after this time')
    parser.add_argument('--verbose', action='store_true')
    options = parser.parse_args()
    options.folder = os.path.abspath(options.folder)
    options.program = os.path.join(options.folder, 'stress-life')
    options.preload = os.path.join(options.folder, 'libfailing.so')
    options.end = time.monotonic() + options.seconds
    adopt_orphans()
    lives = Lives(options)
    try:
        for transport in in_turn(options.transport or ['shm']):
            for kind in options.kind or KINDS:
                for place in options.place or PLACES:
                    lives.series(transport, kind, place)
            if options.limits:
                lives.few_descriptors(transport)
    finally:
        shutil.rmtree(lives.runtime, ignore_errors=True)
    print(', '.join(f'{count} {what}' for what, count in sorted(lives.tally.items())), f'{len(lives.faults)} faults',
          sep='; ')
    return 1 if lives.faults or not lives.tally else 0


if __name__ == '__main__':
    sys.exit(main())
