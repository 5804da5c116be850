"""What joins the hosts: a bridge in a network namespace of its own, one cable a host, and what may be wrong with cables.

Faults are told to nobody: neither end of a cable sees that it carries nothing, as with a switch that has lost its power.
"""

import shutil
import subprocess
import sys


class Bridge:
    def __init__(self):
        hold = 'import sys; print(flush=True); sys.stdin.read()'
        self._holder = subprocess.Popen(['unshare', '--net', sys.executable, '-S', '-E', '-c', hold], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        start_new_session=True)
        self._holder.stdout.readline()
        self._rules = {}  # (from, to, ports): its lines
        self._run('ip', 'link', 'add', 'bridge', 'type', 'bridge', 'forward_delay', '0')
        self._run('ip', 'link', 'set', 'bridge', 'up')

    def join(self, one):
        """Lays the cable to a host, whose interface is eth0 there."""
        cable = f'cable{one.number}'
        self._run('ip', 'link', 'add', cable, 'type', 'veth', 'peer', 'name', 'eth0', 'netns', str(one.init))
        self._run('ip', 'link', 'set', cable, 'master', 'bridge', 'up')
        one.run('ip', 'address', 'add', f'{one.address}/24', 'dev', 'eth0')
        one.run('ip', 'link', 'set', 'eth0', 'up')

    def cut(self, one):
        """Nothing passes in either direction, silently."""
        self._run('ip', 'link', 'set', f'cable{one.number}', 'nomaster')

    def mend(self, one):
        """After `cut`."""
        self._run('ip', 'link', 'set', f'cable{one.number}', 'master', 'bridge')

    def drop(self, sender, receiver, percent=100, ports=()):
        """What `sender` sends to `receiver` is lost, all of it or so much by chance; None: whoever it is. `ports`: what goes to or from these ports
        of TCP alone. 0: nothing any more."""
        key = (sender and sender.number, receiver and receiver.number, tuple(ports))
        self._rules.pop(key, None)
        if percent > 0:
            words = [f'iifname "cable{sender.number}"'] if sender is not None else []
            words += [f'oifname "cable{receiver.number}"'] if receiver is not None else []
            ends = [f'tcp {end} {{ {", ".join(map(str, ports))} }}' for end in ('sport', 'dport')] if ports else ['']
            last = [f'numgen random mod 1000 < {round(percent * 10)}'] if percent < 100 else []
            self._rules[key] = [' '.join([*words, end, *last, 'drop']) for end in ends]
        self._load_rules()

    def limit(self, one, megabits_s=None):
        """So much the cable carries in each direction; None: as much as there is."""
        shape = ('tbf', 'rate', f'{megabits_s}mbit', 'burst', '64kb', 'latency', '100ms')
        for run, device in ((self._run, f'cable{one.number}'), (one.run, 'eth0')):
            if megabits_s is not None:
                run('tc', 'qdisc', 'replace', 'dev', device, 'root', *shape)
            else:
                run('tc', 'qdisc', 'del', 'dev', device, 'root')

    def heal(self, hosts):
        """Takes all faults away."""
        self._rules = {}
        if can_drop():
            self._load_rules()
        for one in hosts:
            self.mend(one)

    def close(self):
        if self._holder.poll() is None:
            self._holder.stdin.close()
            self._holder.wait(10)
        self._holder.stdout.close()

    def _load_rules(self):
        chain = '\n'.join(['type filter hook forward priority 0; policy accept;', *(line for lines in self._rules.values() for line in lines)])
        text = f'table bridge faults {{}}\ndelete table bridge faults\ntable bridge faults {{\nchain forward {{\n{chain}\n}}\n}}\n'
        self._run('nft', '-f', '-', input=text)

    def _run(self, *command, **keywords):
        done = subprocess.run(['nsenter', '--target', str(self._holder.pid), '--net', '--', *command], text=True, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, check=False, **keywords)
        if done.returncode != 0:
            raise RuntimeError(f'{" ".join(command)}: {done.stdout.strip()}')


def can_drop():
    """Can packets be dropped one by one? Debian: the package nftables."""
    return shutil.which('nft') is not None
