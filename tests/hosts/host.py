"""A host that is a set of namespaces of this machine: its own network, processes, mounts (/run, /dev/shm), System V and message queues, name, and clock.

Its first process (init.py) ends when the pipe from this process ends, and the kernel then kills everything on the host: so nothing is left behind,
whatever becomes of this process. Processes of the host are numbered anew inside; methods here take and give numbers as this process sees them.
"""

import os
import signal
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
RUNTIME = '/run/corps-host'  # XDG_RUNTIME_DIR on each host
NAMESPACES = ('--net', '--mount', '--ipc', '--uts', '--pid', '--time')


def until(look, seconds, what):
    """Looks again and again until it gives something that is true, which is returned. TimeoutError says what did not come."""
    ends = time.monotonic() + seconds
    while True:
        found = look()
        if found:
            return found
        if time.monotonic() > ends:
            raise TimeoutError(f'{what}: not within {seconds} s')
        time.sleep(0.01)


def children(pid):
    try:
        with open(f'/proc/{pid}/task/{pid}/children', encoding='ascii') as file:
            return [int(word) for word in file.read().split()]
    except OSError:
        return []


def freezer_root():
    """Where groups of processes can be frozen: a writable cgroup v2 tree; None where there is none."""
    with open('/proc/self/mounts', encoding='utf-8') as file:
        for line in file:
            _, place, kind, options = line.split()[:4]
            if kind == 'cgroup2' and options.split(',')[0] == 'rw' and os.access(place, os.W_OK):
                return place
    return None


def has_ended(pid):
    """Also where nobody has asked how."""
    try:
        with open(f'/proc/{pid}/stat', 'rb') as file:
            return file.read().rpartition(b')')[2].split()[0] in (b'Z', b'X')
    except OSError:
        return True


class Process:
    """A program on a host. `pid` is the program's; `popen` is of nsenter, which waits for it and ends as it does."""

    def __init__(self, popen):
        self.popen = popen
        self.pid = until(lambda: (children(popen.pid) or ([popen.pid] if popen.poll() is not None else None)), 10, 'a program on a host')[0]

    def kill(self, number=signal.SIGKILL):
        # nsenter stops when the program does, and lets it go on when it goes on itself. One that is stopped would not notice the end of the program.
        numbers = {self.pid: number, self.popen.pid: signal.SIGCONT} if number in (signal.SIGCONT, signal.SIGKILL) else {self.pid: number}
        for pid, one in numbers.items():
            try:
                os.kill(pid, one)
            except ProcessLookupError:
                pass

    def wait(self, seconds):
        return self.popen.wait(seconds)

    def await_death(self, seconds):
        """Waits for the end of the program itself, after SIGKILL: nsenter may be frozen with its host, and tell of it much later."""
        until(lambda: has_ended(self.pid), seconds, 'the end of a program that was killed')

    def is_there(self):
        return self.popen.poll() is None


class Host:
    """`clock_s`: so far its monotonic and boot clocks are from this machine's."""

    def __init__(self, number, name, clock_s=0, group=None):
        self.number, self.name, self.address = number, name, f'10.0.0.{number}'
        self._started = []
        self.group = group  # the cgroup of its processes, which can be frozen
        self.frozen = False
        if group is not None:
            os.mkdir(group)
        options = [*NAMESPACES, '--fork', '--kill-child', '--mount-proc', '--monotonic', str(clock_s), '--boottime', str(clock_s)]
        # A session of its own: what is typed at the terminal is for whoever made the host, and ends that in order.
        self._unshare = subprocess.Popen(['unshare', *options, sys.executable, '-S', '-E', os.path.join(HERE, 'init.py'), name],
                                         stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True)
        try:
            if self._unshare.stdout.readline() != b'ready\n':
                raise RuntimeError(f'the host {name} does not begin')
            self.init = children(self._unshare.pid)[0]
            self._space = os.readlink(f'/proc/{self.init}/ns/pid')
        except BaseException:
            self.close()
            raise

    def enter(self, *command):
        return ['nsenter', '--target', str(self.init), '--net', '--mount', '--ipc', '--uts', '--pid', '--time', '--', *command]

    def start(self, *command, environ=None, **keywords):
        """Starts a program there. Keywords as for subprocess.Popen; the environment is this process's, with changes."""
        if self.frozen:
            raise RuntimeError(f'nothing begins on {self.name}, which is frozen')
        # A program enters the group itself: Python run in the child of a fork would have a traceback of a Ctrl-C there.
        join = ['sh', '-c', 'echo 0 >"$0" && exec "$@"', os.path.join(self.group, 'cgroup.procs')] if self.group is not None else []
        self._started.append(subprocess.Popen([*join, *self.enter(*command)], env=self.environ(environ), start_new_session=True, **keywords))
        return Process(self._started[-1])

    def run(self, *command, **keywords):
        """Runs a short program there, outside of what can be frozen; gives its standard output."""
        return subprocess.run(self.enter(*command), check=True, stdout=subprocess.PIPE, text=True, env=self.environ(), **keywords).stdout

    @staticmethod
    def environ(changes=None):
        return {**os.environ, 'XDG_RUNTIME_DIR': RUNTIME, **(changes or {})}

    def outer(self, pid):
        """The number outside of a process that has this one there; None: there is none."""
        for one in self.processes():
            try:
                with open(f'/proc/{one}/status', encoding='ascii', errors='replace') as file:
                    if any(line.startswith('NSpid:') and line.split()[-1] == str(pid) for line in file):
                        return one
            except OSError:
                pass
        return None

    def processes(self):
        """{pid: its command line, as a list} of what is there, the host's own first process left out, and nsenter."""
        found = {}
        for name in os.listdir('/proc'):
            try:
                if name.isdigit() and int(name) != self.init and os.readlink(f'/proc/{name}/ns/pid') == self._space:
                    with open(f'/proc/{name}/cmdline', 'rb') as file:
                        words = file.read().decode(errors='replace').split('\0')[:-1]
                    if words:  # else it has ended, and nobody has asked how
                        found[int(name)] = words
            except OSError:
                pass
        return found

    def files(self):
        """Paths below what XDG_RUNTIME_DIR is there."""
        root = f'/proc/{self.init}/root{RUNTIME}'
        return sorted(os.path.relpath(os.path.join(folder, name), root) for folder, folders, names in os.walk(root) for name in folders + names)

    def kill_all(self):
        """The host loses its power: every process of it is killed at once, as far as anybody sees, and what it had in memory is gone."""
        if self.group is not None and os.path.exists(os.path.join(self.group, 'cgroup.kill')):
            self._write('cgroup.kill', '1')
        for _ in range(100):
            there = self.processes()
            if not there:
                if self.frozen:
                    self.freeze(False)
                self.run('find', RUNTIME, '/dev/shm', '-mindepth', '1', '-delete')
                return
            for pid in there:
                try:
                    os.kill(pid, signal.SIGKILL)
                except ProcessLookupError:
                    pass
            time.sleep(0.01)
        raise RuntimeError(f'on {self.name} there are processes that cannot be killed: {self.processes()}')

    def freeze(self, frozen=True):
        """Stops every process of the host, or lets them go on, without their noticing."""
        if self.group is None:
            raise RuntimeError('there is no cgroup v2 tree to be written to')
        self._write('cgroup.freeze', '1' if frozen else '0')
        self.frozen = frozen
        if frozen:
            until(lambda: 'frozen 1' in self._read('cgroup.events'), 5, f'{self.name} frozen')

    def close(self):
        if self.group is not None and os.path.exists(self.group):
            self._write('cgroup.freeze', '0')
        for popen in self._started:
            popen.send_signal(signal.SIGCONT)
        self._unshare.stdin.close()
        self._end(self._unshare)  # and the kernel ends everything on the host
        self._unshare.stdout.close()
        for popen in self._started:
            self._end(popen)
            for pipe in filter(None, (popen.stdin, popen.stdout)):
                self._shut(pipe)
        if self.group is not None:
            until(lambda: remove_group(self.group), 10, f'the end of the processes of {self.name}')

    @staticmethod
    def _end(popen):
        try:
            popen.wait(10)
        except subprocess.TimeoutExpired:
            popen.kill()
            popen.wait(10)

    @staticmethod
    def _shut(pipe):
        try:
            pipe.close()
        except OSError:
            pass  # what was still to be written has no reader any more

    def _write(self, name, text):
        with open(os.path.join(self.group, name), 'w', encoding='ascii') as file:
            file.write(text)

    def _read(self, name):
        with open(os.path.join(self.group, name), encoding='ascii') as file:
            return file.read()


def remove_group(path):
    """True when it is gone; processes that are just ending keep it."""
    try:
        os.rmdir(path)
    except FileNotFoundError:
        pass
    except OSError:
        return False
    return True
