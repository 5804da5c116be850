"""From trials to cells: what one combination of axes measured, block by block, beside its control.

A *figure* is a name of a line's number (p50_ns, …) or "per_message_ns", the time per message of a stream of them. A cell's
value in a block is the median over that block's trials; its value as a whole is the median over blocks. A block is a block
of one run: cells are compared where both were measured in the same one.
"""

import collections
import math
import statistics

import numpy as np

import stats

# Workloads whose speed is how many messages pass, not how long one takes.
STREAMS = ("pipeline", "oneway", "search")
# Not between processes, or nowhere at all: shown, never ranked with the rest.
UNRANKED = ("queue", "null")
TWINS = ("pipe", "unix", "tcp", "mqueue")

AA_LIMIT = 0.10
DEVIATION_LIMIT = 0.10
TAIL_TIMES = 10
SHARE_OF_TRIALS = 0.25
DRIFT_LIMIT = 0.20


class Cell:
    """One combination. `arm` aside, cells are told apart by every axis; size_bytes is what was measured."""

    def __init__(self, axes, key):
        self.axes = axes
        self.key = key
        self.trials = []
        self.flags = []  # filled by Table: short words why its figures are doubtful
        self.control = None  # Cell, filled by Table
        self.to_control = None  # stats.Estimate of p50, filled by Table

    def __getattr__(self, name):
        try:
            return self.__dict__["axes"][name]
        except KeyError:
            raise AttributeError(name) from None

    @property
    def good(self):
        return [trial for trial in self.trials if trial.ok]

    @property
    def failed(self):
        return [trial for trial in self.trials if not trial.ok]

    @property
    def families(self):
        return {trial.family for trial in self.trials}

    @property
    def size_bytes(self):
        return int(statistics.median(trial.size_bytes for trial in self.good or self.trials))

    @property
    def is_raw(self):
        return self.transport.startswith("raw:")

    @property
    def is_stream(self):
        return self.workload in STREAMS

    @property
    def main_figure(self):
        return "per_message_ns" if self.is_stream else "p50_ns"

    def blocks(self, figure, families=None):
        """{(run, block): value}; of trials of these families alone, if any are named."""
        values = collections.defaultdict(list)
        for trial in self.good:
            value = figure_of(trial, figure)
            if value is not None and (families is None or trial.family in families):
                values[trial.run, trial.block].append(value)
        return {block: statistics.median(found) for block, found in values.items()}

    def value(self, figure):
        """Over all blocks; None when nothing was measured."""
        values = list(self.blocks(figure).values())
        return statistics.median(values) if values else None

    def without(self, *names):
        """What identifies the cell apart from these axes. One Env is what a transport within a process has."""
        return tuple((name, value) for name, value in self.key
                     if name not in names and not (name == "envs" and "transport" in names))


def figure_of(trial, figure):
    if figure == "per_message_ns":
        return 1e9 / trial.figures["messages_per_s"]
    return trial.figures[figure]


def logs(cell, reference, figure, families=None):
    """ln(cell / reference) in every block that has both; of the same families where they are named."""
    ours, theirs = cell.blocks(figure), reference.blocks(figure, families)
    return [math.log(ours[block] / theirs[block]) for block in sorted(ours.keys() & theirs.keys())
            if ours[block] > 0 and theirs[block] > 0]


def compare(cell, reference, figure, families=None):
    """stats.Estimate of cell / reference, or None when no block has both."""
    return stats.paired(logs(cell, reference, figure, families))


class Table:
    """All cells of a set of results, with controls and noise flags."""

    def __init__(self, results):
        self.results = results
        found = {}
        for trial in results.trials:
            found.setdefault(trial.key, Cell(trial.axes, trial.key)).trials.append(trial)
        everything = sorted(found.values(), key=order)
        self.duplicates = [cell for cell in everything if cell.arm != ""]
        self.controls = [cell for cell in everything if cell.is_raw and cell.arm == ""]
        self.cells = [cell for cell in everything if not cell.is_raw and cell.arm == ""]
        self.block_count = len({(trial.run, trial.block) for trial in results.trials})
        self.aa = self.compare_duplicates()
        self.drifts = [(cell, drift) for cell in self.controls if (drift := drift_of(cell)) is not None]
        for cell in self.cells:
            self.set_control(cell)
        for cell in self.cells + self.controls:
            cell.flags = self.flags_of(cell)

    def compare_duplicates(self):
        """{family: Estimate} of each A/A pair: the same cell measured twice in each block."""
        plain = {cell.key: cell for cell in self.cells + self.controls}
        found = {}
        for duplicate in self.duplicates:
            twin = plain.get(tuple((name, "" if name == "arm" else value) for name, value in duplicate.key))
            for family in sorted(duplicate.families):
                estimate = compare(duplicate, twin, duplicate.main_figure, {family}) if twin else None
                if estimate is not None:
                    found[family] = estimate
        return found

    def set_control(self, cell):
        """The raw ping-pong of the same mechanism, wake policy and placement, else a raw pipe. Only calls with one message
        in flight have such a bound."""
        if cell.workload != "echo" or cell.gap_us != 0:
            return
        spin = cell.wake == "spin"
        twin = "raw:" + cell.transport if cell.transport in TWINS else "raw:cacheline" if spin else "raw:futex"
        wake = "spin" if spin else "block"
        for transport, same_wake in ((twin, wake), ("raw:pipe", wake), ("raw:pipe", "block")):
            for control in self.controls:
                if (control.transport, control.wake, control.placement) == (transport, same_wake, cell.placement):
                    shared = cell.families & control.families
                    estimate = compare(cell, control, "p50_ns", shared or None)
                    if estimate is not None:
                        cell.control, cell.to_control = control, estimate
                        return

    def flags_of(self, cell):
        flags = []
        if any(not steady(self.aa[family]) for family in cell.families if family in self.aa):
            flags.append("A/A")
        if cell.control is not None:
            spread = logs(cell, cell.control, "p50_ns", cell.families & cell.control.families or None)
        else:
            values = [value for value in cell.blocks(cell.main_figure).values() if value > 0]
            spread = [math.log(value) for value in values]
        if stats.median_deviation(spread) > DEVIATION_LIMIT:
            flags.append("spread")
        good = cell.good
        tails = sum(trial.figures["p99_ns"] > TAIL_TIMES * trial.figures["p50_ns"] for trial in good)
        if tails > SHARE_OF_TRIALS * len(good):
            flags.append("tail")
        if sum("sentinel" in trial.flags for trial in good) > SHARE_OF_TRIALS * len(good):
            flags.append("gaps")
        if has_two_modes(list(cell.blocks("voluntary_switches_per_message").values())):
            flags.append("modes")
        if any(drift > DRIFT_LIMIT for control, drift in self.drifts if control in (cell, cell.control)):
            flags.append("drift")
        if any("unverified" in trial.flags for trial in good):
            flags.append("unverified")
        return flags

    def failures(self):
        """[(cell, number of failed trials, number of trials, {reason: count})]"""
        found = []
        for cell in self.cells + self.controls + self.duplicates:
            if cell.failed:
                reasons = collections.Counter(trial.error for trial in cell.failed)
                found.append((cell, len(cell.failed), len(cell.trials), dict(reasons.most_common())))
        return found


FLAGS = {
    "A/A": "the same cell, measured twice in each block, differs from itself, or its interval is wider than ±10 %",
    "spread": "blocks disagree: the median deviation of the logarithm exceeds 0.10",
    "tail": "p99 is over ten times p50 in more than a quarter of the trials",
    "gaps": "just before more than a quarter of the trials, a processor lost over 2 % of its time to gaps",
    "modes": "the number of sleeps per message has two modes: some blocks slept, others did not",
    "drift": "a raw control moved by more than 20 % between the first and the last third of the blocks",
    "unverified": "nothing arrived that could be checked",
}


def steady(estimate):
    """Whether an A/A pair shows no noise. Its bounds over few blocks are not held against one."""
    if not estimate.is_interval:
        return True
    return not estimate.excludes_one() and estimate.half_width() <= math.log(1 + AA_LIMIT)


def drift_of(cell):
    """By how much the last third of a control's blocks differs from the first third; None with fewer than three blocks.
    Blocks of each run are in order of time, and so are runs, whose names begin with it."""
    values = [value for _, value in sorted(cell.blocks("p50_ns").items())]
    third = len(values) // 3
    if third == 0:
        return None
    change = statistics.median(values[-third:]) / statistics.median(values[:third])
    return max(change, 1 / change) - 1


def has_two_modes(values):
    """Whether values fall into two tight groups of two or more, at least half a sleep apart."""
    values = np.sort(values)
    if len(values) < 4:
        return False
    gaps = np.diff(values)[1:-1]
    cut = int(np.argmax(gaps)) + 2
    within = max(np.ptp(values[:cut]), np.ptp(values[cut:]))
    return bool(gaps.max() > 0.5 and gaps.max() > 2 * within)


def order(cell):
    """How cells are listed."""
    transports = ("shm", "unix", "pipe", "tcp", "mqueue", "queue", "null")
    serializers = ("none", "msgpack", "pickle", "dill", "cloudpickle")
    workloads = ("echo", "pipeline", "oneway", "fanout", "ring", "search")
    placements = ("same", "cross", "unpinned")
    wakes = ("adaptive", "block", "spin")

    def rank(value, known):
        return (known.index(value), "") if value in known else (len(known), value)

    return (rank(cell.workload, workloads), rank(cell.placement, placements), rank(cell.wake, wakes),
            rank(cell.serializer, serializers), cell.size_bytes if cell.payload.startswith("bytes:") else 1 << 62,
            cell.payload, rank(cell.transport, transports), cell.key)
