"""peer:mp-pipe and peer:mp-queue: what Python's multiprocessing brings, between two processes. A message is a tuple of number
and payload, which multiprocessing pickles."""

import ctypes
import multiprocessing
import os
import platform
import signal
import sys
import time

import peer_program  # finds the next ones

import raw
from lab_meter import PATIENCE_S, Message, Meter, Mismatch
from lab_program import params_of

CONTEXT = multiprocessing.get_context('fork')


class Pipe:
    """Both ends of a Pipe, as side 0 has them until `turn`."""

    def __init__(self):
        self.ours, self.theirs = CONTEXT.Pipe()

    def turn(self):
        self.ours, self.theirs = self.theirs, self.ours

    def begin(self):
        self.theirs.close()  # or no end of file is ever seen

    def send(self, message):
        self.ours.send(message)

    def receive(self):
        return self.ours.recv()


class Queues:
    """A Queue each way; each has a thread of its own that writes."""

    def __init__(self):
        self.out, self.input = CONTEXT.Queue(), CONTEXT.Queue()

    def turn(self):
        self.out, self.input = self.input, self.out

    def begin(self):
        pass

    def send(self, message):
        self.out.put(message)

    def receive(self):
        return self.input.get(timeout=PATIENCE_S)


def version():
    return f'multiprocessing of Python {platform.python_version()}'


def count(channel, message):
    """The other side of a stream: checks, and answers None with how many came."""
    came, fault = 0, ''
    while True:
        got = channel.receive()
        if got is None:
            return
        if got == 'settle':
            channel.send((came, fault))
            continue
        try:
            message.check(came, got, came % 64 == 0)
        except Mismatch as mismatch:
            fault = fault or str(mismatch)
        came += 1


def other(cell, channel, message):
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG: a Queue would not tell that the other end is gone
    channel.turn()
    channel.begin()
    raw.place(cell['placement'], 1)
    try:
        if cell['workload'] == 'echo':
            raw.answer(channel.receive, channel.send, cell['placement'])
        else:
            count(channel, message)
    except (EOFError, KeyboardInterrupt):
        pass  # the measuring side has ended


def settle(meter, channel):
    channel.send('settle')
    came, fault = channel.receive()
    if fault or came != meter.next:
        raise Mismatch(fault or f'{meter.next} messages were sent and {came} came')


def send_chunk(meter, channel, size):
    payload = meter.message.payload
    for number in range(meter.next, meter.next + size):
        channel.send((number, payload))
    meter.next += size


def stream(meter, channel):
    meter.weight = max(1, min(64, (1 << 20) // (meter.message.size_bytes + 1)))
    meter.warm_begin()
    while not meter.warm_enough():
        send_chunk(meter, channel, 1)
    settle(meter, channel)
    meter.begin()
    while meter.go_on():
        begin = time.monotonic_ns()
        send_chunk(meter, channel, meter.weight)
        meter.times_ns.append((time.monotonic_ns() - begin) // meter.weight)
        meter.messages += meter.weight
    settle(meter, channel)
    meter.total_ns = time.monotonic_ns() - meter.begin_ns
    meter.end()


def run(cell):
    channel = Pipe() if cell['transport'] == 'peer:mp-pipe' else Queues()
    params = params_of(dict(cell, serializer='pickle'), [], [])
    meter = Meter(params, Message(params))
    responder = CONTEXT.Process(target=other, args=(cell, channel, meter.message), daemon=True)
    responder.start()
    channel.begin()
    raw.place(cell['placement'], 0)
    params['pids'] = [os.getpid(), responder.pid]
    if cell['workload'] == 'echo':
        raw.measure(meter, channel.send, channel.receive)
        notes = ['seconds is the sum of the round trips; checks between are left out']
    else:
        stream(meter, channel)
        notes = ['latency is the sender\'s time for one send, averaged over up to 64',
                 'seconds runs until the other process has handled the last']
    channel.send(None)
    responder.join(PATIENCE_S)
    return meter.result(*notes)


if __name__ == '__main__':
    sys.exit(peer_program.main(version, run))
