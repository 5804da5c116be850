"""Flags and resolution, on families whose troubled cells are known: those that do not repeat are flagged, others are not. Run by meson with
CORPS_REPORT (the folder of the programs)."""
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
import thresholds  # noqa: E402
import words  # noqa: E402
from simulated import run_line, trial  # noqa: E402

STEADY, TROUBLED = 60, 10
NOISE = 0.08      # of a steady cell's trials, as on the reference machine
SESSIONS = 2
BLOCKS = 15       # of a session


def results(trials):
    made = load.Results()
    made.runs = [run_line(run) for run in dict.fromkeys(t["run"] for t in trials)]
    made.trials = trials
    return made


def measured(random, name, sessions=SESSIONS, blocks=BLOCKS):
    """One run of the family: every block shifts all of its cells; a troubled one lies elsewhere in every session, or scatters."""
    trials = []
    for session in range(sessions):
        moved = random.choice([-1, 1], TROUBLED) * random.uniform(0.3, 0.6, TROUBLED)
        for block in range(blocks):
            shift = random.normal(0, 0.03)
            for number in range(STEADY + TROUBLED):
                extra = random.normal(0, NOISE)
                if number >= STEADY:
                    extra += moved[number - STEADY] if number % 2 else random.normal(0, 0.6)
                trials.append(trial(block, number, 1e6 * np.exp(shift + extra), run=f"{name}-{session}", payload=f"bytes:{number + 1}"))
    return grouping.group(results(trials))


class Flags(unittest.TestCase):
    def test_flagged_are_those_that_do_not_repeat(self):
        random = np.random.default_rng(1)
        moved = {True: 0, False: 0}
        counted = {True: 0, False: 0}
        for pair in range(3):
            first, second = measured(random, f"a{pair}"), measured(random, f"b{pair}")
            for key, cell in first.items():
                flagged = bool(cell.flags)
                counted[flagged] += 1
                moved[flagged] += abs(np.log(second[key].estimate("p50_ns") / cell.estimate("p50_ns"))) > noise.APART
        self.assertLessEqual(counted[True], 0.2 * (counted[True] + counted[False]), counted)
        share = {flagged: moved[flagged] / counted[flagged] for flagged in moved}
        self.assertLessEqual(share[False], 0.05, (moved, counted))  # who moved in both sessions alike cannot be known
        self.assertGreaterEqual(share[True], 0.3, (moved, counted))

    def test_a_threshold_chosen_on_one_machine_holds_on_another(self):
        """Two simulated machines, two sessions each: what is chosen on one does on the other nearly as well as the other's own choice."""
        random = np.random.default_rng(4)

        def machine(cells=300):
            pairs = []
            for scatter in np.exp(random.normal(np.log(0.1), 0.9, cells)):  # of a cell's blocks: most are steady, some are not
                first, second = (noise.to_one(np.exp(random.normal(0, scatter, BLOCKS))) for _ in range(SESSIONS))
                pairs.append((noise.half_width(first), abs(np.log(second.estimate / first.estimate))))
            return pairs

        ours, theirs = machine(), machine()
        for chosen_on, tried_on in ((ours, theirs), (theirs, ours)):
            wide = thresholds.chosen(chosen_on)
            flagged, hits, others, missed = thresholds.rates(tried_on, wide)
            self.assertGreater(hits / flagged, 3 * missed / others)
            self.assertGreaterEqual(thresholds.index(tried_on, wide), thresholds.index(tried_on, thresholds.chosen(tried_on)) - 0.1)
        shuffled = list(zip([width for width, _ in ours], random.permutation([distance for _, distance in ours])))
        self.assertLess(thresholds.index(shuffled, noise.WIDE), 0.3)  # where the width says nothing, nothing is found

    def test_what_all_cells_suffer_is_no_flag_but_told_once(self):
        random = np.random.default_rng(2)
        trials = [{**trial(b, n, 1000 * np.exp(random.normal(0, 0.02)), payload=f"bytes:{n + 1}"), "flags": ["sentinel"], "p99_ns": 20000}
                  for b in range(20) for n in range(4)]
        cells = grouping.group(results(trials))
        self.assertEqual([[]] * 4, [c.flags for c in cells.values()])
        told = " ".join(noise.conditions(cells))
        self.assertIn("before 100 % of the trials", told)
        self.assertIn("of 4 of 4 cells", told)

    def test_no_flag_without_an_interval(self):
        random = np.random.default_rng(3)
        cells = grouping.group(results([trial(b, 0, 1000 * np.exp(random.normal(0, 1))) for b in range(stats.FEWEST_BLOCKS - 1)]))
        self.assertEqual([[]], [c.flags for c in cells.values()])

    def test_two_modes_of_sleeping(self):
        trials = [{**trial(b, 0, 1000), "voluntary_switches_per_message": 2.0 * (b % 2)} for b in range(20)]
        flags, = (c.flags for c in grouping.group(results(trials)).values())
        self.assertEqual(["modes"], [f.split(":")[0] for f in flags])


class Resolves(unittest.TestCase):
    """A family whose A/A pair differs by 10 % cannot tell 8 % apart, whatever the interval of these says."""

    def cells(self, twin):
        kinds = [(1000, {}), (1000 * twin, {"arm": "aa"}), (1080, {"transport": "unix"}), (2000, {"transport": "tcp"})]
        return grouping.group(results([trial(b, n, p50 * (1 + 0.001 * (b % 3)), **axes) for b in range(20) for n, (p50, axes) in enumerate(kinds)]))

    def test_a_differing_pair_flags_nobody(self):
        cells = self.cells(1.1)
        self.assertEqual([[]] * 4, [c.flags for c in cells.values()])
        self.assertAlmostEqual(0.10, cells.resolution(cells.values()).share, delta=0.01)

    def test_it_is_told_beside_comparisons(self):
        cells = self.cells(1.1)
        for name in ("short", "transport", "belief"):
            (_, _, sentences), = answers.sections(cells, (name,))
            self.assertIn("ifferences below 10 % cannot be resolved here", sentences[0], name)
        self.assertEqual("", words.resolved(grouping.group(results([trial(0, 0, 1)])), []))

    def test_what_it_cannot_resolve_is_a_tie(self):
        for twin, best in ((1.1, "**shm** (not clearly ahead of unix)"), (1.0, "**shm**:")):
            (_, _, sentences), = answers.sections(self.cells(twin), ("transport",))
            self.assertIn(best, sentences[0])

    def test_a_comparison_across_families_has_the_coarser(self):
        trials = [{**trial(b, n, p50, **axes), "family": family} for b in range(8) for n, (family, p50, axes) in enumerate((
            ("f", 1000, {}), ("f", 1050, {"arm": "aa"}), ("g", 1000, {"transport": "unix"}), ("g", 1200, {"transport": "unix", "arm": "aa"})))]
        cells = grouping.group(results(trials))
        self.assertEqual([5, 20, 20], [round(100 * cells.resolution(compared).share) for compared in (
            grouping.find(cells, transport="shm"), grouping.find(cells, transport="unix"), grouping.find(cells))])


if __name__ == "__main__":
    unittest.main()
