"""What the tests of the harness share: starting corps-lab, small matrices, looking at what is left behind.

The program under test is named by CORPS_LAB in the environment. Every test has a runtime directory of its own, so that
leftovers are seen and others are not disturbed.
"""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import unittest

sys.path.append(os.path.join(os.path.dirname(os.path.abspath(__file__)), os.pardir))
from room import in_turn, room  # noqa: E402, F401

LIMIT_S = 300  # for anything that is waited for; reaching it is a failure

FAST = "{warmup_count: 5, min_count: 20, min_ms: 5, max_ms: 10000}"  # so long on a busy machine alone


def program():
    path = os.environ.get("CORPS_LAB", "")
    if not os.access(path, os.X_OK):
        raise SystemExit("set CORPS_LAB to the program corps-lab that was built")
    return os.path.abspath(path)


def processes():
    """Living processes as {pid: (parent, command line)}; ended ones that nobody waited for are left out."""
    found = {}
    for name in os.listdir("/proc"):
        if not name.isdigit():
            continue
        try:
            with open(f"/proc/{name}/stat", encoding="utf-8", errors="replace") as file:
                state, parent = file.read().rpartition(")")[2].split()[:2]
            with open(f"/proc/{name}/cmdline", "rb") as file:
                command = file.read().split(b"\0")[:-1]
        except (FileNotFoundError, ProcessLookupError):
            continue
        if state != "Z":
            found[int(name)] = (int(parent), [word.decode(errors="replace") for word in command])
    return found


def descendants(pid):
    table = processes()
    wanted = {pid}
    grown = True
    while grown:
        more = {child for child, (parent, _) in table.items() if parent in wanted} - wanted
        grown = bool(more)
        wanted |= more
    return {child: table[child][1] for child in wanted - {pid} if child in table}


def named_things():
    """Shared memory and queues that have a name of a Corps."""
    return {os.path.join(folder, name) for folder in ("/dev/shm", "/dev/mqueue") if os.path.isdir(folder)
            for name in os.listdir(folder) if name.startswith("corps")}


def await_that(condition, what):
    end = time.monotonic() + LIMIT_S
    while time.monotonic() < end:
        value = condition()
        if value:
            return value
        time.sleep(0.01)
    raise AssertionError(f"waited {LIMIT_S} s in vain for {what}")


def without_checksum(line):
    """A line of a results file as programs wrote it before there were checksums."""
    stripped = re.sub(r',"check":"[0-9a-f]+"}\n$', "}\n", line)
    assert "check" not in json.loads(stripped), "the checksum is somewhere else in the line"
    return stripped


def blocks_apart(trials):
    """The largest factor by which the medians of one cell differ from block to block: of what nothing but the machine changes."""
    by_cell = {}
    for trial in trials:
        if not trial["cell"]["transport"].startswith("raw:"):
            by_cell.setdefault(json.dumps(trial["cell"], sort_keys=True), []).append(trial["p50_ns"])
    return max(max(values) / min(values) for values in by_cell.values())


class LabTest(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="lab-", dir="/tmp")
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)
        self.runtime = os.path.join(self.folder, "run")
        os.mkdir(self.runtime, 0o700)
        self.environment = dict(os.environ, XDG_RUNTIME_DIR=self.runtime, LC_ALL="C.UTF-8")

    def path(self, name):
        return os.path.join(self.folder, name)

    def write(self, name, text):
        with open(self.path(name), "w", encoding="utf-8") as file:
            file.write(text)
        return self.path(name)

    def matrix(self, axes, trial=FAST, name="m.yaml", more=""):
        return self.write(name, f"name: test\ntrial: {trial}\n{more}families:\n  - name: f\n    axes: {axes}\n")

    def start(self, *arguments, **options):
        return subprocess.Popen([program(), *arguments], cwd=self.folder, env=self.environment, text=True,
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL, **options)

    def finish(self, process):
        """Waits; gives (status, standard output, standard error)."""
        try:
            out, err = process.communicate(timeout=LIMIT_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()
            raise
        return process.returncode, out, err

    def lab(self, *arguments, **options):
        return self.finish(self.start(*arguments, **options))

    def lines(self, path):
        """Every line of a results file; each must be whole."""
        with open(path, encoding="utf-8") as file:
            text = file.read()
        self.assertTrue(text.endswith("\n"), f"{path} ends within a line")
        return [json.loads(line) for line in text.splitlines()]

    def trials(self, path):
        first, *rest = self.lines(path)
        self.assertEqual("run", first["kind"])
        for line in rest:
            self.assertEqual("trial", line["kind"])
            self.assertEqual(first["run"], line["run"])
        return rest

    def identities(self, trials):
        """What tells trials apart; a double would be the same trial measured twice."""
        def identity(line):
            cell = {key: value for key, value in line["cell"].items() if key != "size_bytes"}
            return line["family"], line["block"], json.dumps(cell, sort_keys=True)
        found = [identity(line) for line in trials]
        self.assertEqual(len(found), len(set(found)), "a trial is in the file twice")
        return set(found)

    def one_line(self, err):
        self.assertEqual(1, len(err.strip().splitlines()), f"not one line: {err!r}")

    def nothing_left(self):
        """No process, no shared memory, no queue and no directory of a Corps."""
        def ours():
            table = processes()
            found = []
            for pid in table:
                try:
                    with open(f"/proc/{pid}/environ", "rb") as file:
                        if f"XDG_RUNTIME_DIR={self.runtime}".encode() in file.read().split(b"\0"):
                            found.append((pid, table[pid][1]))
                except (FileNotFoundError, ProcessLookupError, PermissionError):
                    continue
            return found
        try:
            await_that(lambda: not ours(), "processes to end")
        except AssertionError:
            self.fail(f"processes are left: {ours()}")
        # What other programs of this machine have comes and goes; what was left behind stays.
        left = named_things()
        try:
            await_that(lambda: not left.intersection_update(named_things()) and not left, "segments and queues to go")
        except AssertionError:
            self.fail(f"left: {left}")
        base = os.path.join(self.runtime, "corps")
        if os.path.isdir(base):
            self.assertEqual([], os.listdir(base), f"left in {base}")


def interrupt(process, number=signal.SIGINT):
    process.send_signal(number)
