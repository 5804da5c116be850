"""Which cells of a run with --until are known, and why: corps-lab run asks before it adds blocks, and readers are told.

    until.py FILE      prints "ORDER FAMILY" of each cell that needs no more blocks, by its place in block 0

A cell is known when the interval of its ratio to the family's first cell is narrow enough, or *decided* when it wins or loses clearly against every rival that differs
from it in the transport or the serializer alone. Since a run looks several times, a decision must hold at a stricter level than a reader's.
"""
import math
import sys

import cells as grouping
import load
import noise
import program
import stats
import words

FIRST, EVERY = 10, 5      # blocks before the first look, and between looks; as in experiments/run/run.h
DECIDED_LEVEL = 0.995
RIVALS_DIFFER_IN = ("transport", "serializer")


def percent(share):
    return f"{100 * share:.1f} %"


class Family:
    """Cells of a family, with the blocks that they have there."""

    def __init__(self, name, members):
        self.name, self.members = name, members
        self.blocks = {c: c.blocks("p50_ns", {name}) for c in members}
        twins = [c for c in members if c.axes.get("arm") == "aa"]
        self.first = next((c for c in members for t in twins if load.cell_key({**t.axes, "arm": ""}) == load.cell_key(c.axes)), None)

    def ratio(self, ours, theirs, level=stats.LEVEL):
        a, b = stats.paired(self.blocks[ours], self.blocks[theirs])
        return stats.ratio(a, b, level) if a else None

    def rivals(self, cell, axis):
        same = words.otherwise(cell, axis, "size_bytes")
        return [c for c in self.members if c is not cell and not c.is_raw and len(self.blocks[c]) >= FIRST
                and words.otherwise(c, axis, "size_bytes") == same]

    def decision(self, cell):
        """In words, or None: not decided, or no rival."""
        found = []
        for axis in RIVALS_DIFFER_IN if not cell.is_raw else ():
            rivals = self.rivals(cell, axis)
            if not rivals:
                continue
            best = min(rivals + [cell], key=lambda c: stats.estimate(list(self.blocks[c].values())))
            beaten = [self.ratio(best, c, DECIDED_LEVEL) for c in (rivals if best is cell else [cell])]
            if not all(r and r.has_interval and r.high < stats.WINNER_BELOW for r in beaten):
                return None
            found.append(f"ahead of every other {axis}" if best is cell else f"behind {best.axes[axis]}")
        return ", ".join(found) or None

    def reason(self, cell, share):
        """Why a cell needs no more blocks; None while it does."""
        count = len(self.blocks[cell])
        if cell.failures and not cell.trials and len({(t["run"], t["block"]) for t in cell.failures}) >= FIRST:
            return "failed in every block"
        if count < FIRST:
            return None
        r = self.ratio(cell, self.first) if self.first else stats.ratio(list(self.blocks[cell].values()), [1.0] * count)
        half = noise.half_width(r) if r else math.nan
        if half <= math.log1p(share):
            return f"known to ±{percent(math.expm1(half))}"
        decided = self.decision(cell)
        return f"decided: {decided}" if decided else None


def families(cells):
    found = {}
    for cell in cells.values():
        for name in {t.get("family") for t in cell.trials + cell.failures}:
            found.setdefault(name, []).append(cell)
    return [Family(name, members) for name, members in found.items()]


def reasons(cells, share):
    """(family, cell's key) → why it needs no more blocks. A family's first cell, to which the others are held, needs them as long as any of those."""
    found = {}
    for family in families(cells):
        of_all = {c: family.reason(c, share) for c in family.members if c is not family.first}
        if family.first and all(of_all.values()):
            of_all[family.first] = "the others of its family are known"
        found.update({(family.name, load.cell_key(c.axes)): why for c, why in of_all.items() if why})
    return found


def endings(cells):
    """[(cell, blocks, why it stopped)] of each family's cells; nothing for a run without --until."""
    known = reasons(cells, cells.until) if cells.until else {}
    found = []
    for family in families(cells) if cells.until else ():
        for cell in sorted((c for c in family.members if not c.is_raw), key=lambda c: c.text):
            count = len(family.blocks[cell])
            open_end = "the bound" if count >= cells.bound else "the run was stopped"
            found.append((cell, count, known.get((family.name, load.cell_key(cell.axes)), open_end)))
    return found


def stops(cells):
    """cell → why it stopped, in every family that it is of."""
    found = {}
    for cell, _, why in endings(cells):
        found.setdefault(cell, dict())[why] = None
    return {cell: "; ".join(whys) for cell, whys in found.items()}


def sentences(cells):
    """Why each cell stopped."""
    return [f"{cell.text}: {count} blocks, {why}." for cell, count, why in endings(cells)]


def main():
    results = load.load(sys.argv[1:])
    cells = grouping.group(results)
    known = reasons(cells, cells.until)
    for trial in results.trials:
        if trial["block"] == 0 and (trial["family"], load.cell_key(trial["cell"])) in known:
            print(trial["order"], trial["family"])
    return 0


if __name__ == "__main__":
    program.run("until", main)
