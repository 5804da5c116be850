"""How many processors this process may use: its affinity, and the quota of its control groups, which containers have."""

import math
import os


def _read(path):
    try:
        with open(path) as file:
            return file.read()
    except OSError:  # no such group, or it is not ours to see
        return ''


def _share(quota, period):
    """Processors that a quota allows; infinite where there is none (max, -1, or an empty file)."""
    try:
        allowed, whole = int(quota), int(period)
    except ValueError:
        return math.inf
    return allowed / whole if allowed > 0 and whole > 0 else math.inf


def _group_share(folder):
    unified = _read(os.path.join(folder, 'cpu.max')).split()
    if len(unified) == 2:
        return _share(*unified)
    return _share(_read(os.path.join(folder, 'cpu.cfs_quota_us')), _read(os.path.join(folder, 'cpu.cfs_period_us')))


def quota(own='/proc/self/cgroup', root='/sys/fs/cgroup'):
    """The least of this process's groups and those above them: their quotas hold for all below."""
    least = math.inf
    for line in _read(own).splitlines():
        _, controllers, path = (line.split(':', 2) + ['', ''])[:3]
        if controllers and 'cpu' not in controllers.split(','):
            continue
        for mount in ('', 'unified') if not controllers else ('cpu', 'cpu,cpuacct', 'cpuacct,cpu'):
            parts = [part for part in path.split('/') if part]
            for depth in range(len(parts) + 1):
                least = min(least, _group_share(os.path.join(root, mount, *parts[:depth])))
    return least


def count():
    """A whole number, at least 1."""
    usable = getattr(os, 'process_cpu_count', None)  # from Python 3.13 on; it heeds PYTHON_CPU_COUNT
    processors = usable() if usable is not None else len(os.sched_getaffinity(0))
    return max(1, min(processors or 1, math.ceil(min(quota(), 1 << 20))))
