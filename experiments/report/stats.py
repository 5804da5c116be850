"""Statistics over blocks: the unit of inference is the block, never the message.

For a cell against a reference, d_b = ln(cell_b / reference_b). The estimate is Hodges and Lehmann's (the median of the Walsh
averages), the interval that of Wilcoxon's signed-rank test at 95 % by its exact distribution; exponentiated. The distribution and Holm's
procedure are written out here: scipy, which has the first, takes 143 MB and a second to import; statsmodels, which has the second, needs scipy and pandas.
Sources: Hollander, Wolfe, Chicken, Nonparametric Statistical Methods, chapter 3; Holm 1979.
"""
import functools
import math

import numpy as np

LEVEL = 0.95
WINNER_BELOW = 0.95  # a winner's upper bound against every rival
P99_BLOCKS = 20      # before that a p99 is a hint
FEWEST_BLOCKS = 6    # with fewer, no signed-rank interval at 95 % exists


class Ratio:
    """An estimate of cell / reference with its interval; low and high are NaN when there are too few blocks."""

    def __init__(self, estimate, low, high, differences):
        self.estimate, self.low, self.high, self.blocks, self.differences = estimate, low, high, len(differences), differences

    @functools.cached_property
    def p_value(self):
        """Of Wilcoxon's test, two-sided; NaN without an interval."""
        return signed_rank_p(self.differences) if self.has_interval else math.nan

    @property
    def has_interval(self):
        return not math.isnan(self.low)

    def excludes_one(self):
        return self.has_interval and (self.low > 1 or self.high < 1)


def walsh_averages(differences):
    """(d_i + d_j) / 2 for i ≤ j, sorted."""
    d = np.asarray(differences, dtype=float)
    i, j = np.triu_indices(len(d))
    return np.sort((d[i] + d[j]) / 2)


def signed_rank_distribution(ranks):
    """P(W = k) for k from 0 to the sum of `ranks` (positive whole numbers): W is a sum of ranks, each in or out with probability one half."""
    chances = np.zeros(int(sum(ranks)) + 1)
    chances[0] = 1.0
    for rank in ranks:
        shifted = np.zeros_like(chances)
        shifted[rank:] = chances[:-rank]
        chances = (chances + shifted) / 2
    return chances


@functools.lru_cache(maxsize=None)
def signed_rank_quantile(n, tail):
    """The largest k with P(W ≤ k) ≤ tail under the hypothesis, for n differences; −1 when there is none."""
    return int(np.searchsorted(np.cumsum(signed_rank_distribution(range(1, n + 1))), tail, side="right")) - 1


def signed_rank_p(differences):
    """The exact two-sided p-value of Wilcoxon's signed-rank test. Equal absolute values share their mean rank; zeros are ranked with the
    others and count half on either side (Pratt 1959), so that they leave the distribution to the rest."""
    d = np.asarray(differences, dtype=float)
    _, place, counts = np.unique(np.abs(d), return_inverse=True, return_counts=True)
    doubled = (2 * np.cumsum(counts) - counts + 1)[place]  # twice the mean rank, a whole number
    chances, middle = signed_rank_distribution(doubled[d != 0]), doubled[d != 0].sum() / 2
    away = np.abs(np.arange(len(chances)) - middle)
    return float(min(1.0, chances[away >= abs(doubled[d > 0].sum() - middle)].sum()))


def ratio(cell, reference, level=LEVEL):
    """Ratio of paired block values (equal lengths, positive), with its interval at this level."""
    cell, reference = np.asarray(cell, dtype=float), np.asarray(reference, dtype=float)
    d = np.log(cell) - np.log(reference)
    n = len(d)
    walsh = walsh_averages(d)
    estimate = math.exp(float(np.median(walsh)))
    k = signed_rank_quantile(n, (1 - level) / 2) if n >= FEWEST_BLOCKS else -1
    if k < 0:
        return Ratio(estimate, math.nan, math.nan, d)
    return Ratio(estimate, math.exp(float(walsh[k])), math.exp(float(walsh[len(walsh) - 1 - k])), d)


def estimate(values):
    """Of one figure over blocks."""
    return ratio(values, np.ones(len(values))).estimate


def smallest_p(blocks):
    """The smallest two-sided p-value that so many differences can give: all of one sign."""
    return 2.0 ** (1 - blocks) if blocks > 0 else 1.0


def holm(p_values):
    """Holm's adjusted p-values, in the order given."""
    p = np.asarray(p_values, dtype=float)
    order = np.argsort(p)
    adjusted = np.empty(len(p))
    running = 0.0
    for position, index in enumerate(order):
        running = max(running, min(1.0, (len(p) - position) * p[index]))
        adjusted[index] = running
    return adjusted


def mad(values):
    """Median absolute deviation from the median."""
    values = np.asarray(values, dtype=float)
    return float(np.median(np.abs(values - np.median(values))))


def paired(blocks_a, blocks_b):
    """Two dicts block → value as two lists over the blocks that both have."""
    common = sorted(set(blocks_a) & set(blocks_b))
    return [blocks_a[b] for b in common], [blocks_b[b] for b in common]


def winners(values, resolution=0.0):
    """values: name → {block → cost}. (best, names tied with it): the best by its estimate and everybody whose interval against it does
    not show that the best is below WINNER_BELOW of it, or who is nearer than identical arms were to each other (resolution, a
    logarithm). With too few blocks for an interval everybody within 5 % of the best in every block counts as tied."""
    best = min(values, key=lambda name: estimate(list(values[name].values())))
    tied = []
    for name in values:
        if name == best:
            continue
        ours, theirs = paired(values[best], values[name])
        if not ours:
            continue
        r = ratio(ours, theirs)
        clear = r.high < WINNER_BELOW if r.has_interval else max(a / b for a, b in zip(ours, theirs)) < WINNER_BELOW
        clear = clear and -math.log(r.estimate) > resolution
        if not clear:
            tied.append(name)
    return best, tied
