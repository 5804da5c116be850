"""Are the flags' thresholds more than a fit to the data that they were chosen on? Chosen anew on one machine's published sessions, tried on the other's.

    thresholds.py [RESULTS]     prints, for each pair of machines, what was chosen on one and what it does on the other

Each file with two sessions is the same matrix twice, minutes apart. A cell's half-width is that of its first session alone; it has *moved* when the second session's estimate lies
over noise.APART away. The threshold chosen is that whose share of flagged cells among the moved is farthest above that among the others (Youden's index).
"""
import glob
import math
import os
import sys

import numpy as np

import cells as grouping
import load
import noise
import program

HERE = os.path.dirname(os.path.abspath(__file__))
CANDIDATES = [math.log1p(percent / 100) for percent in range(4, 31)]  # half-widths, as logarithms


def sessions(path):
    """The cells of each session alone."""
    results = load.load([path])
    for run in results.runs:
        alone = load.Results()
        alone.runs, alone.trials = [run], [t for t in results.trials if t["run"] == run["run"]]
        yield grouping.group(alone)


def observed(first, second):
    """[(half-width in the first session, by how much the second came out elsewhere)], both logarithms, of the cells that both have."""
    pairs = []
    for key, cell in first.items():
        ours, theirs = cell.interval("p50_ns"), second[key].interval("p50_ns") if key in second else None
        if ours and theirs and ours.has_interval:
            pairs.append((noise.half_width(ours), abs(math.log(theirs.estimate / ours.estimate))))
    return pairs


def rates(pairs, wide, apart=noise.APART):
    """(flagged, of these moved, others, of these moved)"""
    width, distance = np.array(pairs).T
    flagged, moved = width > wide, distance > apart
    return int(flagged.sum()), int((flagged & moved).sum()), int((~flagged).sum()), int((~flagged & moved).sum())


def index(pairs, wide):
    """Youden's: how much likelier a moved cell is flagged than another."""
    flagged, hits, others, missed = rates(pairs, wide)
    moved, still = hits + missed, flagged + others - hits - missed
    return hits / moved - (flagged - hits) / still if moved and still else 0.0


def chosen(pairs):
    return max(CANDIDATES, key=lambda wide: index(pairs, wide))


def machines(folder):
    """machine → pairs of all of its files with two sessions."""
    found = {}
    for path in sorted(glob.glob(os.path.join(folder, "*", "*.jsonl.gz"))):
        both = list(sessions(path))
        if len(both) == 2:
            found.setdefault(os.path.basename(os.path.dirname(path)), []).extend(observed(*both))
    return found


def line(name, pairs, wide):
    flagged, hits, others, missed = rates(pairs, wide)
    return (f"  on {name}: {flagged} of {flagged + others} flagged, {hits} of these over {noise.percent(math.expm1(noise.APART))} away, {missed} of the {others} others; "
            f"index {index(pairs, wide):.2f}")


def main():
    found = machines(sys.argv[1] if len(sys.argv) > 1 else os.path.join(HERE, "..", "..", "results"))
    for name, pairs in found.items():
        wide = chosen(pairs)
        print(f"chosen on {name}: wide is over ±{noise.percent(math.expm1(wide))}")
        for other, tried in found.items():
            print(line(other, tried, wide))
    print(f"in force: over ±{noise.percent(math.expm1(noise.WIDE))}")
    for name, pairs in found.items():
        print(line(name, pairs, noise.WIDE))
    return 0


if __name__ == "__main__":
    program.run("thresholds", main)
