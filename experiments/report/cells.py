"""Trials grouped into cells: block values, tails, ratios to the control, noise flags, and the one estimator by which every figure is told,
in text, page, index and findings: Hodges and Lehmann's over blocks.
"""
import functools
import heapq

import numpy as np

import load
import keys
import noise
import stats
import transports

WIRE = [key["name"] for key in keys.AXES if "wire" in key and key["name"] != "seal"]  # a control that seals is another control
SPECIAL = [key["name"] for key in keys.AXES if "special" in key]
BEYOND = 10           # latencies that a quantile needs beyond it
SINGLY = ("echo", "retry", "pipeline", "openloop", "fanout", "search")  # where no latency is a group's mean, for trials that do not tell


class Cell:
    """All trials of one combination."""

    def __init__(self, axes):
        self.axes = axes
        self.trials = []
        self.failures = []
        self.control = None  # name of the raw control used
        self.to_control = None  # stats.Ratio of p50 against it
        self.flags = []
        self._intervals = {}  # field → what interval() found: asked for when all trials are there

    def blocks(self, field, families=None, zeros=False):
        """block → median over that block's trials (of these families), where the field has a value; nothing where that is 0, of which there is
        no ratio, unless `zeros`."""
        values = {}
        for trial in self.trials:
            if trial.get(field) is not None and (families is None or trial.get("family") in families):
                values.setdefault((trial["run"], trial["block"]), []).append(trial[field])
        middle = {block: float(v[0] if len(v) == 1 else np.median(v)) for block, v in values.items()}  # mostly one, and numpy is slow to say so
        return {block: value for block, value in middle.items() if value > 0 or zeros}

    def interval(self, field):
        """stats.Ratio of the block values to 1: the estimate with its interval, by which every figure is told; None without values."""
        if field not in self._intervals:
            values = list(self.blocks(field).values())
            self._intervals[field] = stats.ratio(values, np.ones(len(values))) if values else None
        return self._intervals[field]

    def estimate(self, field):
        found = self.interval(field)
        return found.estimate if found else None

    def singles(self):
        """The histograms of trials in which each latency was taken by itself, with their sizes."""
        found = [(t, sum(count for _, count in t["histogram"])) for t in self.trials if t.get("histogram")]
        return [(t["histogram"], count) for t, count in found
                if t.get("latencies") == count or (t.get("latencies") is None and self.axes["workload"] in SINGLY)]

    def tail(self, one_in):
        """The latency that one in so many exceeds, over all of the cell's trials together; None where fewer than BEYOND do."""
        singles = self.singles()
        beyond = sum(count for _, count in singles) // one_in
        if beyond < BEYOND:
            return None
        for low, count in heapq.merge(*(reversed(histogram) for histogram, _ in singles), key=lambda bucket: -bucket[0]):
            beyond -= count
            if beyond < 0:
                return float(low)

    def spread(self, field):
        """(lowest, highest) over blocks."""
        values = list(self.blocks(field).values())
        return (min(values), max(values)) if values else (None, None)

    @property
    def is_raw(self):
        return self.axes["transport"].startswith("raw:")

    @property
    def is_ours(self):
        """Neither a raw control nor a peer."""
        return not self.axes["transport"].startswith(("raw:", "peer:"))

    @property
    def traits(self):
        return transports.of(self.axes["transport"])

    @property
    def joins_envs(self):
        """Ours, between processes, and delivering."""
        return self.is_ours and not self.traits.capabilities & {"intra", "discards"}

    @property
    def is_plain(self):
        """Nothing set that only some experiments set: may stand for its transport, serializer and payload."""
        return not any(self.axes.get(axis) for axis in SPECIAL)

    @property
    def lang(self):
        return load.lang(self.axes)

    @property
    def text(self):
        return load.cell_text(self.axes)


class Cells(dict):
    """key → Cell."""

    until, bound = None, 0  # of a run with --until: the half-width that it asked for, and the most blocks

    @functools.cached_property
    def resolutions(self):
        """family → noise.Resolution"""
        return noise.resolutions(self)

    def resolution(self, compared):
        """What a comparison of these cells can resolve; None where nothing is known of it."""
        return noise.resolution(self.resolutions, compared)


def group(results):
    """Cells: every combination in the results, failures included."""
    cells = Cells()
    cells.until = min((run["until"] for run in results.runs if run.get("until")), default=None)
    cells.bound = max((run.get("blocks", 0) for run in results.runs), default=0)
    for trial in results.trials:
        cell = cells.setdefault(load.cell_key(trial["cell"]), Cell(trial["cell"]))
        if trial["ok"]:
            cell.trials.append(trial)
            cell.axes = trial["cell"]
        else:
            cell.failures.append(trial)
    add_controls(cells)
    add_starts(cells)
    for cell in cells.values():
        cell.flags = noise.flags(cell)
    return cells


def find(cells, **axes):
    """The cells (not A/A duplicates) whose axes have these values."""
    return [c for c in cells.values()
            if c.trials and not c.axes.get("arm") and all(c.axes.get(k) == v for k, v in axes.items())]


def twins(cell):
    """[(name, wake)] of the bare forms of an echo cell's mechanism, of which the quicker counts. Where Python calls or is called, it is
    a ping-pong of Python's own, which always sleeps."""
    if cell.lang != "c":
        return [(cell.traits.python, "block")]
    if cell.axes.get("seal"):
        return [(cell.traits.sealed, way) for way in ("spin", "block") if cell.axes["wake"] in (way, "adaptive")]
    return [(name, way) for name, way in ((cell.traits.awake, "spin"), (cell.traits.asleep, "block")) if cell.axes["wake"] in (way, "adaptive")]


def wire(axes):
    """Over what messages travel: between hosts or not (controls join two), and what joins them."""
    return tuple(min(axes.get(key, 0), 1) if key == "hosts" else axes.get(key, 0) for key in WIRE)


def like(cell):
    """What a cell and its control agree in: a ratio of unlike things is none. Only bytes are what controls carry."""
    return cell.axes["placement"], cell.axes["payload"], *wire(cell.axes)


def has_control(cell):
    """One request at a time, one after the other, as ping-pongs do it."""
    return cell.is_ours and bool(cell.trials) and cell.axes["workload"] == "echo" and cell.axes["payload"].startswith("bytes:") \
        and cell.axes.get("window", 1) == 1 and not cell.axes.get("gap_us") and not cell.axes.get("stages")


def add_starts(cells):
    """The raw control of every cell in which an Env is killed and started again: a bare start of a process, of the same language."""
    raw = {(c.lang == "c", c.axes["placement"]): c for c in cells.values() if c.is_raw and c.trials and c.axes["workload"] == "heal"}
    for cell in cells.values():
        control = raw.get((cell.lang == "c", cell.axes["placement"]))
        if cell.is_ours and cell.trials and cell.axes["workload"] == "heal" and control:
            ours, theirs = stats.paired(cell.blocks("p50_ns"), control.blocks("p50_ns", {t.get("family") for t in cell.trials}))
            if ours:
                cell.control, cell.to_control = control.axes["transport"], stats.ratio(ours, theirs)


def add_controls(cells):
    """The raw control of every echo cell: its twin of the same size, wake policy and placement, in blocks of its families that both have;
    none where there is no such control. An adaptive cell across processors is not judged by a control that sleeps alone. A control of which
    instructions are counted stands in where there is no plain one."""
    raw = {(c.axes["transport"], c.axes["wake"], *like(c)): c for c in sorted(cells.values(), key=lambda c: -c.axes.get("counts", 0))
           if c.is_raw and c.trials and not c.axes.get("arm") and c.axes["workload"] == "echo" and not c.axes.get("gap_us")}
    for cell in cells.values():
        if not has_control(cell):
            continue
        known = [(raw[name, wake, *like(cell)], name) for name, wake in twins(cell) if (name, wake, *like(cell)) in raw]
        families = {t.get("family") for t in cell.trials}  # a block of another family ran at another time
        known = [(control, name, *stats.paired(cell.blocks("p50_ns"), control.blocks("p50_ns", families))) for control, name in known]
        known = [found for found in known if found[2]]
        spins = any(control.axes["wake"] == "spin" for control, *_ in known)
        if known and (spins or cell.lang != "c" or cell.axes["wake"] == "block" or cell.axes["placement"] == "same"):
            _, name, ours, theirs = min(known, key=lambda found: found[0].estimate("p50_ns"))
            cell.control, cell.to_control = name, stats.ratio(ours, theirs)
