"""The Concs that call, and measure: what the drivers of workloads/*.c do, in Python."""

import collections
import os
from time import monotonic_ns as now_ns

from corps import Conc, as_completed, wait_all

from lab_meter import FULL_CHECK_EVERY, PATIENCE_S, Message, Meter, Mismatch

_SUM = 'seconds is the sum of the {}; checks and gaps between are left out, but their CPU time counts'


class EchoDriver(Conc):
    """Request and reply, one in flight."""

    METER = Meter

    def run(self, params):
        server = params['names'][0]
        meter = self.METER(params, Message(params))
        meter.warm_begin()
        while not meter.warm_enough():
            self.round_trip(meter, server, False)
        meter.begin()
        while meter.go_on():
            meter.gap()
            self.round_trip(meter, server, True)
        meter.end()
        return meter.result(_SUM.format('round trips'))

    def round_trip(self, meter, server, timed):
        number, payload = meter.next, meter.message.payload
        meter.next += 1
        begin = now_ns()
        reply = server.echo(number, payload).Ret
        self.came(meter, number, reply, now_ns() - begin, timed)

    def came(self, meter, number, reply, took_ns, timed):
        """What is checked is checked after the time was taken."""
        whole = not timed or meter.is_whole()
        if timed:
            meter.times_ns.append(took_ns)
            meter.total_ns += took_ns
            meter.messages += 1
            whole = whole or meter.enough()
        meter.message.check(number, reply, whole)


class PipelineDriver(Conc):
    """Requests and replies, `window` in flight; replies are awaited in the order of the requests."""

    def run(self, params):
        meter = Meter(params, Message(params))
        meter.warm_begin()
        self.pump(meter, False)
        meter.begin()
        self.pump(meter, True)
        meter.total_ns = now_ns() - meter.begin_ns
        meter.end()
        return meter.result(
            'latency is from a request\'s sending to its reply\'s being taken, in order, with the window full',
            'seconds runs from the first request to the last reply, checks (every number, one content in 64) included')

    def pump(self, meter, timed):
        """Keeps the window full until that is enough, then empties it. One function without attributes: all that it does is part of
        every message's time, and as methods it took longer than the call."""
        server, window, gap_us = (meter.params[key] for key in ('names', 'window', 'gap_us'))
        server, payload, check = server[0], meter.message.payload, meter.message.check
        count, from_ns, until_ns = meter.bounds(timed)
        flights, times_ns = collections.deque(), []  # flights: (when it was sent, Future)
        first = number = awaited = meter.next
        sending = True
        while sending or flights:
            while sending and len(flights) < window:
                if gap_us:
                    meter.gap()
                flights.append((now_ns(), server.echo(number, payload)))
                number += 1
            begin, future = flights.popleft()
            reply = future.Ret
            now = now_ns()
            times_ns.append(now - begin)
            check(awaited, reply, not timed or not flights or awaited % FULL_CHECK_EVERY == 0)
            awaited += 1
            sending = sending and now < until_ns and (now < from_ns or awaited - first < count)
        meter.next = number
        if timed:
            meter.times_ns = times_ns
            meter.messages = len(times_ns)


class OnewayDriver(Conc):
    """A stream of calls without reply to one sink."""

    CHUNK = 64  # so many sends between two looks at the clock,
    CHUNK_BYTES = 1 << 20  # but few enough that the trial ends in time when messages are large

    def run(self, params):
        self.sink = params['names'][0]
        self.meter = meter = Meter(params, Message(params))
        fitting = max(1, self.CHUNK_BYTES // (meter.message.size_bytes + 1))
        meter.weight = chunk = 1 if params['gap_us'] else min(self.CHUNK, fitting)
        meter.warm_begin()
        while not meter.warm_enough():
            self.send(1)
        self.settle()
        meter.begin()
        while meter.go_on():
            meter.gap()
            begin = now_ns()
            self.send(chunk)
            meter.times_ns.append((now_ns() - begin) // chunk)
            meter.messages += chunk
        self.settle()
        meter.total_ns = now_ns() - meter.begin_ns
        meter.end()
        return meter.result('latency is the sender\'s time for one send, averaged over up to 64 sends in a row',
                            'seconds runs from the first send until the sink has handled the last, its checks included')

    def send(self, count):
        meter, sink = self.meter, self.sink
        payload = meter.message.payload
        for number in range(meter.next, meter.next + count):
            sink.put(number, payload, NoReply=True)
        meter.next += count

    def settle(self):
        """Asks the sink what it has got. The call queues behind every send: its answer means that all were handled."""
        count, error = self.sink.count().result(PATIENCE_S)
        if error:
            raise Mismatch(error)
        if count != self.meter.next:
            raise Mismatch(f'{self.meter.next} messages were sent and {count} came')


class FanoutDriver(Conc):
    """Scatter and gather: in each round one call to each Conc, then all replies."""

    def run(self, params):
        servers = params['names']
        meter = Meter(params, Message(params))
        meter.warm_begin()
        while not meter.warm_enough():
            self.round(meter, servers, False)
        meter.begin()
        while meter.go_on():
            meter.gap()
            self.round(meter, servers, True)
        meter.end()
        return meter.result('latency is of a round: from the first call to the last reply; a message is one call',
                            _SUM.format('rounds'))

    def round(self, meter, servers, timed):
        first, payload = meter.next, meter.message.payload
        begin = now_ns()
        futures = [server.echo(number, payload) for number, server in enumerate(servers, first)]
        wait_all(futures)
        took_ns = now_ns() - begin
        whole = not timed or len(meter.times_ns) % 64 == 0
        if timed:
            meter.times_ns.append(took_ns)
            meter.total_ns += took_ns
            meter.messages += len(servers)
            whole = whole or meter.enough()
        for number, future in enumerate(futures, first):
            meter.message.check(number, future.Ret, whole)
        meter.next += len(servers)


def _files(folder):
    """Every regular file below a folder: those that grep -r reads, so symbolic links are not followed."""
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                yield from _files(entry.path)
            elif entry.is_file(follow_symlinks=False):
                yield entry.path


class SearchDriver(Conc):
    """Hands out files, and keeps every Searcher busy."""

    TASKS_PER_SEARCHER = 4  # so that a Searcher never waits for the driver

    def run(self, params):
        meter = Meter(params)
        searchers, pattern = params['names'], params['pattern']
        files = list(_files(params['path']))
        if not files:
            raise ValueError(f'there are no files below {os.fsdecode(params["path"])}; choose another path=')
        left = iter(files)
        out, total = {}, 0  # Future → (Searcher, when it was sent)

        def hand_out(searcher):
            path = next(left, None)
            if path is not None:
                begin = now_ns()
                out[searcher.search(path, pattern)] = searcher, begin

        meter.begin()
        for _ in range(self.TASKS_PER_SEARCHER):
            for searcher in searchers:
                hand_out(searcher)
        while out:
            future = next(as_completed(out, PATIENCE_S))
            total += future.Ret
            searcher, begin = out.pop(future)
            meter.times_ns.append(now_ns() - begin)
            meter.messages += 1
            hand_out(searcher)
        meter.total_ns = now_ns() - meter.begin_ns
        meter.end()
        return meter.result(
            'one pass over all files, whatever min_count, min_ms and max_ms say; a message is one file',
            'latency is from handing a file out to taking its count in, waiting at the Searcher included',
            total=total, files=len(files), path=params['path'])
