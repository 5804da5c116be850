"""The limits that a matrix sets: what its cells are meant to reach, and what they reached.

A row is *met* when the whole 95 % interval over blocks lies within its bound, *met, not certain* when only the estimate does,
*missed* when the estimate does not, and *not measured* when a cell has no trial. A ratio is paired by block; where there are
several cells to compare with, the best of each block counts. The interval of an absolute figure is that of its ratio to 1. A row may say
where its bound comes from; why it is missed is for the run's own figures to say (reasons.py). `note`, in files of before, is not shown: it
told of another run.
"""
import load
import reasons
import stats
import words

MET, UNCERTAIN, MISSED, UNMEASURED = "met", "met, not certain", "missed", "not measured"
HIGHER_IS_BETTER = ("messages_per_s", "bytes_per_s")
TEXT = {"p50_ns": words.time_text, "p99_ns": words.time_text, "cpu_ns_per_message": words.time_text,
        "messages_per_s": words.rate_text, "bytes_per_s": lambda v: words.rate_text(v).replace("/s", "B/s"),
        "bytes_each": lambda v: f"{v:.0f} B", "seconds": lambda v: words.time_text(v * 1e9)}


class Limit:
    """One row with its outcome; `reached` is a stats.Ratio, NaN-less only when there was something to measure."""

    def __init__(self, row):
        self.text, self.figure, self.bound = row["row"], row["figure"], row.get("bound", "")
        self.table = row.get("table", "limits")
        self.is_ratio = "against" in row
        self.at_most, self.at_least = row.get("at_most"), row.get("at_least")
        self.reached, self.mark, self.reason = None, UNMEASURED, ""
        self.ours = self.against = None  # estimates over blocks
        self.measured = []  # of a missed row: what else the run measured of its cells (reasons.py)

    def judge(self, reached):
        self.reached = reached
        low, high = (reached.low, reached.high) if reached.has_interval else (None, None)
        if self.at_most is not None:
            within = reached.estimate <= self.at_most
            certain = high is not None and high <= self.at_most
        else:
            within = reached.estimate >= self.at_least
            certain = low is not None and low >= self.at_least
        self.mark = MET if certain else UNCERTAIN if within else MISSED

    def value_text(self, value):
        return f"{value:.2f}×" if self.is_ratio else TEXT[self.figure](value)

    @property
    def bound_text(self):
        return f"≤ {self.value_text(self.at_most)}" if self.at_most is not None else f"≥ {self.value_text(self.at_least)}"

    @property
    def reached_text(self):
        return self.value_text(self.reached.estimate) if self.reached else ""

    @property
    def why(self):
        """Why nothing was measured; or of a missed row where its bound comes from, and what the run measured that may explain it."""
        if self.reason or self.mark != MISSED:
            return self.reason
        return " ".join([f"Bound: {self.bound}."] * bool(self.bound) + self.measured)

    def side_text(self, value):
        return TEXT[self.figure](value) if self.is_ratio and value is not None else ""

    @property
    def interval_text(self):
        r = self.reached
        return f"{self.value_text(r.low)} – {self.value_text(r.high)}" if r and r.has_interval else ""


def blocks_of(cells, axes, figure):
    """(block → value, or None with why there is none) of the cell with these axes."""
    cell = cells.get(load.cell_key(axes))
    if cell is None:
        return None, f"no trial of {load.cell_text(axes)}"
    if not cell.trials:
        reasons = sorted({t["error"] or "no reason given" for t in cell.failures})
        return None, f"{load.cell_text(axes)} failed: {reasons[0]}"
    return cell.blocks(figure), ""


def best_of(cells, several, figure):
    """block → the best value of those cells that have one there."""
    best, reason = {}, ""
    choose = max if figure in HIGHER_IS_BETTER else min
    for axes in several:
        blocks, why = blocks_of(cells, axes, figure)
        reason = reason or why
        for block, value in (blocks or {}).items():
            best[block] = choose(best.get(block, value), value)
    return (best, "") if best else (None, reason)


def rival(cells, row):
    """Of the cells that the row compares with, that with the best estimate; None where it compares with a number."""
    found = [cell for cell in (cells.get(load.cell_key(axes)) for axes in row.get("against", [])) if cell and cell.estimate(row["figure"])]
    choose = max if row["figure"] in HIGHER_IS_BETTER else min
    return choose(found, key=lambda cell: cell.estimate(row["figure"]), default=None)


def evaluate(row, cells):
    """A Limit for one row of the run's `limits`."""
    limit = Limit(row)
    ours, limit.reason = blocks_of(cells, row["cell"], row["figure"])
    theirs = {}
    if ours and limit.is_ratio:
        theirs, limit.reason = best_of(cells, row["against"], row["figure"])
    if not ours or theirs is None:
        return limit
    if not limit.is_ratio:
        theirs = dict.fromkeys(ours, 1.0)
    a, b = stats.paired(ours, theirs)
    if not a:
        limit.reason = "the cells were measured in no block together"
        return limit
    limit.ours, limit.against = stats.estimate(a), stats.estimate(b)
    limit.judge(stats.ratio(a, b))
    if limit.mark == MISSED:
        limit.measured = reasons.of(cells, cells[load.cell_key(row["cell"])], rival(cells, row))
    return limit


def limits(results, cells):
    """All rows of all runs, each once, in the order of the matrix."""
    rows, seen = [], set()
    for run in results.runs:
        for row in run.get("limits", []):
            if row["row"] not in seen:
                seen.add(row["row"])
                rows.append(evaluate(row, cells))
    return rows


def tables(results, cells):
    """(title, rows) of each table that the rows name, in their order."""
    named = {}
    for row in limits(results, cells):
        named.setdefault(row.table, []).append(row)
    return [(f"{name.capitalize()}: {count_text(rows)}", rows) for name, rows in named.items()]


def count_text(rows):
    """How many rows have which mark."""
    marks = [MET, UNCERTAIN, MISSED, UNMEASURED]
    counted = [(mark, sum(1 for r in rows if r.mark == mark)) for mark in marks]
    return ", ".join(f"{count} {mark}" for mark, count in counted if count)
