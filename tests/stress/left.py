"""What processes leave behind, and where they hang: shared by the programs of this folder."""

import ctypes
import os
import shutil
import signal
import subprocess
import sys
import time

sys.path.append(os.path.join(os.path.dirname(os.path.abspath(__file__)), os.pardir))
from room import in_turn  # noqa: E402, F401

LEFT_S = 60.0
PR_SET_CHILD_SUBREAPER = 36


def adopt_orphans():
    """Processes whose parent dies become our children, and so can be seen."""
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def children():
    """Processes whose parent we are, orphans of lives included; those that have ended are waited for."""
    found = []
    for task in os.listdir('/proc/self/task'):
        with open(f'/proc/self/task/{task}/children') as file:
            found += map(int, file.read().split())
    return [pid for pid in found if os.waitpid(pid, os.WNOHANG)[0] == 0]


def files(runtime):
    """What lies where Corps put things."""
    base = os.path.join(runtime, 'corps')
    found = [os.path.join(base, name) for name in (os.listdir(base) if os.path.isdir(base) else [])]
    for folder in ('/dev/shm', '/dev/mqueue'):
        if os.path.isdir(folder):
            found += [os.path.join(folder, name) for name in os.listdir(folder) if 'corps' in name.lower()]
    return found


def left_behind(runtime):
    """What is still there after a while, and is then ended or removed. What others make and remove meanwhile is not ours."""
    end = time.monotonic() + LEFT_S
    names = set(files(runtime))
    while True:
        processes = children()
        names.intersection_update(files(runtime))
        if not processes and not names:
            return []
        if time.monotonic() > end:
            break
        time.sleep(0.01)
    left = [f'process {pid}: {stacks(pid)}' for pid in processes]
    left += [f'{name} {os.listdir(name) if os.path.isdir(name) else ""}' for name in sorted(names)]
    for pid in processes:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
    shutil.rmtree(os.path.join(runtime, 'corps'), ignore_errors=True)
    return left


def stacks(pid):
    """Where its threads are, if there is a gdb."""
    try:
        done = subprocess.run(['gdb', '-q', '-batch', '-p', str(pid), '-ex', 'thread apply all bt 10'],
                              capture_output=True, text=True, timeout=60)
    except (FileNotFoundError, subprocess.TimeoutExpired) as error:
        return str(error)
    return '\n  ' + '\n  '.join(line for line in done.stdout.splitlines() if line.startswith(('#', 'Thread')))


def children_of(pid):
    """Those of another process's main thread."""
    try:
        with open(f'/proc/{pid}/task/{pid}/children') as file:
            return [int(child) for child in file.read().split()]
    except (FileNotFoundError, ProcessLookupError):
        return []
