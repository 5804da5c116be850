"""A Cluster with agents, the load on it (load.c), and what may befall them. A *story* is a list of steps, (seconds from its beginning, what, words …),
where `what` is a method of World below. Scenarios are stories that are written down; the nemesis (scripts/nemesis) makes them up.
"""

import json
import os
import queue
import signal
import subprocess
import threading
import time

import agents
import cluster
import host

LOAD = 'hosts-load'
ENV = 'corps-env'  # as an Env calls itself
OWNER = 1  # where the program and Env 0 are
SETTLED_S = 120
FAULTS = 'hung', 'wrong', 'failed', 'not_once', 'twice'  # of an Env, as the load counts them


class World:
    """`hosts` hosts and `envs` Envs over them. `before(world)`: done when there are hosts, and nothing on them."""

    def __init__(self, build, hosts=3, envs=5, clocks=None, before=None, slots=None):
        self.build, self.envs, self.events, self.at = os.path.abspath(build), envs, [], {}
        self.hosts = cluster.Cluster(hosts, clocks)
        self.agents = self.load = self._errors = None
        self._lines = queue.Queue()
        self._stopped = []  # processes that were stopped by SIGSTOP
        self.limited = set()
        try:
            if before is not None:
                before(self)
            self.agents = agents.Agents(self.hosts, self.build, slots, lines=self.lines())
            self._begin()
        except BaseException:
            self.close()
            raise

    def lines(self):
        """Lines of the file of hosts beside those of hosts."""
        return ()

    # ---- the load ----

    def _begin(self):
        self._errors = open(os.path.join(self.hosts.folder, 'load.log'), 'wb')
        self.load = self.hosts[OWNER].start(os.path.join(self.build, 'tests', LOAD), str(self.envs), 'auto', os.path.join(self.hosts.folder, 'ledger'),
                                            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._errors)
        threading.Thread(target=self._read, daemon=True).start()
        self.await_event('begun', 60)
        self.await_lives(self.envs)

    def _read(self):
        for line in self.load.popen.stdout:
            self._lines.put(json.loads(line))
        self._lines.put({'event': 'gone'})

    def await_event(self, name, seconds):
        """The next event of that name; those before it are kept too. RuntimeError: the load has ended, or it does not come."""
        ends = time.monotonic() + seconds
        while True:
            try:
                event = self._lines.get(timeout=max(0.01, ends - time.monotonic()))
            except queue.Empty:
                raise RuntimeError(f'the load does not say "{name}" within {seconds} s: {self.said()[-500:]}') from None
            self.events.append(event)
            if event['event'] == name:
                return event
            if event['event'] == 'gone':
                raise RuntimeError(f'the load has ended: {self.said()[-500:]}')

    def await_lives(self, count):
        while len({event['env'] for event in self.events if event['event'] == 'life'}) < count:
            self.await_event('life', 30)

    def said(self):
        with open(os.path.join(self.hosts.folder, 'load.log'), encoding='utf-8', errors='replace') as file:
            return file.read().strip()

    def tell(self, line):
        self.load.popen.stdin.write(line.encode() + b'\n')
        self.load.popen.stdin.flush()

    def status(self):
        self.tell('status')
        return self.await_event('status', 30)

    # ---- what may befall them ----

    def env_pids(self, number):
        """Envs on a host, the first one first."""
        there = self.hosts[number].processes()
        return sorted(pid for pid, words in there.items() if words[0] == ENV)

    def kill_env(self, number):
        for pid in self.env_pids(number)[-1:]:
            os.kill(pid, signal.SIGKILL)

    def stop_env(self, number):
        for pid in self.env_pids(number)[-1:]:
            os.kill(pid, signal.SIGSTOP)
            self._stopped.append(pid)

    def continue_all(self):
        for pid in self._stopped:
            try:
                os.kill(pid, signal.SIGCONT)
            except ProcessLookupError:
                pass
        self._stopped = []
        for agent in self.agents.running.values():
            agent.kill(signal.SIGCONT)

    def hang(self, env):
        self.tell(f'hang {env}')

    def kill_agent(self, number):
        if number in self.agents.running:
            self.agents.kill(number)

    def start_agent(self, number):
        if number not in self.agents.running and not self.hosts[number].frozen:  # what a frozen host lacks, `heal` starts
            self.agents.start(number)

    def stop_agent(self, number):
        if number in self.agents.running:
            self.agents.kill(number, signal.SIGSTOP)

    def lose(self, number):
        """The host is off: whatever ran there has gone, and says nothing."""
        self.hosts.bridge.cut(self.hosts[number])  # so that no last word leaves it
        self.forget(number)
        self.hosts[number].kill_all()

    def forget(self, number):
        """Nothing runs on this host any more, and nobody need end it."""
        self.agents.running.pop(number, None)

    def cut(self, number):
        self.hosts.bridge.cut(self.hosts[number])

    def mend(self, number):
        self.hosts.bridge.mend(self.hosts[number])

    def drop_from(self, number, percent):
        self.hosts.bridge.drop(self.hosts[number], None, percent)

    def drop_to(self, number, percent):
        self.hosts.bridge.drop(None, self.hosts[number], percent)

    def drop_between(self, sender, receiver, percent):
        self.hosts.bridge.drop(self.hosts[sender], self.hosts[receiver], percent)

    def slow(self, number, megabits_s):
        self.hosts.bridge.limit(self.hosts[number], megabits_s)
        self.limited.add(number)

    def freeze(self, number):
        self.hosts[number].freeze()

    def thaw(self, number):
        self.hosts[number].freeze(False)

    def heal(self):
        """Takes all faults away."""
        for one in self.hosts:
            if one.group is not None:
                one.freeze(False)
        self.continue_all()
        self.hosts.bridge.heal(self.hosts)
        for number in self.limited:
            self.hosts.bridge.limit(self.hosts[number], None)
        self.limited = set()
        self.start_lacking()

    def start_lacking(self):
        """What runs on every host and was ended by a fault."""
        for one in self.hosts:
            self.start_agent(one.number)

    def rest(self):
        """Nothing: what was done before stays a little longer."""

    # ---- a whole story ----

    def play(self, story):
        """Does the steps in their time. `at`: {number of a step: when it was done}, of the clock of events."""
        began = time.monotonic()
        for index, (when, what, *words) in enumerate(sorted(story, key=lambda step: step[0])):
            time.sleep(max(0, began + when - time.monotonic()))
            self.at[index] = time.time()
            getattr(self, what)(*words)

    def settle(self):
        """Heals all, waits until everything is as specified again, ends the Corps. Gives (faults in words, the load's last event)."""
        self.heal()
        self.load.popen.stdin.write(b'stop\n')
        self.load.popen.stdin.close()
        wrong, last = [], None
        try:
            self.await_event('settled', SETTLED_S)
            last = self.await_event('ended', SETTLED_S)
            status = self.load.wait(SETTLED_S)
            if status != 0 or last['faults'] > 0:
                counted = [{'env': env['env'], **{key: env[key] for key in FAULTS if env[key]}} for env in last['envs']]
                wrong.append(f'the oracle has found something (status {status}, unanswered {last["unanswered"]}, in order {last["clean"]}): {counted} {self.said()[-1500:]}')
        except (RuntimeError, subprocess.TimeoutExpired) as error:
            wrong.append(str(error))
        return wrong + self.leftovers(), last

    def leftovers(self):
        """Ends the agents and looks for what is there still; in words."""
        return self.leftovers_of_agents() + self.leftovers_of_hosts()

    def leftovers_of_agents(self):
        def envs():
            return {one.name: self.env_pids(one.number) for one in self.hosts if self.env_pids(one.number)}
        wrong = []
        try:
            host.until(lambda: not envs(), 10, 'the end of all Envs')
        except TimeoutError:
            wrong.append(f'Envs are left: {envs()}')
        return wrong + self.agents.close()

    def leftovers_of_hosts(self):
        wrong = []
        for one in self.hosts:
            there = {pid: words for pid, words in one.processes().items() if pid not in self.expected()}
            if there:
                wrong.append(f'processes are left on {one.name}: {there}')
            files = [name for name in one.files() if name != 'corps']
            if files:
                wrong.append(f'files are left on {one.name}: {files}')
        return wrong

    def expected(self):
        """Processes that may be there when all has ended."""
        return {self.load.pid}

    def healed(self, since):
        """{Env: seconds from `since` until a new life of its Book answered}."""
        times = {}
        for event in self.events:
            if event['event'] == 'life' and event['at_s'] > since:
                times.setdefault(event['env'], round(event['at_s'] - since, 3))
        return times

    def close(self):
        try:
            self.hosts.close()
        finally:
            if self._errors is not None:
                self._errors.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
