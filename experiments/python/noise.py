"""A pool under a load that is noisy around what its members can do: python noise.py [--seconds N] [--quiet SECONDS] [--seed N]

Each request takes a member 2 ms, in which it sleeps, so that the machine's processors limit nothing. Requests come by chance (Poisson), on average
as many as LOAD members can do; how many, changes every 0.1 to 10 s to 0.6 … 1.4 times that. It prints, at the end: requests, how many were lost, how
often the number of members changed, and how often that changed its direction (after it had grown, it shrank, or the other way round). Exit status 1 when
a request was lost, or the direction changed more than once in ten minutes.
"""

import argparse
import collections
import random
import sys
import time

import corps

SERVICE_SECONDS, TARGET_SECONDS, LOAD = 0.002, 0.01, 3.0
LOOK_SECONDS = 0.05
ALLOWED_IN_SECONDS = 600


class Sleeper(corps.Conc):
    def work(self, number):
        time.sleep(SERVICE_SECONDS)
        return number


class Service(corps.Corps):
    def __init__(self, quiet):
        super().__init__()
        self.pool = corps.create_Pool(Sleeper, Min=1, Max=64, Target=TARGET_SECONDS, Quiet=quiet, LocType=corps.LocType.EnvId, LocVal=1)

    def name(self):
        return self.pool


class Tally:
    """What becomes of the requests, and of the members."""

    def __init__(self, pool):
        self.pool, self.open = pool, collections.deque()
        self.sent = self.lost = self.steps = self.turns = 0
        self.members, self.direction = len(corps.pool_members(pool)), 0

    def send(self):
        self.open.append((self.sent, self.pool.work(self.sent)))
        self.sent += 1

    def take(self, wait=False):
        while self.open and (wait or self.open[0][1].done()):
            number, future = self.open.popleft()
            try:
                self.lost += future.Ret != number
            except Exception as error:
                self.lost += 1
                print(f'request {number}: {type(error).__name__}: {error}', flush=True)

    def look(self, at):
        now = len(corps.pool_members(self.pool))
        if now == self.members:
            return
        direction = 1 if now > self.members else -1
        self.steps += 1
        self.turns += self.direction == -direction
        print(f'{at:7.2f} s: {self.members} → {now} members', flush=True)
        self.members, self.direction = now, direction


def drive(tally, seconds, chance):
    begun = time.monotonic()
    due = change = look = begun
    factor = 1.0
    while (now := time.monotonic()) < begun + seconds:
        if now >= change:
            factor, change = chance.uniform(0.6, 1.4), now + chance.uniform(0.1, 10)
        if now >= look:
            tally.look(now - begun)
            look = now + LOOK_SECONDS
        while due <= now:
            tally.send()
            due += chance.expovariate(factor * LOAD / SERVICE_SECONDS)
        tally.take()
        time.sleep(max(0.0, min(due, look) - time.monotonic()))
    tally.take(wait=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0], formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--seconds', type=float, default=600)
    parser.add_argument('--quiet', type=float, default=30, help='the pool\'s Quiet, in seconds')
    parser.add_argument('--seed', type=int, default=1)
    options = parser.parse_args()
    with corps.create_Corps(Service, options.quiet, NumEnvs=2) as service:
        tally = Tally(service.name().Ret)
        drive(tally, options.seconds, random.Random(options.seed))
    allowed = 1 + int(options.seconds // ALLOWED_IN_SECONDS - 1 if options.seconds > ALLOWED_IN_SECONDS else 0)
    print(f'{tally.sent} requests in {options.seconds:.0f} s, {tally.lost} lost; {tally.steps} changes of the members, to {tally.members}, '
          f'{tally.turns} of direction')
    return int(tally.lost > 0 or tally.turns > allowed)


if __name__ == '__main__':
    sys.exit(main())
