"""What troubles a figure: the cell's own trouble, which is flagged, and what no figure beside it can resolve, which is told with every
comparison.

A flag must discriminate: cells that bear one are those that would come out otherwise if they were measured again. What was found
when the sessions of published runs were held against each other (docs/method.md): the width of a cell's own interval tells that, and
so does, where there are two sessions, their difference. Tails and lost processor time say nothing of it; they are the machine's, and told once.
"""
import math

import numpy as np

import load
import stats

WIDE = math.log(1.12)  # half-width of a cell's own interval; as all of these, a logarithm
APART = math.log(1.2)  # estimates of two sessions
DRIFT_MAX = 1.2       # of a control, from the first third of a run's blocks to the last
MODES_GAP = 0.25      # sleeps per message


def percent(share):
    return f"{100 * share:.0f} %"


# ---- the cell's own trouble ----

def half_width(ratio):
    """Of an interval, in logarithms; NaN without one."""
    return (math.log(ratio.high) - math.log(ratio.low)) / 2 if ratio.has_interval else math.nan


def by_run(blocks):
    """[block values of one run (session)], in order."""
    runs = {}
    for (run, _), value in sorted(blocks.items()):
        runs.setdefault(run, []).append(value)
    return list(runs.values())


def to_one(values):
    return stats.ratio(values, np.ones(len(values)))


def sessions_apart(blocks):
    """By how much the sessions' estimates differ at most, as a logarithm; 0 for one session or for few blocks."""
    estimates = [math.log(to_one(values).estimate) for values in by_run(blocks) if len(values) >= stats.FEWEST_BLOCKS]
    return max(estimates) - min(estimates) if len(estimates) > 1 else 0.0


def two_modes(cell):
    """Do the trials' sleeps per message fall into two groups, far apart, each with a fifth of the trials or more?"""
    values = sorted(t["voluntary_switches_per_message"] for t in cell.trials
                    if t.get("voluntary_switches_per_message") is not None)
    fewest = max(2, len(values) // 5)
    if len(values) < 2 * fewest:
        return False
    gap, at = max((values[i] - values[i - 1], i) for i in range(fewest, len(values) - fewest + 1))
    return gap > MODES_GAP and gap > 2 * max(values[at - 1] - values[0], values[-1] - values[at])


def flags(cell):
    """Texts, each with its kind in front of a colon."""
    found = []
    blocks = cell.blocks("p50_ns")
    apart = sessions_apart(blocks)
    if apart > APART:
        found.append(f"sessions: their estimates differ by {percent(math.expm1(apart))}")
    wide = half_width(cell.interval("p50_ns")) if blocks else math.nan
    if wide > WIDE:
        found.append(f"wide: known to ±{percent(math.expm1(wide))} only; more blocks would tell (run --until)")
    if two_modes(cell):
        found.append("modes: sleeps per message split into two modes; the estimate lies in one of them or between")
    return found


# ---- what a family resolves ----

class Resolution:
    """Of a family: which differences its A/A pair came out with, though there were none."""

    def __init__(self, ratio):
        self.low, self.high = ratio.low, ratio.high
        self.log = max(abs(math.log(ratio.low)), abs(math.log(ratio.high)))

    @property
    def share(self):
        """Differences below this cannot be resolved: 0.08 for 8 %."""
        return math.expm1(self.log)

    @property
    def text(self):
        return f"differences below {percent(max(self.share, 0.01))} cannot be resolved here"


def families(cell):
    return {t["family"] for t in cell.trials if "family" in t}


def resolutions(cells):
    """family → its Resolution, from the interval of its A/A pair: identical arms, which differ by chance alone. No entry where there is no pair,
    or too few blocks for an interval."""
    found = {}
    for cell in cells.values():
        twin = cells.get(load.cell_key({**cell.axes, "arm": ""})) if cell.axes.get("arm") == "aa" else None
        for family in families(cell) if twin else ():
            ours, theirs = stats.paired(cell.blocks("p50_ns", {family}), twin.blocks("p50_ns", {family}))
            if len(ours) >= stats.FEWEST_BLOCKS:
                found[family] = Resolution(stats.ratio(ours, theirs))
    return found


def resolution(known, compared):
    """Of a comparison of cells: the coarsest of the families that hold them; None where none is known."""
    held = [known[family] for cell in compared for family in families(cell) if family in known]
    return max(held, key=lambda r: r.log, default=None)


# ---- the machine ----

def drift(cell):
    """Ratio, at least 1, of the medians over the first and the last third of a run's blocks; the largest of all runs."""
    worst = 1.0
    for values in by_run(cell.blocks("p50_ns")):
        third = len(values) // 3
        if third >= 2:
            first, last = float(np.median(values[:third])), float(np.median(values[-third:]))
            worst = max(worst, first / last, last / first)
    return worst


def tailed(cell):
    """Is p99 over ten times p50 in over a quarter of the trials?"""
    tails = [t for t in cell.trials if t.get("p99_ns") and t.get("p50_ns") and t["p99_ns"] > 10 * t["p50_ns"]]
    return len(tails) > len(cell.trials) / 4


def conditions(cells):
    """What the machine did to all cells, in sentences: context, of which no cell is the cause."""
    measured = [c for c in cells.values() if c.trials]
    trials = [t for c in measured for t in c.trials]
    lost = [t for t in trials if "sentinel" in t.get("flags", [])]
    tails = [c for c in measured if tailed(c)]
    drifted = [drift(c) for c in measured if c.is_raw and drift(c) > DRIFT_MAX]
    lines = []
    if lost:
        lines.append(f"The processors were taken away for over 2 % of the 5 ms before {percent(len(lost) / len(trials))} of the trials.")
    if tails:
        lines.append(f"p99 is over ten times p50 in over a quarter of the trials of {len(tails)} of {len(measured)} cells.")
    if drifted:
        lines.append(f"From the first third of a session's blocks to the last {len(drifted)} of the bare controls moved by over "
                     f"{percent(DRIFT_MAX - 1)}, at most by {percent(max(drifted) - 1)}.")
    return lines
