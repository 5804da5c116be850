"""Many callers at once, to one Worker (fanin) or to as many (mesh): what workloads/contention.c does, in Python."""

from time import monotonic_ns as now_ns

from corps import Conc, wait_all

from lab_meter import FULL_CHECK_EVERY, PATIENCE_S, Message, Meter, Mismatch


class Called(Conc):
    """Gives back what it gets, and counts."""

    def __init__(self):
        super().__init__()
        self.count = 0

    def echo(self, *message):
        self.count += 1
        return message

    def seen(self):
        return self.count


class Caller(Conc):
    """One call out at a time, to each of the called in turn."""

    def __init__(self):
        super().__init__()
        self.number = 0  # of the next call

    def meet(self, params):
        self.params, self.called = params, params['names']
        self.message = Message(params)
        self.turn = params['index'] + 1  # each begins at another

    def work(self, timed):
        """The caller's share of the warm-up or of the timed section: how long each call took."""
        params, callers = self.params, self.params['concs']
        share = -(-params['min_count' if timed else 'warmup_count'] // callers)
        min_ns, max_ns = (params['min_ms'] if timed else 0) * 1000000, params['max_ms'] * 1000000
        times_ns = []
        begin = now = now_ns()
        while now - begin < max_ns and (len(times_ns) < share or now - begin < min_ns):
            called = self.called[self.turn % len(self.called)]
            start = now_ns()
            reply = called.echo(self.number, self.message.payload).Ret
            now = now_ns()
            self.message.check(self.number, reply, not timed or len(times_ns) % FULL_CHECK_EVERY == 0)
            times_ns.append(now - start)
            self.number += 1
            self.turn += 1
        return times_ns


class ContentionDriver(Conc):
    """Starts all callers, adds up what they found, and asks the called how many calls came."""

    def run(self, params):
        callers, called = params['names'][:params['concs']], params['names'][params['concs']:]
        meter = Meter(params, Message(params))
        sent = sum(map(len, self.let_work(callers, False)))
        meter.begin()
        found = self.let_work(callers, True)
        meter.total_ns = now_ns() - meter.begin_ns
        meter.end()
        meter.times_ns = [time for times in found for time in times]
        meter.messages = len(meter.times_ns)
        seen = sum(worker.seen().result(PATIENCE_S) for worker in called)
        if seen != sent + meter.messages:
            raise Mismatch(f'{sent + meter.messages} calls were made and {seen} came')
        least = min(map(len, found)) * len(callers) / meter.messages
        return meter.result('latency is of a call, taken by its caller; seconds runs until the last caller has made its calls',
                            'least_share: the calls of the caller that got the fewest, against the mean', least_share=least)

    @staticmethod
    def let_work(callers, timed):
        futures = [caller.work(timed) for caller in callers]
        wait_all(futures)
        return [future.result(PATIENCE_S) for future in futures]
