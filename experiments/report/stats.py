"""Statistics over blocks.

The unit of inference is the block, never the message: messages of one trial share its processes, its processor's mood
and its neighbours. Two cells are compared within each block, d_b = ln(cell_b / reference_b). The estimate is the
Hodges-Lehmann median of the Walsh averages (d_i + d_j) / 2, and the 95 % interval comes from inverting the Wilcoxon
signed-rank test over the same averages (Hollander, Wolfe, Chicken, Nonparametric Statistical Methods, 3.1-3.3). Blocks of
two runs have no partners; there the two-sample forms are used (Mann-Whitney, ibid. 4.1-4.3).

Everything here takes and gives natural logarithms, except Estimate, which holds ratios.
"""

import dataclasses
import math
import statistics

import numpy as np

LEVEL = 0.95
NORMAL = statistics.NormalDist()
# With fewer, even a reference that loses every single block gives p > 0.05 (2 / 2^5), so that no interval exists.
MIN_BLOCKS = 6
# Largest samples whose distributions are counted out; beyond, the normal approximation is good to three digits.
EXACT_PAIRS = 50
EXACT_SUM = 40


@dataclasses.dataclass(frozen=True)
class Estimate:
    """A ratio with its bounds. Where blocks are too few for an interval, the bounds are those over the blocks."""

    ratio: float
    low: float
    high: float
    count: int  # blocks, or the smaller of two counts
    is_interval: bool  # False: low and high are the range over blocks
    p: float  # of ratio = 1, two-sided; nan without an interval

    def excludes_one(self):
        return self.is_interval and (self.low > 1 or self.high < 1)

    def half_width(self):
        """In logarithms: 0.05 means about ±5 %."""
        return math.log(self.high / self.low) / 2

    def inverse(self):
        return Estimate(1 / self.ratio, 1 / self.high, 1 / self.low, self.count, self.is_interval, self.p)


def walsh_averages(d):
    d = np.asarray(d, dtype=float)
    i, j = np.triu_indices(len(d))
    return np.sort((d[i] + d[j]) / 2)


def signed_rank_probabilities(n):
    """P(T = 0), P(T = 1), … of Wilcoxon's signed-rank statistic for n pairs, by counting sets of ranks."""
    counts = np.ones(1)
    for rank in range(1, n + 1):
        grown = np.zeros(len(counts) + rank)
        grown[:len(counts)] += counts
        grown[rank:] += counts
        counts = grown / 2
    return counts


def rank_sum_probabilities(n, m):
    """P(U = 0), P(U = 1), … of Mann and Whitney's statistic: the coefficients of the Gaussian binomial."""
    counts = [1]
    for i in range(1, n + 1):
        for step, sign in ((m + i, -1), (i, 1)):  # times (1 - x^(m+i)), then divided by (1 - x^i)
            if sign < 0:
                counts = counts + [0] * step
                for at in range(len(counts) - 1, step - 1, -1):
                    counts[at] -= counts[at - step]
            else:
                for at in range(step, len(counts)):
                    counts[at] += counts[at - step]
                del counts[n * m + 1:]
    counts = np.array((counts + [0] * (n * m + 1))[:n * m + 1], dtype=float)
    return counts / math.comb(n + m, n)


def interval_of(averages, probabilities, mean, deviation):
    """The interval and p that a rank test with this null distribution gives over its sorted averages, as
    (low, high, p); None when there are too few. `probabilities` is None where the normal approximation serves."""
    alpha = (1 - LEVEL) / 2
    if probabilities is not None:
        below = np.cumsum(probabilities)
        cut = int(np.searchsorted(below, alpha, side="right"))  # number of k with P(T <= k) <= alpha
    else:
        cut = int(math.floor(mean - NORMAL.inv_cdf(1 - alpha) * deviation))
    if cut < 1:
        return None
    # The statistic is the number of averages above zero; one that is zero counts for neither side.
    t = min(np.count_nonzero(averages > 0), np.count_nonzero(averages < 0)) + np.count_nonzero(averages == 0) / 2
    if probabilities is not None:
        p = 2 * float(below[int(t)])
    else:
        p = 2 * NORMAL.cdf((t - mean + 0.5) / deviation)
    return float(averages[cut - 1]), float(averages[-cut]), min(1.0, p)


def make_estimate(center, interval, low, high, count):
    is_interval = interval is not None
    low, high, p = interval if is_interval else (low, high, math.nan)
    return Estimate(math.exp(center), math.exp(low), math.exp(high), count, is_interval, p)


def paired(d):
    """Estimate from logarithms of ratios, one a block. None without blocks."""
    d = np.asarray(d, dtype=float)
    n = len(d)
    if n == 0:
        return None
    averages = walsh_averages(d)
    total = n * (n + 1) / 2
    deviation = math.sqrt(n * (n + 1) * (2 * n + 1) / 24)
    probabilities = signed_rank_probabilities(n) if n <= EXACT_PAIRS else None
    interval = interval_of(averages, probabilities, total / 2, deviation) if n >= MIN_BLOCKS else None
    return make_estimate(float(np.median(averages)), interval, d.min(), d.max(), n)


def unpaired(a, b):
    """Estimate of b / a from the logarithms of two independent samples. None when one is empty."""
    a, b = np.asarray(a, dtype=float), np.asarray(b, dtype=float)
    n, m = len(a), len(b)
    if n == 0 or m == 0:
        return None
    differences = np.sort(np.subtract.outer(b, a).ravel())
    deviation = math.sqrt(n * m * (n + m + 1) / 12)
    probabilities = rank_sum_probabilities(n, m) if n + m <= EXACT_SUM else None
    interval = interval_of(differences, probabilities, n * m / 2, deviation)
    return make_estimate(float(np.median(differences)), interval, differences[0], differences[-1], min(n, m))


def holm(p):
    """Holm's step-down correction: adjusted values in the order given; nan stays nan and counts for nothing."""
    p = np.asarray(p, dtype=float)
    adjusted = np.full(len(p), math.nan)
    known = np.flatnonzero(~np.isnan(p))
    order = known[np.argsort(p[known], kind="stable")]
    highest = 0.0
    for step, index in enumerate(order):
        highest = max(highest, min(1.0, (len(order) - step) * p[index]))
        adjusted[index] = highest
    return adjusted


def median_deviation(d):
    """Median absolute deviation, unscaled."""
    d = np.asarray(d, dtype=float)
    return float(np.median(np.abs(d - np.median(d)))) if len(d) else 0.0
