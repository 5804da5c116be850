"""What a driver measures with: the timed section, checks of what came back, the result. As workloads/driver.c does."""

import time
from time import monotonic_ns as now_ns

import lab_histogram
import lab_payloads
import lab_usage

FULL_CHECK_EVERY = 64  # the content of every so many messages is compared; numbers always
PATIENCE_S = 60  # for one answer; after that the message counts as lost


class Mismatch(Exception):
    """What came is not what was sent."""


class Message:
    """A number and a content, and the check of what arrives. Both sides of a stream have one."""

    def __init__(self, params):
        self.payload = lab_payloads.build(params['payload'], params['seed'])
        is_bytes = params['payload'].startswith('bytes:')
        serializer = params['serializer']
        self.size_bytes = len(self.payload) if is_bytes else lab_payloads.encoded_bytes(serializer, self.payload)
        self.wire_bytes = 0 if params['by_reference'] else lab_payloads.encoded_bytes(serializer, (0, self.payload))

    def check(self, number, got, whole):
        """Raises Mismatch unless `got` is number and payload. Compares the content too when `whole`."""
        if not isinstance(got, (tuple, list)) or len(got) != 2:
            raise Mismatch(f'message {number}: it is no pair of number and payload: corrupted')
        if got[0] != number:
            raise Mismatch(f'message {got[0]} came where {number} was due: lost, doubled or reordered')
        if whole and not lab_payloads.same(self.payload, got[1]):
            raise Mismatch(f'message {number}: the content differs from what was sent: corrupted')


class Meter:
    """The clock and the figures of one driver."""

    def __init__(self, params, message=None):
        self.params = params
        self.message = message
        self.times_ns = []  # of the messages, or of groups of `weight` messages
        self.weight = 1
        self.next = 0  # number of the next message
        self.messages = 0  # in the timed section
        self.total_ns = 0  # what counts as seconds
        self.begin_ns = 0
        self.before = self.used = None
        self.min_count = params['min_count']
        self.min_ns = params['min_ms'] * 1000000
        self.max_ns = params['max_ms'] * 1000000

    def warm_begin(self):
        self.begin_ns = now_ns()

    def warm_enough(self):
        return self.next >= self.params['warmup_count'] or now_ns() - self.begin_ns >= self.max_ns

    def begin(self):
        self.before = lab_usage.read_all(self.params['pids'])
        self.begin_ns = now_ns()

    def enough(self):
        passed_ns = now_ns() - self.begin_ns
        return passed_ns >= self.max_ns or (self.messages >= self.min_count and passed_ns >= self.min_ns)

    def bounds(self, timed):
        """What `enough`, or `warm_enough`, goes by: so many messages, and not before the first clock; and in any case at the second."""
        count, least_ns = (self.min_count, self.min_ns) if timed else (self.params['warmup_count'], 0)
        return count, self.begin_ns + least_ns, self.begin_ns + self.max_ns

    def go_on(self):
        """Shall one more be timed? One is, whatever the limits say."""
        return self.messages == 0 or not self.enough()

    def end(self):
        self.used = lab_usage.between(self.before, lab_usage.read_all(self.params['pids']))

    def gap(self):
        """Idles (spins, where the wake policy is to spin) the cell's gap."""
        gap_us = self.params['gap_us']
        if gap_us and self.params['spin']:
            end = now_ns() + gap_us * 1000
            while now_ns() < end:
                pass
        elif gap_us:
            time.sleep(gap_us / 1e6)

    def is_whole(self):
        """Is the content of this message compared too?"""
        return self.messages % FULL_CHECK_EVERY == 0

    def result(self, *notes, **extra):
        """What the program gets, with the keys of workloads/driver.c."""
        return {
            'messages': self.messages, 'seconds': self.total_ns / 1e9,
            'histogram': lab_histogram.pack(self.times_ns, self.weight), 'max_ns': max(self.times_ns, default=0),
            'latencies': len(self.times_ns),
            'size_bytes': self.message.size_bytes if self.message else 0,
            'wire_bytes': self.message.wire_bytes if self.message else 0, 'notes': list(notes), **self.used, **extra}
