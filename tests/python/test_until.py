"""run --until, on blocks whose outcome is known: who stops when, and that stopping early does not make intervals lie. Run by meson with CORPS_REPORT."""
import os
import sys
import unittest

import numpy as np

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
FOLDER = os.environ.get("CORPS_REPORT") or os.path.join(os.path.dirname(__file__), "..", "..", "experiments", "report")
sys.path.insert(0, FOLDER)
import answers  # noqa: E402
import cells as grouping  # noqa: E402
import load  # noqa: E402
import noise  # noqa: E402
import stats  # noqa: E402
import until  # noqa: E402
import validate  # noqa: E402
from simulated import run_line, trial  # noqa: E402

SHARE, BOUND = 0.05, 40


def run(seed, kinds):
    """A run as corps-lab makes it: kinds: [(p50, noise, axes)], the first is the family's first cell."""
    random = np.random.default_rng(seed)
    results, left_out = load.Results(), set()
    results.runs = [run_line("r1", blocks=BOUND, block_trials=len(kinds), until=SHARE)]
    for block in range(BOUND):
        if block >= until.FIRST and (block - until.FIRST) % until.EVERY == 0:
            left_out |= {key for _, key in until.reasons(grouping.group(results), SHARE)}
        shift = random.normal(0, 0.1)
        made = [trial(block, n, p50 * np.exp(shift + random.normal(0, spread)), **axes) for n, (p50, spread, axes) in enumerate(kinds)]
        results.trials += [t for t in made if load.cell_key(t["cell"]) not in left_out]
        if len(left_out) == len(kinds):
            break
    return results


def blocks(results):
    """What each cell got, by its transport and arm."""
    return {c.axes["transport"] + c.axes["arm"]: len(c.blocks("p50_ns")) for c in grouping.group(results).values()}


class Stopping(unittest.TestCase):
    KINDS = [(1e6, 0.04, {}), (1e6, 0.04, {"arm": "aa"}), (1.02e6, 0.04, {"transport": "unix"}), (1e6, 0.5, {"transport": "pipe"}),
             (5e6, 0.3, {"transport": "tcp"}), (2e6, 0.04, {"transport": "raw:pipe", "wake": "block"})]

    def test_steady_cells_stop_early_and_noisy_ones_at_the_bound(self):
        found = blocks(run(1, self.KINDS))
        self.assertEqual(BOUND, found["pipe"])
        self.assertEqual(BOUND, found["shm"], "the others are held to it")
        for name in ("shmaa", "unix", "raw:pipe"):
            self.assertLess(found[name], BOUND, found)

    def test_a_decided_winner_needs_no_narrow_interval(self):
        found = run(2, self.KINDS)
        cells = grouping.group(found)
        tcp = next(c for c in cells.values() if c.axes["transport"] == "tcp")
        self.assertLess(len(tcp.blocks("p50_ns")), BOUND)
        self.assertRegex(until.reasons(cells, SHARE)["f", load.cell_key(tcp.axes)], "decided: behind (shm|unix)")

    def test_each_cell_says_why_it_stopped(self):
        (_, _, told), = answers.sections(grouping.group(run(1, self.KINDS)), ("stopped",))
        told = "\n".join(told)
        self.assertRegex(told, r"unix none bytes:64 adaptive cross: \d+ blocks, known to ±\d\.\d %")
        self.assertRegex(told, f"pipe none bytes:64 adaptive cross: {BOUND} blocks, the bound")
        self.assertEqual([], answers.sections(grouping.Cells(), ("stopped",)), "a run without --until says nothing")

    def test_what_always_fails_gets_no_more_blocks(self):
        results = load.Results()
        results.runs = [run_line("r1", until=SHARE)]
        results.trials = [trial(b, 0, 1, ok=False) for b in range(until.FIRST)]
        self.assertEqual(["failed in every block"], list(until.reasons(grouping.group(results), SHARE).values()))

    def test_an_early_end_is_no_fault_but_a_missing_block_is(self):
        results = run(1, self.KINDS)
        self.assertEqual([], validate.whole_faults(results))
        cut = load.Results()
        cut.runs, cut.trials = results.runs, [t for t in results.trials if t["block"] < 20]
        self.assertTrue(any("is not known; go on with --resume" in fault for fault in validate.whole_faults(cut)))
        cut.trials = [t for t in results.trials if t["block"] != 3]
        self.assertTrue(validate.whole_faults(cut))


class Honest(unittest.TestCase):
    """Looking again and again until the interval is narrow must not make it miss the truth."""

    def test_intervals_cover(self):
        covered = narrow = 0
        rounds = 120
        for seed in range(rounds):
            random = np.random.default_rng(100 + seed)
            ours, theirs = 1.3 * np.exp(random.normal(0, 0.06, BOUND)), np.exp(random.normal(0, 0.06, BOUND))
            n = next((n for n in range(until.FIRST, BOUND, until.EVERY)
                      if noise.half_width(stats.ratio(ours[:n], theirs[:n])) <= np.log1p(SHARE)), BOUND)
            r = stats.ratio(ours[:n], theirs[:n])
            covered += r.low <= 1.3 <= r.high
            narrow += n < BOUND
        self.assertGreaterEqual(covered, 0.90 * rounds)
        self.assertGreaterEqual(narrow, 0.9 * rounds)

    def test_equal_rivals_are_seldom_called_decided(self):
        wrong = 0
        for seed in range(40):
            results = run(500 + seed, [(1e6, 0.15, {}), (1e6, 0.15, {"arm": "aa"}), (1e6, 0.15, {"transport": "unix"})])
            wrong += any(why.startswith("decided") for why in until.reasons(grouping.group(results), SHARE).values())
        self.assertLessEqual(wrong, 3)


if __name__ == "__main__":
    unittest.main()
