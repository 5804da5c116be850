"""Envs are killed under load and come back: every call ends, replies are those of their calls, effects happen once and in order, Names stay valid.

COUNT in the environment: so many kills over each transport instead of 4, and TRANSPORTS: over these, as scripts/long has it. What became of each
call is judged by what its caller saw, and by a journal to which Books append each effect, and which survives whoever dies.
"""

import json
import os
import pickle
import random
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import zlib
from collections import Counter, deque

from corps import Conc, Corps, LocType, WorkerLost, create_Concs, create_Corps
from helpers import in_turn, wait_until

COUNT = int(os.environ.get('COUNT', 4))
TRANSPORTS = os.environ.get('TRANSPORTS', 'shm tcp').split()
ENVS, CALLS, LAST_TRIES, WINDOW, PATIENCE_S = 4, 60, 200, 8, 120
LATEST_S = 0.03  # of the kill, after the load has begun
SETTLED = 10  # kills after which nothing may grow


def send_all(book, cycle, sender, seed):
    """Calls and sends, some in flight, then single calls until one is answered. What became of each, by its number."""
    chance = random.Random(seed)
    fates, flights = {}, deque()

    def launch(number, one_way):
        size = chance.choice((10, 200, 5000))
        payload = chance.getrandbits(8 * size).to_bytes(size, 'little')
        fates[number] = 'sent'
        try:
            future = book.entry(cycle, sender, number, payload, NoReply=True) if one_way else book.entry(cycle, sender, number, payload)
        except WorkerLost:
            fates[number] = 'lost'
            return
        if not one_way:
            flights.append((number, zlib.crc32(payload), future))

    def land():
        number, sum_, future = flights.popleft()
        try:
            reply = future.result(PATIENCE_S)
        except WorkerLost:
            fates[number] = 'lost'
            time.sleep(0.001)  # or all would be spent before the news of a death has come
        except TimeoutError:
            fates[number] = 'hung'
        else:
            fates[number] = 'answered' if tuple(reply) == (sender, number, sum_) else 'wrong: {}'.format(reply)
        return fates[number]

    for number in range(1, CALLS + 1):
        if len(flights) == WINDOW:
            land()
        launch(number, chance.random() < 0.25)
    while flights:
        land()
    for number in range(CALLS + 1, CALLS + LAST_TRIES):
        launch(number, False)
        if flights and land() == 'answered':
            break
    return fates


class Book(Conc):
    def __init__(self, folder):
        super().__init__()
        self.folder, self.life_, self.cycle, self.journal = folder, time.monotonic_ns(), None, None

    def entry(self, cycle, sender, number, payload):
        if cycle != self.cycle:
            if self.journal is not None:
                os.close(self.journal)
            self.journal = os.open(os.path.join(self.folder, str(cycle)), os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
            self.cycle = cycle
        os.write(self.journal, '{} {} {}\n'.format(sender, number, self.life_).encode())
        return sender, number, zlib.crc32(payload)

    def life(self):
        return self.life_, os.getpid()


class Caller(Conc):
    def run(self, book, cycle, sender, seed):
        return send_all(book, cycle, sender, seed)


class Service(Corps):
    def __init__(self, folder):
        super().__init__()
        self.books = [create_Concs(Book, folder, LocType=LocType.EnvId, LocVal=env)[0] for env in range(1, ENVS)]
        self.callers = create_Concs(Caller, LocType=LocType.PerEnv)
        self.between = create_Concs(Caller, LocType=LocType.EnvId, LocVal=0)[0]

    def names(self):
        return self.books, self.callers, self.between

    def pid(self):
        return os.getpid()


def be_stranger():
    """A process that has not created the Corps, and holds Names of it."""
    with open(sys.argv[2], 'rb') as file:
        books = pickle.load(file)
    for line in sys.stdin:
        env, cycle, seed = map(int, line.split())
        print(json.dumps(list(send_all(books[env - 1], cycle, 'stranger', seed).items())), flush=True)


def journal_of(folder, cycle):
    """By sender, the numbers and lives of effects in their order."""
    effects = {}
    with open(os.path.join(folder, str(cycle))) as file:
        for line in file:
            sender, number, life = line.split()
            effects.setdefault(sender, []).append((int(number), int(life)))
    return effects


def judge(sender, fates, effects, safe):
    """What is wrong with the calls of a sender. `fates` is None when it died itself, `safe` says that nothing may have been lost."""
    wrong = []
    numbers = [number for number, _ in effects]
    if any(later <= earlier for earlier, later in zip(numbers, numbers[1:])):
        wrong.append('an effect came twice or out of order: {}'.format(numbers))
    if fates is not None:
        came = set(numbers)
        wrong += ['{}: {}'.format(number, fate) for number, fate in fates.items() if fate not in ('sent', 'answered', 'lost')]
        wrong += ['{} was answered and took no effect'.format(n) for n, fate in fates.items() if fate == 'answered' and n not in came]
        wrong += ['{} took effect and was never sent'.format(number) for number in came if number not in fates]
        if max(fates) <= CALLS or fates[max(fates)] != 'answered':
            wrong.append('no answer at the end')
        if safe:
            wrong += ['{} was lost without cause'.format(n) for n, fate in fates.items() if fate == 'lost' or n not in came]
        for (number, life), (later, later_life) in zip(effects, effects[1:]):
            if life == later_life and later != number + 1:
                wrong.append('{} to {} were left out, and their receiver lived on'.format(number + 1, later - 1))
    return ['{}: {}'.format(sender, what) for what in wrong]


def usage(pids):
    return [(len(os.listdir('/proc/{}/fd'.format(pid))), len(os.listdir('/proc/{}/task'.format(pid)))) for pid in pids]


def files():
    """Of Corps, in this program's runtime folder."""
    return sum(len(names) for _, _, names in os.walk(os.environ['XDG_RUNTIME_DIR']))


class Cycles:
    def __init__(self, service, folder, transport):
        self.service, self.folder, self.transport = service, folder, transport
        self.books, self.callers, self.between = service.names().result(PATIENCE_S)
        path = os.path.join(folder, 'names')
        with open(path, 'wb') as file:
            pickle.dump(self.books, file)
        self.stranger = subprocess.Popen([sys.executable, os.path.abspath(__file__), 'stranger', path], stdin=subprocess.PIPE,
                                         stdout=subprocess.PIPE, universal_newlines=True)
        self.chance = random.Random(transport)
        self.healed_s, self.fates = [], Counter()

    def kill(self, victim):
        """Kill the Env; ask its Book until another life answers."""
        book = self.books[victim - 1]
        life, pid = book.life().result(PATIENCE_S)
        time.sleep(self.chance.uniform(0, LATEST_S))
        began = time.monotonic()
        os.kill(pid, signal.SIGKILL)

        def healed():
            try:
                return book.life().result(PATIENCE_S)[0] != life
            except WorkerLost:
                return False

        assert wait_until(healed, PATIENCE_S), 'Env {} does not answer'.format(victim)
        self.healed_s.append(time.monotonic() - began)

    def one(self, cycle):
        victim, sibling = self.chance.sample(range(1, ENVS), 2)
        seeds = iter([self.chance.getrandbits(30) for _ in range(6)])
        told = {}

        def in_program():
            told['program'] = send_all(self.books[victim - 1], cycle, 'program', next(seeds))

        thread = threading.Thread(target=in_program)
        thread.start()
        self.stranger.stdin.write('{} {} {}\n'.format(victim, cycle, next(seeds)))
        self.stranger.stdin.flush()
        runs = {'zero': self.callers[0].run(self.books[victim - 1], cycle, 'zero', next(seeds)),
                'sibling': self.callers[sibling].run(self.books[victim - 1], cycle, 'sibling', next(seeds)),
                'victim': self.callers[victim].run(self.books[sibling - 1], cycle, 'victim', next(seeds)),
                'between': self.between.run(self.books[sibling - 1], cycle, 'between', next(seeds))}
        self.kill(victim)
        thread.join()
        told['stranger'] = dict(json.loads(self.stranger.stdout.readline()))
        for sender, future in runs.items():
            try:
                told[sender] = future.result(PATIENCE_S)
            except WorkerLost:
                assert sender == 'victim', sender
                told[sender] = None
        for name in self.books:
            name.life().result(PATIENCE_S)
        effects = journal_of(self.folder, cycle)
        wrong = [what for sender, fates in told.items() for what in judge(sender, fates, effects.get(sender, []), sender == 'between')]
        assert not wrong, (self.transport, cycle, victim, wrong)
        for fates in told.values():
            self.fates.update((fates or {}).values())
        os.unlink(os.path.join(self.folder, str(cycle)))

    def run(self, count):
        pids = [os.getpid(), self.service.pid().result(PATIENCE_S), self.stranger.pid]
        settled = min(SETTLED, count // 2)
        for cycle in range(count):
            if cycle == settled:
                before, files_before = usage(pids), files()
            self.one(cycle)

        def is_flat():
            return files() <= files_before + 2 and all(now <= then + 8 for pair in zip(usage(pids), before) for now, then in zip(*pair))

        assert wait_until(is_flat), (before, usage(pids), files_before, files())
        after = usage(pids)
        self.stranger.stdin.close()
        assert self.stranger.wait(PATIENCE_S) == 0
        self.stranger.stdout.close()
        ordered = sorted(1000 * seconds for seconds in self.healed_s)
        print('note: {}: {} kills; killed to next answer p50 {:.0f} ms, p99 {:.0f} ms, max {:.0f} ms; {}; descriptors and threads {} -> {}'.format(
            self.transport, count, statistics.median(ordered), ordered[(len(ordered) - 1) * 99 // 100], ordered[-1], dict(self.fates), before,
            after), flush=True)


def main():
    for transport in in_turn(TRANSPORTS):
        with tempfile.TemporaryDirectory() as folder:
            with create_Corps(Service, folder, NumEnvs=ENVS, Transport=transport, Restart='on_failure', Restart_Intensity=100,
                              Restart_Period=0.001, Restart_Backoff=0.001, Restart_Max_Backoff=0.001) as service:
                Cycles(service, folder, transport).run(COUNT)
    print('OK')


if __name__ == '__main__':
    if sys.argv[1:2] == ['stranger']:
        be_stranger()
    else:
        main()
