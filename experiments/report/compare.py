"""corps-lab compare: is B slower or faster than A, cell by cell?

    corps-lab compare A.jsonl B.jsonl      two results files of one machine, blocks paired in order
    corps-lab compare FILE.jsonl           the two arms of one file (run --against, or a matrix with arms: 2)
    corps-lab compare REV_A REV_B          two git revisions: both are built, and measured cell by cell in the same blocks

From 24 blocks on, groups of blocks are compared by the fastest of each: see grouped().

The rows with the largest differences stand last, and the verdict below them.

Exit status: 0 no difference that counts; 1 some cell's interval excludes 1 (after Holm's correction over the cells) and its
effect exceeds max(5 %, 2 × the A/A half-width); 2 wrong usage, files that cannot be read, revisions that cannot be built;
3 inconclusive (too few blocks, nothing in common, different machines).
"""
import argparse
import math
import os
import sys

import cells as grouping
import load
import machines
import program
import revisions
import stats

SMALLEST_EFFECT = 0.05
SIGNIFICANT = 1 - stats.LEVEL
TIE, DIFFERENT, FAILED, INCONCLUSIVE = 0, 1, 2, 3  # exit statuses
GROUPS = 12  # enough for Holm's correction over a hundred cells: the smallest p-value is 2 to the power of -11


def aa_half_width(all_cells):
    """Half the width of the median A/A interval, in logarithms; 0 when there is none. Arms of one cell and block by one
    program: every family has such a pair."""
    widths = []
    for cell in all_cells.values():
        if cell.axes.get("arm") != "aa":
            continue
        twin = all_cells.get(load.cell_key({**cell.axes, "arm": ""}))
        ours, theirs = stats.paired(cell.blocks("p50_ns"), twin.blocks("p50_ns")) if twin else ([], [])
        if len(ours) >= stats.FEWEST_BLOCKS:
            r = stats.ratio(*grouped(ours, theirs))
            widths.append((math.log(r.high) - math.log(r.low)) / 2)
    return sorted(widths)[len(widths) // 2] if widths else 0.0


def grouped(before, after):
    """Paired block values, by groups of consecutive blocks: of each group the fastest of either side.

    What disturbs a trial (a neighbour on the processor's other thread, the hypervisor) only ever makes it slower, often by half, and
    comes and goes within seconds; the fastest of a few trials is that of an undisturbed one (Chen and Revels, Robust benchmarking in
    noisy environments, 2016). So many blocks are better spent on few groups: as many to a group as leave GROUPS of them."""
    size = max(1, len(before) // GROUPS)
    count = len(before) // size
    return ([min(before[i * size:(i + 1) * size]) for i in range(count)], [min(after[i * size:(i + 1) * size]) for i in range(count)])


def by_number(blocks):
    """Block values by the block's number alone: two runs' blocks are paired in order."""
    return {block: value for (_, block), value in blocks.items()}


class Side:
    """The cells of one side: key without the arm → Cell."""

    def __init__(self, results, cells, arm=""):
        self.machines = {r.get("fingerprint", {}).get("machine") for r in results.runs}
        self.kind = machines.figures(results, cells)
        self.half_width = aa_half_width(cells)
        self.cells = {load.cell_key({**c.axes, "arm": ""}): c for c in cells.values() if c.axes.get("arm", "") == arm}


def pairs(a, b, same_blocks):
    """([(Ratio, text)], [what is on one side only])."""
    rows, lines = [], []
    for key, ours in a.cells.items():
        other = b.cells.get(key)
        if other is None or not other.trials or not ours.trials:
            lines.append(f"only one side has figures for {ours.text}")
            continue
        before, after = ours.blocks("p50_ns"), other.blocks("p50_ns")
        if not same_blocks:
            before, after = by_number(before), by_number(after)
        before, after = stats.paired(before, after)
        if before:
            before, after = grouped(before, after)
            rows.append((stats.ratio(after, before), ours.text))
        else:
            lines.append(f"no block in common for {ours.text}")
    lines += [f"only the second side has {c.text}" for key, c in b.cells.items() if key not in a.cells]
    return rows, lines


def compare(a, b, same_blocks=False, gate=False):
    """(lines, verdict) with verdict TIE, DIFFERENT or INCONCLUSIVE of two Sides. The last line says the verdict. gate: where B is faster, that is no
    difference."""
    if a.machines != b.machines:
        return [f"inconclusive: the two sides come from different machines: their figures do not compare ({machines.apart_text(a.kind, b.kind)})"], INCONCLUSIVE
    threshold = max(math.log1p(SMALLEST_EFFECT), 2 * max(a.half_width, b.half_width))
    rows, lines = pairs(a, b, same_blocks)
    undecided = len(lines)
    if not rows:
        return lines + ["inconclusive: the two sides have no cell in common"], INCONCLUSIVE
    adjusted = stats.holm([r.p_value if r.has_interval else 1.0 for r, _ in rows])
    different, faster, short = 0, 0, 0
    for (r, name), p_value in sorted(zip(rows, adjusted), key=lambda row: abs(math.log(row[0][0].estimate))):
        interval = f"{r.low:.3f}–{r.high:.3f}" if r.has_interval else "no interval"
        counts = r.excludes_one() and p_value < SIGNIFICANT and abs(math.log(r.estimate)) > threshold
        different += counts and not (gate and r.estimate < 1)
        faster += counts and gate and r.estimate < 1
        # The smallest p-value that so few blocks can give must survive the correction, or nothing could ever be found.
        short += not r.has_interval or stats.smallest_p(r.blocks) * len(rows) >= SIGNIFICANT
        mark = ("SLOWER" if r.estimate > 1 else "FASTER") if counts else ""
        lines.append(f"{r.estimate:7.3f}×  {interval:<13} p {p_value:.3f}  {mark:<7} {name}")
    differ = "are slower" if gate else "differ"
    if different:
        lines.append(f"{different} of {len(rows)} cells {differ} by more than {math.expm1(threshold):.0%} with an interval that "
                     f"excludes 1 (Holm's p below {SIGNIFICANT:.2f})")
        return lines, DIFFERENT
    if short or undecided:
        causes = [f"{short} of {len(rows)} cells have too few blocks in common to find a difference"] if short else []
        causes += [f"{undecided} are on one side only"] if undecided else []
        lines.append(f"inconclusive: {', and '.join(causes)}; measure more blocks of the same cells")
        return lines, INCONCLUSIVE
    if gate:
        lines.append(f"no cell of {len(rows)} is slower by more than {math.expm1(threshold):.0%} with an interval that excludes 1; {faster} are faster")
    else:
        lines.append(f"tie: no cell of {len(rows)} differs by more than {math.expm1(threshold):.0%} with an interval that excludes 1")
    return lines, TIE


def sides(paths):
    """(a, b, whether their blocks are the same). Raises load.BadResults."""
    if len(paths) == 2:
        a, b = load.load([paths[0]]), load.load([paths[1]])
        load.warn(a)
        load.warn(b)
        return Side(a, grouping.group(a)), Side(b, grouping.group(b)), False
    results = load.load(paths)
    load.warn(results)
    cells = grouping.group(results)
    if not any(c.axes.get("arm") == "b" for c in cells.values()):
        raise load.BadResults(f"{paths[0]} has one arm only; name two files, or measure with --against")
    # The second arm alone has no controls: leave them out of the first.
    first, second = Side(results, cells), Side(results, cells, "b")
    first.cells = {key: c for key, c in first.cells.items() if key in second.cells or not c.is_raw}
    return first, second, True


def blocks(text):
    if not text.isdigit() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"'{text}' is not a number of blocks; give 1 or more")
    return int(text)


def main():
    parser = program.Parser(
        prog="corps-lab compare", description="Compares two results files, the two arms of one, or two git revisions: p50, B ÷ A.",
        epilog="Exit status: 0 no difference, 1 a difference (with --gate: B is slower), 2 wrong usage or nothing that can be compared, 3 inconclusive: "
        "measure more blocks.")
    parser.add_argument("a", metavar="A", help="results file, or a git revision")
    parser.add_argument("b", metavar="B", nargs="?", help="another; without it, the second arm of A")
    parser.add_argument("--matrix", default="compare.yaml", help="what to measure of two revisions (default: compare.yaml, which comes with the program)")
    parser.add_argument("--blocks", type=blocks, help="how many blocks (default: the matrix's)")
    parser.add_argument("--only", action="append", default=[], metavar="K=V", help="only cells with this value; may be repeated")
    parser.add_argument("--gate", action="store_true", help="for who gates a change: it is no difference where B is faster")
    parser.add_argument("--out", help="where the results of two revisions go (default: results/…)")
    args = parser.parse_args()
    paths = [args.a] + ([args.b] if args.b else [])
    try:
        if len(paths) == 2 and not any(os.path.exists(path) for path in paths):
            paths = [revisions.measure(args)]
        lines, verdict = compare(*sides(paths), gate=args.gate)
    except (load.BadResults, revisions.Failed) as error:
        print(f"corps-lab compare: {error}", file=sys.stderr)
        return FAILED
    print("\n".join(lines))
    return verdict


if __name__ == "__main__":
    program.run("compare", main)
