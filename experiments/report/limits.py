"""The limits that a matrix sets: what its cells are meant to reach, and what they reached.

A row is *met* when the whole 95 % interval over blocks lies within its bound, *met, not certain* when only the estimate does,
*missed* when the estimate does not, and *not measured* when a cell has no trial. A ratio is paired by block; where there are
several cells to compare with, the best of each block counts. The interval of an absolute figure is that of its ratio to 1.
"""
import load
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
        self.text, self.figure, self.note = row["row"], row["figure"], row.get("note", "")
        self.table = row.get("table", "limits")
        self.is_ratio = "against" in row
        self.at_most, self.at_least = row.get("at_most"), row.get("at_least")
        self.reached, self.mark, self.reason = None, UNMEASURED, ""
        self.ours = self.against = None  # estimates over blocks

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
        return self.reason or (self.note if self.mark == MISSED else "")

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
