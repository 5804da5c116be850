"""What processes use: processor time, switches, memory. The same readings as experiments/measure/usage.c makes."""

import os
import time

KEYS = ('cpu_ns', 'user_ticks', 'system_ticks', 'voluntary', 'involuntary', 'page_faults', 'peak_rss_bytes')


def _text(path):
    with open(path, encoding='utf-8', errors='replace') as file:
        return file.read()


def _field(text, key):
    """The number after "key:" at the beginning of a line; 0 when there is none."""
    for line in text.splitlines():
        if line.startswith(key + ':'):
            return int(line.split()[1])
    return 0


def _switches(pid):
    """Of all threads: the status of a process counts its first thread alone."""
    voluntary = involuntary = 0
    for thread in os.listdir(f'/proc/{pid}/task'):
        try:
            text = _text(f'/proc/{pid}/task/{thread}/status')
        except OSError:
            continue  # that thread has ended meanwhile
        voluntary += _field(text, 'voluntary_ctxt_switches')
        involuntary += _field(text, 'nonvoluntary_ctxt_switches')
    return voluntary, involuntary


def _cpu_clock(pid):
    """The processor clock of a process, as clock_getcpuclockid gives it, which Python does not have."""
    return (~pid << 3) | 2


def read(pid):
    """The figures of one process, in the order of KEYS. OSError when it is gone."""
    after_name = _text(f'/proc/{pid}/stat').rpartition(')')[2].split()  # the name may hold anything
    peak = _field(_text(f'/proc/{pid}/status'), 'VmHWM') * 1024
    return (time.clock_gettime_ns(_cpu_clock(pid)), int(after_name[11]), int(after_name[12]), *_switches(pid), int(after_name[7]), peak)


def read_all(pids):
    """The sums over processes, peaks too; None when one cannot be read."""
    try:
        return [sum(column) for column in zip(*(read(pid) for pid in pids))]
    except (OSError, ValueError, IndexError):
        return None


def between(before, after):
    """What was used from one reading to the next, by KEYS; {} when one is missing. The peak is that of the later."""
    if not before or not after:
        return {}
    used = {key: max(0, late - early) for key, early, late in zip(KEYS, before, after)}
    used['peak_rss_bytes'] = after[KEYS.index('peak_rss_bytes')]
    return used
