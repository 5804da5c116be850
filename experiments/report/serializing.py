"""How much of a call serializing takes: for each cell that sends encoded values, 1 − bare / p50 of the same block, the bare cost being that
of as many bytes without a serializer over the same transport (crossover.py).
"""
from typing import NamedTuple

import answers
import crossover
import stats


class Row(NamedTuple):
    """A cell with its share; share is [estimate, low, high], the bounds None with too few blocks."""

    cell: object
    share: list


def share_of(cell, curves):
    """[estimate, low, high] of the cell's share; None where the bare bytes were measured in none of its blocks."""
    blocks = {b: p50 for b, p50 in cell.blocks("p50_ns").items() if b in curves}
    if not blocks:
        return None
    r = stats.ratio([crossover.bare_cost(curves[b], cell.axes["size_bytes"]) for b in blocks], list(blocks.values()))
    return [1 - r.estimate, 1 - r.high if r.has_interval else None, 1 - r.low if r.has_interval else None]


def rows(cells):
    """A Row for every plain echo cell of C with a serializer whose transport's bare cost is known."""
    curves = crossover.bare_curves(cells)
    found = []
    for c in answers.between_envs(cells, workload="echo"):
        curve = curves.get((c.axes["transport"], c.axes["wake"], c.axes["placement"], c.lang))
        if c.axes["serializer"] != "none" and c.axes["size_bytes"] > 0 and curve:
            share = share_of(c, curve)
            if share:
                found.append(Row(c, share))
    return found


def compared(cells):
    """The rows of the payload, wake policy and placement of which most pairs of serializer and transport are known, across processors and
    small records first; [] when no two serializers can be compared."""
    groups = {}
    for row in rows(cells):
        axes = row.cell.axes
        groups.setdefault((axes["payload"], axes["wake"], axes["placement"]), []).append(row)
    groups = {key: members for key, members in groups.items() if len({r.cell.axes["serializer"] for r in members}) > 1}

    def rank(key):
        payload, wake, placement = key
        members = groups[key]
        return (placement == "cross", wake == "adaptive", payload.startswith("record"),
                len({(r.cell.axes["serializer"], r.cell.axes["transport"]) for r in members}), -members[0].cell.axes["size_bytes"])
    return groups[max(groups, key=rank)] if groups else []
