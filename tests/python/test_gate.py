"""The laboratory's statistics on simulated blocks: how often chance alone is called a difference, and how often one is found.

Noise is that of a shared virtual machine: each block has a shift of its own, which both arms share, and each trial a noise
with heavy tails (Student's t with 4 degrees of freedom) of 5 % standard deviation. Seeds are fixed: the same every time.
"""
import itertools
import os
import sys
import unittest

import numpy as np

FOLDER = os.environ.get("CORPS_REPORT") or os.path.join(os.path.dirname(__file__), "..", "..", "experiments", "report")
sys.path.insert(0, FOLDER)
import compare  # noqa: E402
import stats  # noqa: E402

NOISE = 0.05


def arm(random, blocks, shift, effect=1.0):
    """block → p50 of one arm."""
    noise = random.standard_t(4, blocks) / np.sqrt(2) * NOISE  # its variance is 2
    return dict(enumerate(effect * np.exp(shift + noise)))


class FakeCell:
    def __init__(self, name, blocks):
        self.text, self.trials, self.values, self.is_raw = name, [1], blocks, False

    def blocks(self, _field):
        return self.values


class FakeSide:
    machines, kind = {"m"}, {}

    def __init__(self, cells, half_width):
        self.cells, self.half_width = cells, half_width


def family(random, cells, blocks, effects):
    """Two sides of a family measured interleaved; effects: number of the cell → factor of the second side. The A/A pair
    gives the half-width, as in a run."""
    shift = random.normal(0, 0.1, blocks)
    aa = stats.ratio(list(arm(random, blocks, shift).values()), list(arm(random, blocks, shift).values()))
    half = (np.log(aa.high) - np.log(aa.low)) / 2
    first = {i: FakeCell(str(i), arm(random, blocks, shift)) for i in range(cells)}
    second = {i: FakeCell(str(i), arm(random, blocks, shift, effects.get(i, 1.0))) for i in range(cells)}
    return FakeSide(first, half), FakeSide(second, half)


class SignedRanks(unittest.TestCase):
    def counted(self, differences):
        """The p-value by its definition: over every way to give the differences that are not zero their signs."""
        size = np.abs(differences)
        ranks = np.array([np.mean([position + 1 for position, s in enumerate(sorted(size)) if s == d]) for d in size])
        moving = ranks[differences != 0]
        sums = [np.sum(moving[np.array(signs, dtype=bool)]) for signs in itertools.product((0, 1), repeat=len(moving))]
        seen = np.sum(ranks[differences > 0])
        return np.mean(np.abs(np.array(sums) - moving.sum() / 2) >= abs(seen - moving.sum() / 2))

    def test_the_p_value_is_the_counted_one(self):
        random = np.random.default_rng(7)
        for n in (1, 3, 6, 9, 12):
            for differences in (random.normal(0.3, 1, n), random.integers(-3, 4, n).astype(float), np.full(n, 0.5), np.zeros(n)):  # also ties and zeros
                with self.subTest(differences=list(differences)):
                    self.assertAlmostEqual(self.counted(differences), stats.signed_rank_p(differences), places=12)

    def test_the_smallest_one(self):
        for n in (6, 20, 120):
            self.assertAlmostEqual(1.0, stats.signed_rank_p(np.arange(1.0, n + 1)) / stats.smallest_p(n))

    def test_the_interval_and_the_p_value_agree(self):
        """Without ties, 1 is outside of the 95 % interval just where p is 5 % at most."""
        random = np.random.default_rng(8)
        seen = set()
        for _ in range(300):
            r = stats.ratio(np.exp(random.normal(0.4, 1, 15)), np.ones(15))
            seen.add(r.excludes_one())
            self.assertEqual(r.excludes_one(), r.p_value <= 0.05)
        self.assertEqual({True, False}, seen)


class Intervals(unittest.TestCase):
    def test_identical_arms_differ_in_five_percent_at_most(self):
        random = np.random.default_rng(2024)
        for blocks in (10, 20, 30):
            pairs = 2000
            wrong = 0
            for _ in range(pairs):
                shift = random.normal(0, 0.1, blocks)
                a, b = arm(random, blocks, shift), arm(random, blocks, shift)
                wrong += stats.ratio(list(a.values()), list(b.values())).excludes_one()
            self.assertLessEqual(wrong / pairs, 0.05 + 2 * np.sqrt(0.05 * 0.95 / pairs), blocks)  # and what chance allows

    def test_ten_percent_are_found_in_twenty_blocks(self):
        random = np.random.default_rng(2025)
        found, pairs = 0, 1000
        for _ in range(pairs):
            shift = random.normal(0, 0.1, 20)
            a, b = arm(random, 20, shift, 1.1), arm(random, 20, shift)
            found += stats.ratio(list(a.values()), list(b.values())).excludes_one()
        self.assertGreaterEqual(found / pairs, 0.90)

    def test_the_interval_covers_the_true_ratio(self):
        random = np.random.default_rng(2026)
        covered, pairs = 0, 1000
        for _ in range(pairs):
            shift = random.normal(0, 0.1, 20)
            r = stats.ratio(list(arm(random, 20, shift, 1.3).values()), list(arm(random, 20, shift).values()))
            covered += r.low <= 1.3 <= r.high
        self.assertGreaterEqual(covered / pairs, 0.93)


class Gate(unittest.TestCase):
    """compare's verdict over a whole family."""

    def test_a_family_of_identical_arms_is_a_tie(self):
        random = np.random.default_rng(1)
        verdicts = [compare.compare(*family(random, 40, 20, {}), same_blocks=True)[1] for _ in range(200)]
        self.assertLessEqual(verdicts.count(1), 10)  # 5 % of 200
        self.assertEqual(verdicts.count(2), 0)

    def test_ten_percent_in_one_cell_of_eight(self):
        random = np.random.default_rng(2)
        verdicts = []
        for _ in range(200):
            lines, verdict = compare.compare(*family(random, 8, 20, {3: 1.1}), same_blocks=True)
            verdicts.append(verdict == 1 and any("SLOWER" in line and line.endswith(" 3") for line in lines))
        self.assertGreaterEqual(sum(verdicts), 160)  # beyond the interval, the effect must exceed twice the A/A half-width

    def test_a_gate_lets_what_is_faster_pass(self):
        random = np.random.default_rng(2)
        passed, stopped = 0, 0
        for _ in range(20):
            lines, verdict = compare.compare(*family(random, 8, 20, {3: 1 / 1.1}), same_blocks=True, gate=True)
            passed += verdict == compare.TIE and lines[-1].endswith("1 are faster")
            stopped += compare.compare(*family(random, 8, 20, {3: 1.1}), same_blocks=True, gate=True)[1] == compare.DIFFERENT
        self.assertGreaterEqual(passed, 15)
        self.assertGreaterEqual(stopped, 15)

    def test_two_percent_are_not_called(self):
        random = np.random.default_rng(3)
        verdicts = [compare.compare(*family(random, 8, 20, {3: 1.02}), same_blocks=True)[1] for _ in range(200)]
        self.assertLessEqual(verdicts.count(1), 4)

    def test_too_few_blocks_for_so_many_cells_is_no_answer(self):
        random = np.random.default_rng(4)
        self.assertEqual(compare.INCONCLUSIVE, compare.compare(*family(random, 40, 8, {}), same_blocks=True)[1])


class Neighbours(unittest.TestCase):
    """A machine that others disturb: three trials of five are slower by half, as seen on the reference machine. 120 blocks, as in aa.yaml."""

    @staticmethod
    def disturbed(random, effect=1.0):
        slow = np.where(random.random(120) < 0.6, 1.45, 1.0)
        return dict(enumerate(effect * slow * np.exp(random.normal(0, 0.03, 120))))

    def verdicts(self, seed, effect):
        random = np.random.default_rng(seed)
        found = []
        for _ in range(100):
            aa = stats.ratio(*compare.grouped(list(self.disturbed(random).values()), list(self.disturbed(random).values())))
            half = (np.log(aa.high) - np.log(aa.low)) / 2
            first = {i: FakeCell(str(i), self.disturbed(random)) for i in range(2)}
            second = {i: FakeCell(str(i), self.disturbed(random, effect if i == 0 else 1.0)) for i in range(2)}
            found.append(compare.compare(FakeSide(first, half), FakeSide(second, half), same_blocks=True)[1])
        return found

    def test_identical_arms_tie(self):
        self.assertLessEqual(self.verdicts(11, 1.0).count(1), 5)

    def test_ten_percent_are_found(self):
        self.assertGreaterEqual(self.verdicts(12, 1.1).count(1), 85)

    def test_a_gate_lets_what_is_faster_pass(self):
        random = np.random.default_rng(2)
        passed, stopped = 0, 0
        for _ in range(20):
            lines, verdict = compare.compare(*family(random, 8, 20, {3: 1 / 1.1}), same_blocks=True, gate=True)
            passed += verdict == compare.TIE and lines[-1].endswith("1 are faster")
            stopped += compare.compare(*family(random, 8, 20, {3: 1.1}), same_blocks=True, gate=True)[1] == compare.DIFFERENT
        self.assertGreaterEqual(passed, 15)
        self.assertGreaterEqual(stopped, 15)

    def test_two_percent_are_not_called(self):
        self.assertLessEqual(self.verdicts(13, 1.02).count(1), 5)

    def test_groups(self):
        self.assertEqual(([1, 1, 5], [2, 4, 6]), tuple(map(list, compare.grouped([1, 1, 5], [2, 4, 6]))))
        before, after = compare.grouped(list(range(1, 37)), list(range(101, 137)))
        self.assertEqual((12, [1, 4], [101, 104]), (len(before), before[:2], after[:2]))
        self.assertEqual(([], []), compare.grouped([], []))


class Winners(unittest.TestCase):
    def test_identical_rivals_tie(self):
        random = np.random.default_rng(5)
        for _ in range(100):
            shift = random.normal(0, 0.1, 20)
            values = {name: arm(random, 20, shift) for name in "abcd"}
            best, tied = stats.winners(values)
            self.assertEqual(set("abcd") - {best}, set(tied))

    def test_a_clear_winner_wins(self):
        random = np.random.default_rng(6)
        wins = 0
        for _ in range(100):
            shift = random.normal(0, 0.1, 20)
            values = {name: arm(random, 20, shift, effect) for name, effect in (("a", 1.0), ("b", 1.2), ("c", 2.0))}
            wins += stats.winners(values) == ("a", [])
        self.assertGreaterEqual(wins, 95)


if __name__ == "__main__":
    unittest.main()
