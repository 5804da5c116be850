"""From which payload size on serializing takes more than half of a call: per transport and serializer.

For each block apart: the bare cost of a size is that of bytes without a serializer at the same transport, wake and placement,
interpolated between the measured sizes (log-log). The share of serializing at a size is 1 − bare / p50; where it passes one
half between two sizes, the crossing is interpolated on the logarithm of the size. The estimate over blocks is Hodges and
Lehmann's of the logarithms, the interval Wilcoxon's, as everywhere. A crossing below the smallest or above the largest size
measured is said to be so, never extrapolated.

In Python what is sent are objects, and bytes by `auto`, which carries them as they are, stand for those without a serializer.
"""
import math

import numpy as np

import cells as grouping
import stats

HALF = 0.5
FAMILY = "records"  # the payloads of different sizes but one kind
BARE = {"c": "none", "python": "auto"}  # by lang: what bytes are sent by


class Crossing:
    """Of one transport and serializer, with wake and placement; `size` is a stats.Ratio of bytes, or None when `side` is not
    "within": "below" the smallest size measured or "above" the largest."""

    def __init__(self, axes, side, size, sizes, shares):
        self.transport, self.serializer = axes["transport"], axes["serializer"]
        self.wake, self.placement, self.lang = axes["wake"], axes["placement"], axes.get("lang") or "c"
        self.side, self.size, self.sizes, self.shares = side, size, sizes, shares


def is_bare(cell):
    """Does it echo bytes without a serializer, between processes?"""
    return (cell.joins_envs and cell.axes["serializer"] == BARE.get(cell.lang) and cell.axes["size_bytes"] > 0
            and cell.axes["payload"].startswith("bytes:"))


def curves_of(members, key):
    """key(cell) → block → ([log size], [log p50])."""
    found = {}
    for c in members:
        for block, p50 in c.blocks("p50_ns").items():
            curve = found.setdefault(key(c), {}).setdefault(block, {})
            curve[math.log(c.axes["size_bytes"])] = math.log(p50)
    return {name: {block: (sorted(curve), [curve[x] for x in sorted(curve)]) for block, curve in blocks.items()}
            for name, blocks in found.items()}


def bare_curves(cells):
    """(transport, wake, placement, lang) → block → ([log size], [log p50]) of bytes without a serializer."""
    return curves_of([c for c in grouping.find(cells, workload="echo") if is_bare(c) and c.is_plain],
                     lambda c: (c.axes["transport"], c.axes["wake"], c.axes["placement"], c.lang))


def bare_cost(curve, size):
    """The p50 of `size` bytes on a block's curve; the ends are taken for what lies beyond them."""
    return math.exp(float(np.interp(math.log(size), *curve)))


def crossing_of(points):
    """points: [(size, share)] by size, of one block. log of the size where one half is passed; −inf below, +inf above."""
    if points[0][1] >= HALF:
        return -math.inf
    for (x0, s0), (x1, s1) in zip(points, points[1:]):
        if s1 >= HALF:
            return math.log(x0) + (HALF - s0) / (s1 - s0) * (math.log(x1) - math.log(x0))
    return math.inf


def shares_by_block(members, curves):
    """block → [(size, share)] by size, where the block has every size."""
    blocks = set.intersection(*(set(c.blocks("p50_ns")) for c in members)) & set(curves)
    return {block: [(c.axes["size_bytes"], 1 - bare_cost(curves[block], c.axes["size_bytes"]) / c.blocks("p50_ns")[block])
                    for c in members] for block in sorted(blocks)}


def crossings(cells):
    """A Crossing for each transport, serializer, wake, placement and lang that has records of two sizes and the bare bytes."""
    curves = bare_curves(cells)
    groups = {}
    for c in grouping.find(cells, workload="echo"):
        if c.joins_envs and c.lang in BARE and c.is_plain and c.axes["serializer"] != "none" and c.axes["payload"].startswith(FAMILY + ":"):
            key = (c.axes["transport"], c.axes["serializer"], c.axes["wake"], c.axes["placement"], c.lang)
            groups.setdefault(key, []).append(c)
    found = []
    for (transport, _, wake, placement, lang), members in sorted(groups.items()):
        bare = curves.get((transport, wake, placement, lang))
        members.sort(key=lambda c: c.axes["size_bytes"])
        by_block = shares_by_block(members, bare) if bare and len(members) > 1 else {}
        if by_block:
            found.append(crossing(members, list(by_block.values())))
    return found


def crossing(members, by_block):
    sizes = [c.axes["size_bytes"] for c in members]
    shares = [float(np.median([points[i][1] for points in by_block])) for i in range(len(sizes))]
    logs = [crossing_of(points) for points in by_block]
    middle = float(np.median(logs))
    if math.isinf(middle):
        return Crossing(members[0].axes, "below" if middle < 0 else "above", None, sizes, shares)
    within = [min(max(x, math.log(sizes[0])), math.log(sizes[-1])) for x in logs]
    size = stats.ratio(np.exp(within), np.ones(len(within)))
    return Crossing(members[0].axes, "within", size, sizes, shares)
