"""The echo with calls that may be sent again, in Python, and the Corps' configuration for it. As workloads/retry.c has it: all results of a
trial fit, and nothing looks for old ones in the middle of it."""

from time import monotonic_ns as now_ns

from lab_drivers import EchoDriver
from lab_meter import Meter

RESULTS = 262144
RESULTS_BYTES = 1 << 30
BESIDE_BYTES = 512  # more than a result's header takes
CONFIG = {'ResultsCache_Max_Entries': RESULTS, 'ResultsCache_Max_Bytes': RESULTS_BYTES,
          'ResultsCache_Min_Clean_Interval': 3600}  # seconds: longer than any trial


def most_calls(wire_bytes):
    return min(RESULTS, RESULTS_BYTES // (wire_bytes + BESIDE_BYTES))


class RetryMeter(Meter):
    """Ends a trial before the Env that is called refuses, because it holds as many results as it may."""

    def has_all(self):
        return self.next >= most_calls(self.message.wire_bytes)

    def warm_enough(self):
        return super().warm_enough() or self.has_all()

    def enough(self):
        return super().enough() or self.has_all()


class RetryDriver(EchoDriver):
    """Request and reply, one in flight; each may be sent again."""

    METER = RetryMeter

    def round_trip(self, meter, server, timed):
        number, payload = meter.next, meter.message.payload
        meter.next += 1
        begin = now_ns()
        reply = server.echo(number, payload, Retry=True).Ret
        self.came(meter, number, reply, now_ns() - begin, timed)
