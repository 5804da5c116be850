"""Several hosts on this machine, for tests: see host.py and bridge.py.

    with cluster.Cluster(3) as hosts:
        hosts[1].start('ping', hosts[2].address)
        hosts.bridge.cut(hosts[2])

Whatever ends this process, nothing is left but a folder and empty groups of processes, which the next Cluster removes.
"""

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading

import bridge
import host

PREFIX = 'corps-hosts-'
SKIPPED = 77
ENDS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def why_not(faults=False):
    """None, or why no hosts can be made here. `faults`: those that need nft or the freezer are wanted too."""
    if os.geteuid() != 0:
        return 'namespaces of the network want root'
    lacking = [name for name in ('unshare', 'nsenter', 'ip', 'tc', 'mount') if shutil.which(name) is None]
    if lacking:
        return f'{", ".join(lacking)} not found; on Debian: apt-get install iproute2 util-linux'
    tried = subprocess.run(['unshare', *host.NAMESPACES, '--fork', '--mount-proc', '--monotonic', '1', '--boottime', '1', 'ip', 'link', 'add', 'x',
                            'type', 'bridge'], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    if tried.returncode != 0:
        return f'no namespaces can be made here: {tried.stdout.strip()}'
    if faults and not bridge.can_drop():
        return 'nft not found; on Debian: apt-get install nftables'
    if faults and host.freezer_root() is None:
        return 'there is no cgroup v2 tree that may be written to'
    return None


def skip_unless_possible(faults=False):
    reason = why_not(faults)
    if reason is not None:
        print(f'skipped: {reason}')
        sys.exit(SKIPPED)


def _is_left(name):
    """Is it the name of something that a process made which is no more?"""
    number = name[len(PREFIX):].split('-')[0] if name.startswith(PREFIX) else ''
    return number.isdigit() and not os.path.exists(f'/proc/{number}')


def sweep():
    for name in filter(_is_left, os.listdir(tempfile.gettempdir())):
        shutil.rmtree(os.path.join(tempfile.gettempdir(), name), ignore_errors=True)
    root = host.freezer_root()
    for name in filter(_is_left, os.listdir(root) if root else ()):
        host.remove_group(os.path.join(root, name))


@contextlib.contextmanager
def undisturbed():
    """Signals that end this process are seen to at its end, if they come meanwhile: an end in order that is cut short leaves the rest to nobody."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    came, before = [], {}
    for number in ENDS:
        before[number] = signal.getsignal(number)
        if before[number] not in (signal.SIG_IGN, None):
            signal.signal(number, lambda number, _: came.append(number))
    try:
        yield
    finally:
        for number, handler in before.items():
            if handler is not None:
                signal.signal(number, handler)
        for number in came[:1]:
            signal.raise_signal(number)


class Cluster:
    """`clocks`: {number of a host: by how many seconds its clock is off}; `names`: likewise, otherwise they are h1, h2 …
    Hosts are numbered from 1; `folder` is one that all of them see."""

    def __init__(self, count, clocks=None, names=None):
        sweep()
        for number in ENDS[1:]:
            signal.signal(number, lambda *_: sys.exit(1))  # so that `with` is left in order
        self._hosts, self.bridge = {}, None
        self.folder = tempfile.mkdtemp(prefix=f'{PREFIX}{os.getpid()}-')
        root = host.freezer_root()
        try:
            self.bridge = bridge.Bridge()
            for number in range(1, count + 1):
                group = root and os.path.join(root, f'{os.path.basename(self.folder)}-{number}')
                self._hosts[number] = host.Host(number, (names or {}).get(number, f'h{number}'), (clocks or {}).get(number, 0), group)
                self.bridge.join(self._hosts[number])
        except BaseException:
            self.close()
            raise

    def __getitem__(self, number):
        return self._hosts[number]

    def __iter__(self):
        return iter(self._hosts.values())

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        with undisturbed(), contextlib.ExitStack() as last:  # all of it, whatever goes wrong with a part
            last.callback(shutil.rmtree, self.folder, ignore_errors=True)
            if self.bridge is not None:
                last.callback(self.bridge.close)
            for one in self:
                last.callback(one.close)
