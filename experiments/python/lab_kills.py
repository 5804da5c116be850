"""Processes that are killed, again and again: the loop that workload heal and its control share, and that control, a bare interpreter that is
killed and another started (raw:python). Needs no package.
"""

import os
import subprocess
import sys
import time
from time import monotonic_ns as now_ns

from lab_meter import Mismatch

REST_S = 0.005  # between an answer and the next kill: longer than the period of workload heal, so that there is no backoff


def measure(meter, kill_once):
    for _ in range(meter.params['warmup_count']):
        kill_once()
    meter.begin_ns = now_ns()
    while meter.go_on():
        took_ns = kill_once()
        meter.times_ns.append(took_ns)
        meter.total_ns += took_ns
        meter.messages += 1
    meter.used = {}  # those that were counted have died


class Starter:
    """raw:python: kills an interpreter that does nothing, starts another, and waits for the number that it writes."""

    PROGRAM = 'import os, sys; os.write(1, sys.argv[1].encode()); os.read(0, 1)'

    def __init__(self, place):
        self.place, self.process, self.number = place, None, 0

    def kill_once(self):
        time.sleep(REST_S)
        self.number += 1
        begin = now_ns()
        self.end()
        self.place(1)  # where it starts it stays
        self.process = subprocess.Popen([sys.executable, '-c', self.PROGRAM, str(self.number)], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.place(0)
        told = os.read(self.process.stdout.fileno(), 64)
        took_ns = now_ns() - begin
        if told != str(self.number).encode():
            raise Mismatch(f'interpreter {self.number}, just started, says {told!r}')
        return took_ns

    def end(self):
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process.stdin.close()
            self.process.stdout.close()


def bare(meter, place):
    """`place` puts this process where side 0 or 1 belongs."""
    starter = Starter(place)
    starter.kill_once()
    try:
        measure(meter, starter.kill_once)
    finally:
        starter.end()
