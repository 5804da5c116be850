"""Why a row of limits misses its bound, as far as the run itself measured it: what else differs between its cells, in the blocks that they
share, and where their calls' time went. Nothing here knows a cause; what was not measured is not told, and without six shared blocks nothing is.

A sentence names its cells and its numbers. There are three, each where there are figures for it: what both cells used; what was counted
exactly, of the same cells with counts=1; and the stages of the same cell with stages=1.
"""
import typing

import load
import stats
import words

ALIKE_WITHIN = 0.05  # a ratio whose whole interval is as near to 1 is of figures that are alike
LEAST_SHARE = 0.05   # of a call, for a stage to be named
LEAST = 0.1          # of what is counted, for a message: rarer, it explains nothing
MORE, FEWER, ALIKE = "more", "fewer", "alike"


class Figure(typing.NamedTuple):
    field: str
    title: str
    text: typing.Callable
    least: float = 0.0     # where neither cell has so much of it, nothing is told
    excludes: bool = True  # that it is alike is worth a word


def count_text(value):
    """Of things that are counted: what is rare keeps its digits."""
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


USED = (Figure("cpu_ns_per_message", "processor time", words.time_text), Figure("user_ns_per_message", "of it in user mode", words.time_text),
        Figure("system_ns_per_message", "of it in the system", words.time_text),
        Figure("voluntary_switches_per_message", "voluntary switches", count_text, LEAST),
        Figure("page_faults_per_message", "page faults", count_text, LEAST, False),
        Figure("bytes_on_wire_per_message", "encoded bytes", count_text, LEAST, False))
COUNTED = (Figure("instructions_per_message", "instructions", count_text), Figure("system_calls_per_message", "system calls", count_text, LEAST),
           Figure("system_call_bytes_per_message", "bytes through system calls", count_text, LEAST, False))
SPENT_BY_SPINNING = ("cpu_ns_per_message", "user_ns_per_message", "system_ns_per_message", "page_faults_per_message")


class Difference(typing.NamedTuple):
    """One figure of both cells, over the blocks that both have."""
    figure: Figure
    ours: float
    theirs: float
    which: str  # MORE, FEWER or ALIKE, as ours is to theirs

    @property
    def text(self):
        return f"{self.figure.title} {self.figure.text(self.ours)} against {self.figure.text(self.theirs)}"


def differs(ours, theirs):
    """MORE, FEWER or ALIKE by the values of shared blocks, or None where they do not tell: too few blocks, or an interval that leaves it open.
    Where there are zeros, all blocks must say the same."""
    if len(ours) < stats.FEWEST_BLOCKS:
        return None
    if min(min(ours), min(theirs)) > 0:
        r = stats.ratio(ours, theirs)
        if 1 - ALIKE_WITHIN <= r.low and r.high <= 1 + ALIKE_WITHIN:
            return ALIKE
        return None if not r.excludes_one() else MORE if r.estimate > 1 else FEWER
    signs = {(a > b) - (a < b) for a, b in zip(ours, theirs)}
    return {1: MORE, -1: FEWER, 0: ALIKE}[signs.pop()] if len(signs) == 1 else None


def middle(values):
    """Of one figure over blocks; some may be zero."""
    return stats.estimate(values) if min(values) > 0 else sorted(values)[len(values) // 2]


def difference(figure, ours, theirs):
    """A Difference, or None where a cell lacks the figure, the blocks do not tell, or it is not worth a word."""
    a, b = stats.paired(ours.blocks(figure.field, zeros=True), theirs.blocks(figure.field, zeros=True))
    which = differs(a, b)
    if which is None or max(middle(a), middle(b)) <= figure.least or (which == ALIKE and not figure.excludes):
        return None
    return Difference(figure, middle(a), middle(b), which)


def figures_of(kinds, *compared):
    """Without what says nothing of a cell that spins: it uses what there is."""
    spins = any(cell.axes["wake"] == "spin" for cell in compared)
    return [figure for figure in kinds if not (spins and figure.field in SPENT_BY_SPINNING)]


def sentence(ours, theirs, found):
    """What differs first, then what does not: that excludes causes."""
    parts = [f"{which.capitalize()}: {', '.join(told)}." for which in (MORE, FEWER, ALIKE) for told in [[d.text for d in found if d.which == which]] if told]
    return f"{ours.text} against {theirs.text}, in the blocks of both. {' '.join(parts)}" if parts else ""


def used_alone(cell, kinds):
    """The figures of a cell that is held against a number."""
    told = []
    for figure in figures_of(kinds, cell):
        values = list(cell.blocks(figure.field, zeros=True).values())
        if len(values) >= stats.FEWEST_BLOCKS and middle(values) > figure.least:
            told.append(f"{figure.title} {figure.text(middle(values))}")
    return f"A message of {cell.text}: {', '.join(told)}." if told else ""


def compared(ours, theirs, kinds):
    """The sentence on these figures of both, or of ours alone where it is held against a number; "" where there is none."""
    if theirs is None:
        return used_alone(ours, kinds)
    found = [difference(figure, ours, theirs) for figure in figures_of(kinds, ours, theirs)]
    return sentence(ours, theirs, [d for d in found if d is not None])


def variant(cells, cell, **axes):
    """The same cell with these keys set, where it has trials."""
    found = cells.get(load.cell_key({**cell.axes, **axes})) if cell is not None else None
    return found if found and found.trials else None


def stage_shares(cell):
    """stage → its share of a call, the largest first: of the sums of all trials' stages."""
    sums = {}
    for trial in cell.trials:
        for name, ns in (trial.get("stages_ns") or {}).items():
            sums[name] = sums.get(name, 0) + ns
    whole = sum(sums.values())
    return dict(sorted(((name, ns / whole) for name, ns in sums.items()), key=lambda item: -item[1])) if whole > 0 else {}


def stages_sentence(cell):
    told = [f"{name.replace('_', ' ')} {100 * share:.0f} %" for name, share in stage_shares(cell).items() if share >= LEAST_SHARE]
    return f"Of a call's time, by the stamps of {cell.text}: {', '.join(told)}." if told else ""


def of(cells, ours, theirs=None):
    """The sentences for a row that compares these cells, or that holds `ours` against a number; none where nothing was measured that tells."""
    counted, counted_theirs = variant(cells, ours, counts=1), variant(cells, theirs, counts=1)
    exact = counted and (theirs is None or counted_theirs)
    staged = variant(cells, ours, stages=1)
    told = [compared(ours, theirs, USED if exact else (*USED, *COUNTED))]
    if exact:
        told.append(compared(counted, counted_theirs, COUNTED))
    if staged:
        told.append(stages_sentence(staged))
    return [text for text in told if text]
