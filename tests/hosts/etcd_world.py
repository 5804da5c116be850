"""Owned Corps on three hosts with a server of etcd each, the load on them (owned.h), and what may befall them: see world.py for stories.

Each Corps is a singleton, `one-0`, `one-1` …, created by a program that ends at once; callers on every host call all of them by these names. After the last
fault all must be as specified again within BOUND_S and the time of a boot, and CHANGE_S more where etcd had to find a new leader.
"""

import json
import os
import queue
import signal
import subprocess
import threading
import time

import etcd_servers
import host
import world

LOAD = 'hosts-owned'
BOUND_S, CHANGE_S = 11.5, 8.0
BOOT_S = 3.0  # an owner and its Envs, on a machine that does much else
PATIENCE_S = 100  # what takes longer does not come
ENVS = 3


class EtcdWorld(world.World):
    """`corps`: how each Corps of the load is to be cut off: 'stop' or 'stay'. Those of 'stop' get retry calls too, since only they are never two."""

    def __init__(self, build, corps=('stop', 'stop'), clocks=None, envs=ENVS):
        self.corps, self.callers, self.etcd = corps, {}, None
        self._caller_count, self._drained = 0, set()
        self.boot_s, self.doubts, self.term, self.settled, self.last_fences = [], [], None, {}, []
        self._caller_queue = queue.Queue()
        super().__init__(build, envs=envs, clocks=clocks, before=lambda here: here._begin_etcd())

    def _begin_etcd(self):
        self.etcd = etcd_servers.Servers(self.hosts)

    def lines(self):
        return (f'ledger etcd {self.etcd.endpoints()}',)

    # ---- the load ----

    def _begin(self):
        self._errors = open(os.path.join(self.hosts.folder, 'load.log'), 'ab')
        self.program, self.fences_path = os.path.join(self.build, 'tests', LOAD), os.path.join(self.hosts.folder, 'fences')
        subprocess.run([self.program, 'fences', self.fences_path], check=True)
        self.began_s = time.time()
        for index in range(len(self.corps)):
            self.create(index, 1 + index % 3)
        self.start_callers()
        self.await_until(lambda: len(self.told('begun')) == len(self.callers), PATIENCE_S, 'all callers')
        for index in range(len(self.corps)):
            self.await_life(index, 0)
        self.term = self._term()

    def create(self, index, number):
        """From a host; its program ends then. RuntimeError: it is not created."""
        done = self.try_create(index, number)
        if done['event'] != 'created':
            raise RuntimeError(f'one-{index} is not created: {done["code"]}: {self.said()[-500:]} {self.logs()}')
        self.boot_s.append(done['took_s'])

    def begin_create(self, index, number):
        cut_off = self.corps[index] if index < len(self.corps) else 'stop'
        keep = os.path.join(self.hosts.folder, 'keep') if cut_off == 'stop' else ''  # a state is for one life at a time
        return self.hosts[number].start(self.program, 'create', self.fences_path, str(index), f'one-{index}', 'auto', str(self.envs), keep, cut_off,
                                        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=self._errors)

    def try_create(self, index, number):
        return self.created(self.begin_create(index, number))

    @staticmethod
    def created(process):
        """What a program says that was to create one."""
        line = process.popen.stdout.readline()
        process.wait(PATIENCE_S)
        return json.loads(line) if line else {'event': 'refused', 'code': f'status {process.popen.returncode}'}

    def start_callers(self):
        for one in self.hosts:
            if one.number not in self.callers and not one.frozen:
                how = [f'one-{index}:{index}:{"once" if cut_off == "stop" else "plain"}' for index, cut_off in enumerate(self.corps)]
                caller = one.start(self.program, 'call', self.fences_path, str(self._caller_count), *how, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                   stderr=self._errors)
                self._caller_count += 1
                self.callers[one.number] = caller
                threading.Thread(target=self._read_caller, args=(one.number, caller), daemon=True).start()

    def _read_caller(self, number, caller):
        try:
            for line in caller.popen.stdout:
                self._caller_queue.put((caller, {**json.loads(line), 'from': number}))
        except ValueError:
            pass  # it was killed in the middle of a line
        self._caller_queue.put((caller, {'event': 'gone', 'from': number}))

    def next_event(self, seconds):
        """None: there is none."""
        try:
            caller, event = self._caller_queue.get(timeout=max(0.001, seconds))
        except queue.Empty:
            return None
        if event['event'] == 'gone' and self.callers.get(event['from']) is caller:
            raise RuntimeError(f'the caller on host {event["from"]} has ended: {self.said()[-500:]}')
        self.events.append({**event, 'of': caller})
        return self.events[-1]

    def await_until(self, condition, seconds, what):
        """Takes events until it holds of `events`."""
        ends = time.monotonic() + seconds
        while not condition():
            if time.monotonic() > ends:
                raise TimeoutError(f'{what}: not within {seconds} s: {self.said()[-1000:]} {self.logs()}')
            self.next_event(min(1, ends - time.monotonic()))

    def told(self, name):
        """{host: the last event of that name that its present caller has told}"""
        return {event['from']: event for event in self.events if event['event'] == name and event['of'] is self.callers.get(event['from'])}

    def lives(self, index, since_life):
        """{host: when its caller first had an answer of a life of that Corps beyond `since_life`}"""
        found = {}
        for event in self.events:
            if event['event'] == 'life' and event['corps'] == index and event['life'] > since_life:
                found.setdefault(event['from'], event['at_s'])
        return found

    def await_life(self, index, since_life, callers=None, seconds=PATIENCE_S):
        """Waits until every one of these callers has been answered by a later life; gives when the last one was."""
        callers = set(self.callers if callers is None else callers)
        self.await_until(lambda: callers <= set(self.lives(index, since_life)), seconds,
                         f'a life of one-{index} after number {since_life}, for hosts {callers}')
        return max(at for number, at in self.lives(index, since_life).items() if number in callers)

    def tell_caller(self, number, line):
        pipe = self.callers[number].popen.stdin
        pipe.write(line.encode() + b'\n')
        pipe.flush()

    def leave(self, index):
        """Ends one that nobody calls."""
        self.hosts[1].run(self.program, 'leave', f'one-{index}')

    def fences(self, count=None):
        done = subprocess.run([self.program, 'look', self.fences_path, str(count or len(self.corps))], check=True, stdout=subprocess.PIPE, text=True)
        return json.loads(done.stdout)

    def owner(self, index=0):
        """The host of its newest life."""
        return self.fences()[index]['host']

    def life(self, index=0):
        return self.fences()[index]['life']

    def logs(self):
        """The last words of agents."""
        return ' '.join(f'agent {one.number}: ...{self.agents.log(one.number)[-300:]}' for one in self.hosts) if self.agents is not None else ''

    # ---- what may befall them ----

    def kill_front(self, index):
        """Env 0 of a Corps."""
        fence = self.fences()[index]
        pid = self.hosts[fence['host']].outer(fence['pid']) if fence['host'] else None
        if pid is not None:
            self._signal(pid, signal.SIGKILL)

    def stop_front(self, index):
        fence = self.fences()[index]
        pid = self.hosts[fence['host']].outer(fence['pid']) if fence['host'] else None
        if pid is not None and self._signal(pid, signal.SIGSTOP):
            self._stopped.append(pid)

    @staticmethod
    def _signal(pid, number):
        try:
            os.kill(pid, number)
            return True
        except ProcessLookupError:
            return False

    def forget(self, number):
        super().forget(number)
        self.etcd.forget(number)
        self.callers.pop(number, None)

    def lose_owner(self, index=0):
        self.lose(self.owner(index) or 1)

    def leader(self):
        found = self.etcd.leader()
        return found[0] if found is not None else 1  # where nobody leads it is all the same which one is meant

    def kill_etcd(self, number):
        self.etcd.kill(number)

    def start_etcd(self, number):
        self.etcd.start(number)

    def stop_etcd(self, number):
        self.etcd.stop(number)

    def kill_leader(self):
        self.etcd.kill(self.leader())

    def stop_leader(self):
        self.etcd.stop(self.leader())

    def go_on_etcd(self):
        self.etcd.go_on()

    def kill_all_etcd(self):
        for one in self.hosts:
            self.etcd.kill(one.number)

    def start_all_etcd(self):
        for one in self.hosts:
            self.etcd.start(one.number)

    def stop_all_etcd(self):
        for one in self.hosts:
            self.etcd.stop(one.number)

    def drop_etcd_from(self, number, percent=100):
        """What its server says is lost, and what its agent says to other servers."""
        self.hosts.bridge.drop(self.hosts[number], None, percent, etcd_servers.PORTS)

    def drop_etcd_to(self, number, percent=100):
        self.hosts.bridge.drop(None, self.hosts[number], percent, etcd_servers.PORTS)

    def mend_etcd(self, number):
        self.drop_etcd_from(number, 0)
        self.drop_etcd_to(number, 0)

    def mend_all_etcd(self):
        for one in self.hosts:
            self.mend_etcd(one.number)

    def leader_unheard(self):
        self.drop_etcd_from(self.leader())

    def leader_deaf(self):
        self.drop_etcd_to(self.leader())

    def wipe_etcd(self, number):
        if not self.hosts[number].frozen and number in self.etcd.running:
            self.etcd.wipe(number)

    def drain(self, number):
        """False: it was refused, which is told to nobody: its agent is away, or etcd."""
        if number in self.agents.running and not self.hosts[number].frozen:
            self._drained.add(number)
            return self._ask_agent(number, '--drain')
        return False

    def undrain(self, number):
        if number in self._drained and number in self.agents.running and not self.hosts[number].frozen and self._ask_agent(number, '--undrain'):
            self._drained.discard(number)

    def _ask_agent(self, number, word):
        program = os.path.join(self.build, 'corps')
        try:
            done = subprocess.run(self.hosts[number].enter(program, 'hosts', word, self.hosts[number].name), env=self.hosts[number].environ(), text=True,
                                  stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False, timeout=20)
        except subprocess.TimeoutExpired:
            self.doubts.append(f'corps hosts {word} {number} does not end')
            return False
        if done.returncode != 0:
            self.doubts.append(f'corps hosts {word} {number}: {done.stdout.strip()[-300:]}')
        return done.returncode == 0

    def start_lacking(self):
        self.start_all_etcd()
        super().start_lacking()
        self.start_callers()
        for number in sorted(self._drained):
            self.undrain(number)

    def heal(self):
        self.etcd.go_on()
        super().heal()

    # ---- a whole story ----

    def play(self, story):
        self.term = self._term()
        super().play(story)

    def _term(self):
        found = self.etcd.leader()
        return found[1] if found is not None else None

    def settle(self):
        """Heals all, waits until everything is as specified again, ends the Corps. Gives (faults in words, what calls came to)."""
        wrong, counts = [], {}
        try:
            self.heal()
            healed_s = time.time()
            settled_s = self._await_settled(healed_s)
            changed = self.term is None or self._term() != self.term
            self.settled = {'settled_s': round(settled_s, 3), 'leader_changed': changed}
            bound_s = BOUND_S + max(BOOT_S, 2 * max(self.boot_s)) + (CHANGE_S if changed else 0)
            if settled_s > bound_s:
                wrong.append(f'as specified again {settled_s:.1f} s after the last fault, later than {bound_s:.1f} s: {self.said()[-500:]} {self.logs()}')
            wrong += self._count_envs()
            counts = self._end()
        except (RuntimeError, TimeoutError, subprocess.TimeoutExpired, BrokenPipeError) as error:
            wrong.append(str(error))
        wrong += [f'{event["what"]} to one-{event["corps"]} went wrong at {event["at_s"] - self.began_s:.3f} s' for event in self.events
                  if event['event'] == 'fault']
        wrong += self.judge()
        if wrong:
            wrong.append(self.said()[-2000:])
        return wrong + self.leftovers(), counts

    def _await_settled(self, healed_s):
        """Everybody who calls says so, etcd is whole again. Gives how long that took."""
        for number in self.callers:
            self.tell_caller(number, 'settle')
        ends = time.monotonic() + PATIENCE_S
        while len(self.told('settled')) < len(self.callers) or not self.etcd.is_healthy() or self._drained:
            if self.next_event(0.2) is None:
                self.start_all_etcd()  # one that was wiped joins when the others can let it in
                for number in sorted(self._drained):
                    self.undrain(number)
            if time.monotonic() > ends:
                raise TimeoutError(f'not as specified within {PATIENCE_S} s: of the hosts {sorted(self.callers)} these are: {sorted(self.told("settled"))}; etcd is '
                                   f'{"whole" if self.etcd.is_healthy() else "not whole"}, drained are {sorted(self._drained)}: {self.said()[-500:]} {self.logs()}')
        settled = self.told('settled')
        if any(event['unsettled'] for event in settled.values()):
            raise RuntimeError(f'not as specified: {self.said()[-1000:]} {self.logs()}')
        last_s = max(event['at_s'] for event in settled.values())
        return max(0.0, last_s - healed_s)

    def _count_envs(self):
        """As many as were asked for, and none of a former life."""
        wanted = self.envs * len(self.corps)

        def there():
            return {one.number: len(self.env_pids(one.number)) for one in self.hosts}
        try:
            host.until(lambda: sum(there().values()) == wanted, 10, 'Envs')
        except TimeoutError:
            return [f'there are not {wanted} Envs, but by hosts {there()}']
        return []

    def _end(self):
        """Ends the calls and the Corps. Gives what calls came to, all together."""
        counts = dict.fromkeys(('answered', 'lost', 'late', 'kept', 'refused'), 0)
        for number in self.callers:
            self.tell_caller(number, 'stop')
        self.await_until(lambda: len(self.told('stopped')) == len(self.callers), PATIENCE_S, 'the end of all calls')
        for event in self.told('stopped').values():
            for seat in event['seats']:
                for key in counts:
                    counts[key] += seat[key]
        first = min(self.callers)
        for index in range(len(self.corps)):
            self.tell_caller(first, f'leave {index}')
        ended, self.callers = self.callers, {}
        for caller in ended.values():
            caller.popen.stdin.write(b'end\n')
            caller.popen.stdin.close()
            if caller.wait(PATIENCE_S) != 0:
                raise RuntimeError(f'a caller ended with {caller.popen.returncode}: {self.said()[-500:]}')
        return counts

    def judge(self):
        """What the fences have found, in words."""
        wrong, self.last_fences = [], self.fences()
        for index, (cut_off, fence) in enumerate(zip(self.corps, self.last_fences)):
            if fence['doubled'] > 0:
                wrong.append(f'one-{index}: two lives of one epoch: {fence}')
            if fence['skipped'] > 0:
                wrong.append(f'one-{index}: effects of retry calls are lost, or come twice: {fence}')
            if fence['refused'] > 0 and cut_off == 'stop':
                wrong.append(f'one-{index}: a life acted when a later one had begun, up to {fence["overlap_s"]} s after: {fence}')
        return wrong

    def leftovers(self):
        wrong = super().leftovers_of_agents()
        wrong += self.etcd.close()
        for caller in self.callers.values():
            caller.kill()
        self.callers = {}
        return wrong + super().leftovers_of_hosts()

    def expected(self):
        return set()

    def close(self):
        self.callers = {}
        super().close()
