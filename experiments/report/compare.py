"""corps-lab compare A B: is B slower or faster than A, cell by cell?

Exit status: 0 no difference that counts; 1 some cell's interval excludes 1 and its effect exceeds max(5 %, 2 × the A/A
half-width); 2 inconclusive (too few blocks, nothing in common, or different machines). Usage errors are 2 as well.
"""
import argparse
import math
import sys

import cells as grouping
import load
import stats

SMALLEST_EFFECT = 0.05


def aa_half_width(all_cells):
    """Half the width of the widest A/A interval, in logarithms; 0 when there is none."""
    widest = 0.0
    for cell in all_cells.values():
        if cell.axes.get("arm") != "aa":
            continue
        twin = all_cells.get(load.cell_key({**cell.axes, "arm": ""}))
        ours, theirs = stats.paired(cell.blocks("p50_ns"), twin.blocks("p50_ns")) if twin else ([], [])
        if len(ours) >= stats.FEWEST_BLOCKS:
            r = stats.ratio(ours, theirs)
            widest = max(widest, (math.log(r.high) - math.log(r.low)) / 2)
    return widest


def by_number(cell):
    """Block values by the block's number alone: two runs' blocks are paired in order."""
    return {block: value for (_, block), value in cell.blocks("p50_ns").items()}


def machines(results):
    return {r.get("fingerprint", {}).get("machine") for r in results.runs}


def compare(a, b, cells_a, cells_b):
    """(lines, verdict) with verdict 0, 1 or 2."""
    if machines(a) != machines(b):
        return ["the two files come from different machines: their figures do not compare"], 2
    threshold = max(SMALLEST_EFFECT, 2 * max(aa_half_width(cells_a), aa_half_width(cells_b)))
    rows, lines, undecided = [], [], 0
    keys = [k for k, c in cells_a.items() if not c.axes.get("arm")]
    for key in keys:
        ours, other = cells_a[key], cells_b.get(key)
        if other is None or not other.trials or not ours.trials:
            lines.append(f"only one side has figures for {ours.text}")
            undecided += 1
            continue
        before, after = stats.paired(by_number(ours), by_number(other))
        if not before:
            lines.append(f"no block in common for {ours.text}")
            undecided += 1
            continue
        rows.append((stats.ratio(after, before), ours.text))
    for key in [k for k, c in cells_b.items() if k not in cells_a and not c.axes.get("arm")]:
        lines.append(f"only the second file has {cells_b[key].text}")
        undecided += 1
    if not rows:
        return lines + ["the files have no cell in common"], 2
    adjusted = stats.holm([r.p_value if r.has_interval else 1.0 for r, _ in rows])
    different, short = 0, 0
    for (r, name), p_value in sorted(zip(rows, adjusted), key=lambda row: -abs(math.log(row[0][0].estimate))):
        interval = f"{r.low:.3f}–{r.high:.3f}" if r.has_interval else "no interval"
        counts = r.excludes_one() and abs(math.log(r.estimate)) > threshold
        different += counts
        short += not r.has_interval
        mark = ("SLOWER" if r.estimate > 1 else "FASTER") if counts else ""
        lines.append(f"{r.estimate:7.3f}×  {interval:<13} p {p_value:.3f}  {mark:<7} {name}")
    lines.append(f"{different} of {len(rows)} cells differ by more than {math.expm1(threshold):.0%} with an interval that excludes 1")
    if different:
        return lines, 1
    if short or undecided:
        lines.append(f"inconclusive: {short} cells have fewer than {stats.FEWEST_BLOCKS} blocks in common, {undecided} are on one "
                     f"side only; measure more blocks")
        return lines, 2
    return lines, 0


def main():
    parser = argparse.ArgumentParser(prog="corps-lab compare",
                                     description="Compares two results files of one machine, cell by cell (p50, B ÷ A).",
                                     epilog="Exit status: 0 no difference, 1 a difference, 2 inconclusive.")
    parser.add_argument("a", metavar="A", help="results before")
    parser.add_argument("b", metavar="B", help="results after")
    args = parser.parse_args()
    try:
        a, b = load.load([args.a]), load.load([args.b])
    except load.BadResults as error:
        print(f"corps-lab compare: {error}", file=sys.stderr)
        return 2
    load.warn(a)
    load.warn(b)
    lines, verdict = compare(a, b, grouping.group(a), grouping.group(b))
    print("\n".join(lines))
    return verdict


if __name__ == "__main__":
    sys.exit(main())
