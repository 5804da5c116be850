"""One corps-agent on each host of a Cluster, with a file of hosts and a key that all of them share."""

import os
import signal
import subprocess

import host

PORT = 7400
SLOTS = 6
SOCKET = host.RUNTIME + '/corps/agent'


class Agents:
    """`build`: the build folder. `slots`: {number of a host: so many}, else SLOTS. `labels`: {number of a host: labels}. `environ`: for all of them.
    `lines`: more lines for the file of hosts."""

    def __init__(self, hosts, build, slots=None, labels=None, environ=None, lines=()):
        slots = slots or {}
        self._hosts, self._environ, self.running = hosts, environ, {}
        self.program = os.path.join(build, 'corps-agent')
        self.file, self.key = os.path.join(hosts.folder, 'hosts'), os.path.join(hosts.folder, 'key')
        subprocess.run([self.program, '--make-key', self.key], check=True)
        with open(self.file, 'w', encoding='ascii') as file:
            for one in hosts:
                file.write(f'{one.number} {one.name} {one.address}:{PORT} {slots.get(one.number, SLOTS)} {(labels or {}).get(one.number, "")}\n')
            file.writelines(line + '\n' for line in lines)
        for one in hosts:
            self.start(one.number)

    def start(self, number):
        """Starts the agent of a host and waits until programs there can ask it."""
        one = self._hosts[number]
        with open(os.path.join(self._hosts.folder, f'agent-{number}.log'), 'ab') as log:
            agent = one.start(self.program, '--hosts', self.file, '--key', self.key, '--number', str(number), '--as-root', environ=self._environ,
                              stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        self.running[number] = agent

        def answers():
            if not agent.is_there():
                raise RuntimeError(f'the agent of {one.name} has ended: {self.log(number)}')
            return self.is_open(one)
        host.until(answers, 10, f'the agent of {one.name}')

    @staticmethod
    def is_open(one):
        return os.path.exists(f'/proc/{one.init}/root{SOCKET}')

    def log(self, number):
        with open(os.path.join(self._hosts.folder, f'agent-{number}.log'), encoding='utf-8', errors='replace') as file:
            return file.read().strip()

    def kill(self, number, signal_number=signal.SIGKILL):
        self.running[number].kill(signal_number)
        if signal_number == signal.SIGKILL:
            self.running.pop(number).await_death(10)

    def close(self):
        """Ends all of them in order. Gives what is wrong with that, in words."""
        wrong = []
        for agent in self.running.values():
            agent.kill(signal.SIGTERM)
        for number, agent in self.running.items():
            try:
                status = agent.wait(15)
                if status != 0:
                    wrong.append(f'the agent of host {number} ended with {status}: {self.log(number)[-300:]}')
            except subprocess.TimeoutExpired:
                wrong.append(f'the agent of host {number} does not end')
                agent.kill()
        self.running = {}
        return wrong
