"""A call executes so many instructions, whatever else the machine does: a test can hold them, which it cannot times. Cells with counts=1
(docs/method.md) are counted here and compared with what is recorded beside this file, by build: another compiler or C library makes
another number of them, so on one that is not recorded nothing is compared, and the test says so.

  CORPS_LAB=build/corps-lab .venv/bin/python tests/harness/instructions.py            compares
  CORPS_LAB=build/corps-lab .venv/bin/python tests/harness/instructions.py --record   counts again, and records it for this build
"""

import json
import os
import sys
import unittest

import lab

RECORDED = os.path.join(os.path.dirname(os.path.abspath(__file__)), "instructions.json")
WITHIN = 0.015  # of what is recorded: two counts differ by less, and 2 % more is found
AGAIN = 20      # rounds for a cell, until one is within: chance adds, on a crowded machine often to all messages of a trial, and never takes away
RECORDING = 4   # rounds, of which the least is recorded
CELLS = ("queue", "shm", "unix")
LENGTH = "{warmup_count: 50, min_count: 100, min_ms: 1, max_ms: 10000}"
MATRIX = """name: instructions
controls: false
defaults: {workload: echo, serializer: none, payload: "bytes:64", counts: 1, wake: block, placement: same}
trial: %s
families:
  - name: f
    axes: {transport: [%s]}
"""


def build_text(fingerprint):
    """What the number of instructions depends on, besides the sources."""
    build, libraries = fingerprint["build"], fingerprint["libraries"]
    return (f"{build['compiler']} {build['compiler_version']}, {build['flags']}, sanitizer {build['sanitizer']}, glibc {libraries['glibc']}, "
            f"{os.uname().machine}")


def recorded():
    with open(RECORDED, encoding="utf-8") as file:
        return json.load(file)


def more_than(counted, bounds):
    """The lines on cells that execute more than is recorded."""
    return [f"{name}: {counted[name]:.0f} instructions a call, and {bound:.0f} are recorded ({100 * (counted[name] / bound - 1):+.1f} %)"
            for name, bound in bounds.items() if counted[name] > bound * (1 + WITHIN)]


class Deciding(unittest.TestCase):
    def test_two_percent_are_found_and_one_is_not(self):
        self.assertEqual([], more_than({"a": 10100.0, "b": 4000.0}, {"a": 10000, "b": 5000}))
        self.assertEqual(["a: 10200 instructions a call, and 10000 are recorded (+2.0 %)"], more_than({"a": 10200.0}, {"a": 10000}))


class Instructions(lab.LabTest):
    def count(self, names=CELLS, number=0):
        """(build, transport → instructions of a call) by one run; None for what could not be counted."""
        out = self.path(f"out-{number}.jsonl")
        status, _, err = self.lab("run", self.write("m.yaml", MATRIX % (LENGTH, ", ".join(names))), "--blocks", "1", "--out", out)
        self.assertEqual(0, status, err)
        run, *trials = self.lines(out)
        return build_text(run["fingerprint"]), {t["cell"]["transport"]: t["instructions_per_message"] for t in trials}

    def test_no_more_than_recorded(self):
        build, counted = self.count()
        bounds = recorded().get(build)
        if None in counted.values():
            self.skipTest("no process may be stepped here (x86-64 is needed, and leave to trace others), or the machine is too crowded")
        if bounds is None:
            self.skipTest(f"nothing is recorded for this build ({build}); tests/harness/instructions.py --record does")
        self.assertEqual(sorted(bounds), sorted(counted))
        for number in range(1, AGAIN):
            over = [name for name, bound in bounds.items() if more_than({name: counted[name]}, {name: bound})]
            if over:
                counted.update({name: min(counted[name], found or counted[name]) for name, found in self.count(over, number)[1].items()})
        print("; ".join(f"{name}: {counted[name]:.0f} of {bound:.0f}" for name, bound in bounds.items()), flush=True)
        self.assertEqual([], more_than(counted, bounds), "a call has become longer; if that is meant, record it with --record, and say why in the commit")


def record():
    """Writes what is counted now for this build; the others stay."""
    counting = Instructions("test_no_more_than_recorded")
    counting.setUp()
    try:
        rounds = [counting.count(number=number) for number in range(RECORDING)]
    finally:
        counting.doCleanups()
    build = rounds[0][0]
    table = recorded()
    table[build] = {name: min(counted[name] for _, counted in rounds) for name in CELLS}
    with open(RECORDED, "w", encoding="utf-8") as file:
        json.dump(table, file, indent=2, sort_keys=True)
        file.write("\n")
    print(f"recorded for {build}: {table[build]}")


if __name__ == "__main__":
    if sys.argv[1:] == ["--record"]:
        record()
    else:
        unittest.main(verbosity=2)  # says why a test is skipped
