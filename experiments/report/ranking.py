"""Who wins: tie sets within a context, and what serializing costs.

A context is everything that the rivals share. The winner is the rival whose ratio to every other has an upper bound below
0.95; otherwise the answer is the tie set: the fastest, and whoever it does not beat by that much. A winner needs every one
of its comparisons to hold, so no correction for their number is due (an intersection-union test). With too few blocks for
an interval there is no winner: the fastest is said to lead.
"""

import collections
import dataclasses
import math
import statistics

import cells
import stats

WIN_BELOW = 0.95


@dataclasses.dataclass
class Ranking:
    context: tuple  # ((axis, value), …) that the rivals share
    figure: str  # smaller is better
    rivals: list  # cells, fastest first
    against: dict  # id(rival) → Estimate of fastest / rival, the fastest itself left out
    adjusted: dict  # id(rival) → p of that, after Holm's correction
    ties: list  # the fastest, and whoever it does not surely beat; one alone is the winner
    is_sure: bool  # False: too few blocks to tell

    @property
    def best(self):
        return self.rivals[0]

    @property
    def has_winner(self):
        return self.is_sure and len(self.ties) == 1

    def next_ratio(self):
        """How many times slower the nearest rival outside the tie set is; None without one."""
        outside = [1 / self.against[id(rival)].ratio for rival in self.rivals
                   if rival not in self.ties and id(rival) in self.against]
        return min(outside) if outside else None

    def next_rival(self):
        outside = [rival for rival in self.rivals if rival not in self.ties]
        return outside[0] if outside else None


def rank(rivals, figure, context=()):
    """Ranks cells that were measured; None when there are none."""
    rivals = [cell for cell in rivals if cell.value(figure)]
    if not rivals:
        return None
    rivals = sorted(rivals, key=lambda cell: (cell.value(figure), cell.key))
    best = rivals[0]
    against = {id(rival): estimate for rival in rivals[1:]
               if (estimate := cells.compare(best, rival, figure)) is not None}
    adjusted = stats.holm([estimate.p for estimate in against.values()])
    # A rival that no block has in common with the fastest cannot be beaten by it.
    ties = [best] + [rival for rival in rivals[1:]
                     if id(rival) not in against or against[id(rival)].high >= WIN_BELOW]
    is_sure = len(against) == len(rivals) - 1 and all(estimate.is_interval for estimate in against.values())
    return Ranking(context, figure, rivals, against, dict(zip(against, adjusted)), ties, is_sure)


def contexts(table_cells, *names):
    """{context: cells} of cells that differ in these axes alone."""
    groups = collections.OrderedDict()
    for cell in table_cells:
        groups.setdefault(cell.without(*names), []).append(cell)
    return groups


def transports(table, workloads=None):
    """Rankings of transports between processes, one for each context that has two or more."""
    ranked = [cell for cell in table.cells if cell.transport not in cells.UNRANKED
              and (workloads is None or cell.workload in workloads)]
    found = [rank(rivals, rivals[0].main_figure, context) for context, rivals in contexts(ranked, "transport").items()]
    return [ranking for ranking in found if ranking and len(ranking.rivals) > 1]


def serializers(table):
    """Rankings of serializers over a round trip. `none` serializes nothing and is what the others are measured against."""
    ranked = [cell for cell in table.cells if cell.workload == "echo" and cell.serializer != "none" and cell.gap_us == 0]
    found = [rank(rivals, "p50_ns", context) for context, rivals in contexts(ranked, "serializer").items()]
    return [ranking for ranking in found if ranking and len(ranking.rivals) > 1]


def group_size(rivals):
    """Payload size of cells that differ in serializer: the smallest, as the size after encoding differs a little."""
    return min(cell.size_bytes for cell in rivals)


@dataclasses.dataclass
class Share:
    """What serializing takes of a call, estimated from the call that serializes nothing."""

    cell: object
    bare_ns: float  # p50 of serializer none at the same transport, placement and wake
    bare_size_bytes: int  # of the size that was nearest
    added_ns: float
    share: float  # of the call; below 0 when the difference is lost in noise


def shares(table):
    """{key of cell: Share} for every call with a serializer that has a call without one to stand beside."""
    bare = collections.defaultdict(list)
    calls = [cell for cell in table.cells if cell.workload == "echo" and cell.value("p50_ns")]
    for cell in calls:
        if cell.serializer == "none":
            bare[cell.without("serializer", "payload")].append(cell)
    found = {}
    for cell in calls:
        candidates = bare.get(cell.without("serializer", "payload"), ())
        if cell.serializer == "none" or not candidates:
            continue
        nearest = min(candidates, key=lambda other: abs(math.log((other.size_bytes + 1) / (cell.size_bytes + 1))))
        estimate = cells.compare(cell, nearest, "p50_ns")
        total = cell.value("p50_ns")
        # Within blocks where there are any in common: the machine's mood then falls out of the ratio.
        share = 1 - 1 / estimate.ratio if estimate else 1 - nearest.value("p50_ns") / total
        found[cell.key] = Share(cell, nearest.value("p50_ns"), nearest.size_bytes, share * total, share)
    return found


def reference_cost(table, cell):
    """(what the reference is, Estimate of cell / reference) for a serializer's cost: `none` if it carries the payload,
    else pickle. None without either."""
    beside = contexts(table.cells, "serializer").get(cell.without("serializer"), ())
    for name in ("none", "pickle"):
        for other in beside:
            if other.serializer == name and other is not cell:
                estimate = cells.compare(cell, other, "p50_ns")
                if estimate is not None:
                    return name, estimate
    return None


def median_share(found):
    return statistics.median(share.share for share in found) if found else None
