"""An Env is killed, and its Worker called until the next one answers by the same Name: what workloads/heal.c does, in Python."""

import contextlib
import os
import signal
import sys
import tempfile
import time
from time import monotonic_ns as now_ns

from corps import Conc, WorkerLost

from lab_kills import REST_S, measure
from lab_meter import PATIENCE_S, Meter, Mismatch

# An Env that has run for a millisecond begins anew: neither intensity nor backoff is what is measured.
RESTART = {'Restart': 'on_failure', 'Restart_Intensity': 100, 'Restart_Period': 0.001}


@contextlib.contextmanager
def hushed():
    """Each restart is a line on standard error, and nobody wants to read hundreds. All others are passed on at the end."""
    with tempfile.TemporaryFile('w+', errors='replace') as file:
        kept = os.dup(2)
        os.dup2(file.fileno(), 2)
        try:
            yield
        finally:
            os.dup2(kept, 2)
            os.close(kept)
            file.seek(0)
            sys.stderr.writelines(line for line in file if not line.endswith('it is started again\n'))


class Mortal(Conc):
    def __init__(self):
        super().__init__()
        self.greetings = 0

    def greet(self, number):
        self.greetings += 1
        return number, os.getpid(), self.greetings


class HealDriver(Conc):
    """Kills, and asks until another process answers."""

    def run(self, params):
        self.server = params['names'][0]
        self.meter = meter = Meter(params)
        measure(meter, self.kill_once)
        return meter.result('a message is one kill; latency is from SIGKILL to the first answer of the same Name, seconds their sum',
                            'what Envs used is not known: those that were counted have died')

    def greet(self):
        number = self.meter.next
        self.meter.next += 1
        answer = self.server.greet(number).result(PATIENCE_S)
        if len(answer) != 3 or answer[0] != number:
            raise Mismatch(f'the answer to greeting {number} is another')
        return answer[1:]

    def kill_once(self):
        """What is checked is checked after the time was taken."""
        old, _ = self.greet()
        time.sleep(REST_S)
        begin = now_ns()
        os.kill(old, signal.SIGKILL)
        pid = old
        while pid == old:
            try:
                pid, greetings = self.greet()
            except WorkerLost as error:  # it was called before the news of its death had come
                if now_ns() - begin > PATIENCE_S * 1e9:
                    raise Mismatch(f'the Env that was killed has not come back: {error}') from None
        took_ns = now_ns() - begin
        if greetings != 1:
            raise Mismatch(f'the new Worker says that it has greeted {greetings - 1} times before')
        return took_ns
