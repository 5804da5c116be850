"""A token goes round Concs: a chain of wake-ups without replies. workloads/ring.c tells which numbers it carries."""

import asyncio
from time import monotonic_ns as now_ns

from corps import Conc

from lab_meter import FULL_CHECK_EVERY, Message, Meter, Mismatch


class Station(Conc):
    """Passes the token on. Station 0 also keeps the time."""

    def __init__(self):
        super().__init__()
        self.visits = 0  # of the token
        self.meter = self.finished = self.loop = None  # of station 0, while it runs
        self.timed = False
        self.lap_begin_ns = 0

    def link(self, params):
        names, self.index = params['names'], params['index']
        self.count = len(names)
        self.after, self.first = names[(self.index + 1) % self.count], names[0]
        self.message = Message(params)

    def seen(self):
        """How often the token was here."""
        return self.visits

    async def run(self, params):
        """Starts the token; answers when it has gone round long enough. Requests are served meanwhile."""
        self.loop = asyncio.get_running_loop()
        self.finished = self.loop.create_future()
        self.meter = Meter(params, self.message)
        self.meter.weight = self.count
        self.meter.warm_begin()
        self.lap_begin_ns = now_ns()
        self.pass_on(self.visits * self.count + 1)
        return await self.finished

    def pass_on(self, hop):
        self.after.token(hop, self.message.payload, NoReply=True)

    def token(self, *message):
        hop = (self.visits + (self.index == 0)) * self.count + self.index
        try:
            self.message.check(hop, message, self.visits % FULL_CHECK_EVERY == 0)
        except Mismatch as mismatch:
            self.first.fault(str(mismatch), NoReply=True)  # station 0 owes the answer
            return
        self.visits += 1
        if self.index != 0 or self.count_lap():
            self.pass_on(hop + 1)

    def fault(self, text):
        self.answer(Mismatch(text))

    def answer(self, outcome):
        """Ends the request to run, which waits on the event loop; later faults find nobody."""
        def settle():
            if not self.finished.done():
                if isinstance(outcome, Exception):
                    self.finished.set_exception(outcome)
                else:
                    self.finished.set_result(outcome)
        if self.loop is not None:
            self.loop.call_soon_threadsafe(settle)

    def count_lap(self):
        """Station 0: a lap is over. Does another begin?"""
        meter, now = self.meter, now_ns()
        meter.next += self.count
        if self.timed:
            lap_ns = now - self.lap_begin_ns
            meter.times_ns.append(lap_ns // self.count)
            meter.messages += self.count
            meter.total_ns += lap_ns
            if meter.enough():
                meter.end()
                self.answer(meter.result('a message is one hop; latency is a lap\'s time divided by its hops',
                                         'seconds is the sum of the laps', laps=self.visits))
                return False
        elif meter.warm_enough():
            self.timed = True
            meter.begin()
        meter.gap()
        self.lap_begin_ns = now_ns()
        return True
