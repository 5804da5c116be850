"""What a page says first: a sentence for each of the two questions, made from the run alone, and the charts that stand beside them.

A question that the run did not measure is said to be so.
"""
from typing import NamedTuple, Optional

import answers
import crossover
import serializing
import stats
from words import size_text, time_text


class Said(NamedTuple):
    """An answer, apart from the cells that it was made of. data: what its chart draws, None where the run did not measure it."""

    sentence: str
    where: str
    data: Optional[dict]
    rank: tuple  # of several studies' answers the largest stands for a machine


QUESTIONS = ("Which transport?", "Does serializing outweigh the transport?")
PLACES = {"cross": "across two processors", "same": "on one processor", "unpinned": "where the kernel puts them"}
CONDITIONS = (("cross", "adaptive"), ("cross", "block"), ("cross", "spin"), ("unpinned", "adaptive"), ("unpinned", "block"), ("same", "adaptive"),
              ("same", "block"))  # which one stands first
HALF = crossover.HALF


def several(names, last="and"):
    names = list(names)
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} {last} {names[-1]}"


def triple(ratio):
    return [ratio.estimate, ratio.low if ratio.has_interval else None, ratio.high if ratio.has_interval else None]


def winners(cells, members, axis):
    """(best, tied with it) of cells that differ in this axis, as the answers in words tell them: nobody wins by less than the family resolves."""
    resolution = cells.resolution(members)
    return stats.winners({c.axes[axis]: c.blocks("p50_ns") for c in members}, resolution.log if resolution else 0.0)


# ---- question 1: which transport ----

class Transports:
    """Round trips of bytes as they are, over every transport between processes, of the first condition that compares two."""

    def __init__(self, cells):
        found = {}
        for (placement, wake, _), sizes in answers.by_condition(cells).items():
            sizes = {size: members for size, members in sizes.items() if len(members) > 1}
            if sizes and len(sizes) >= len(found.get((placement, wake), ())):
                found[placement, wake] = sizes
        self.condition = next((c for c in CONDITIONS if c in found), None)
        self.sizes = dict(sorted(found[self.condition].items())) if self.condition else {}
        self.best = {size: winners(cells, members, "transport") for size, members in self.sizes.items()}
        resolution = cells.resolution([c for members in self.sizes.values() for c in members])
        self.resolution = resolution.text if resolution else ""

    @property
    def where(self):
        return f"{PLACES[self.condition[0]]}, wake {self.condition[1]}" if self.condition else ""

    @property
    def rank(self):
        return (1, -CONDITIONS.index(self.condition), max(self.sizes) / max(1, min(self.sizes)), sum(map(len, self.sizes.values()))) if self.condition else (0,)

    def cell(self, size, transport):
        return next((c for c in self.sizes[size] if c.axes["transport"] == transport), None)

    def slowdown(self, transport, baseline):
        """(lowest, highest) ratio to another transport over the sizes that both have; None without."""
        found = []
        for size in self.sizes:
            ours, theirs = (self.cell(size, name) for name in (transport, baseline))
            a, b = stats.paired(ours.blocks("p50_ns"), theirs.blocks("p50_ns")) if ours and theirs else ([], [])
            if a:
                found.append(stats.ratio(a, b).estimate)
        return (min(found), max(found)) if found else None

    def sentence(self):
        if not self.condition:
            return "Not measured in this run: no two transports between processes carried the same bytes."
        held = {}
        for size, (best, tied) in self.best.items():
            held.setdefault((best, tuple(sorted(tied))), []).append(size)
        parts = [self.part(best, tied, sizes) for (best, tied), sizes in held.items()]
        return f"{'; '.join(parts)}{self.network(next(iter(self.best.values()))[0])}. ({self.where[0].upper()}{self.where[1:]}; bytes, no serializer.)"

    def part(self, best, tied, sizes):
        every = list(self.sizes)
        at = f"at every size from {size_text(every[0])} to {size_text(every[-1])}" if sizes == every and len(every) > 1 else \
            f"at {several(size_text(s) for s in sizes)}"
        if tied:
            return f"**{several(sorted({best, *tied}))}** are not clearly apart {at}"
        return f"**{best}** is quickest {at}"

    def network(self, best):
        """What localhost TCP, and the slowest, take against the first."""
        remote = [c.axes["transport"] for members in self.sizes.values() for c in members if "remote" in c.traits.capabilities]
        tcp = self.slowdown(remote[0], best) if remote and best != remote[0] else None
        if tcp and all(remote[0] in tied for _, tied in self.best.values()):  # a figure would say what was just denied
            return f"; so whether localhost TCP is slower cannot be told{f' ({self.resolution})' if self.resolution else ''}"
        return f"; localhost TCP takes {answers.span(*tcp, '{:.1f}')} times as long as {best}" if tcp else ""

    def data(self):
        """What the chart draws."""
        if not self.condition:
            return None
        names = sorted({c.axes["transport"] for members in self.sizes.values() for c in members},
                       key=lambda name: next(c.estimate("p50_ns") for m in self.sizes.values() for c in m if c.axes["transport"] == name))
        series = [{"name": name, "points": [[size, *triple(self.cell(size, name).interval("p50_ns"))] for size in self.sizes if self.cell(size, name)]}
                  for name in names]
        ties = [{"size": size, "names": sorted({best, *tied}),
                 "range": [f(self.cell(size, n).estimate("p50_ns") for n in (best, *tied)) for f in (min, max)]}
                for size, (best, tied) in self.best.items() if tied]
        return {"where": self.where, "series": series, "ties": ties, "sizes": list(self.sizes), "resolution": self.resolution}


# ---- question 2: does serializing dominate ----

def share_span(rows):
    shares = [row.share[0] for row in rows]
    return f"{answers.span(max(0, min(shares)) * 100, max(shares) * 100, '{:.0f}')} %"


class Serializers:
    """Round trips of one payload with every serializer, and the share that serializing takes of each."""

    def __init__(self, cells):
        self.cells = cells
        self.rows = sorted(serializing.compared(cells), key=lambda row: row.cell.estimate("p50_ns"))
        self.largest = self.grown(serializing.rows(cells))
        self.plain = answers.serializer_answers(cells)

    def grown(self, rows):
        """The rows of the largest payload of the same kind, where there is a larger one."""
        if not self.rows:
            return []
        axes = self.rows[0].cell.axes

        def kind(cell):
            return cell.axes["payload"].split(":")[0], cell.axes["wake"], cell.axes["placement"]
        like = [row for row in rows if kind(row.cell) == kind(self.rows[0].cell)]
        payload = max(like, key=lambda row: row.cell.axes["size_bytes"]).cell.axes["payload"]
        return [row for row in like if row.cell.axes["payload"] == payload] if payload != axes["payload"] else []

    def of(self, transport):
        return [row for row in self.rows if row.cell.axes["transport"] == transport]

    @property
    def transports(self):
        """Those with the most serializers first, and of these the quickest."""
        names = list(dict.fromkeys(row.cell.axes["transport"] for row in self.rows))
        return sorted(names, key=lambda name: -len(self.of(name)))

    @property
    def where(self):
        axes = self.rows[0].cell.axes if self.rows else None
        return f"{axes['payload']}, {PLACES[axes['placement']]}, wake {axes['wake']}" if axes else ""

    @property
    def rank(self):
        return (1, len(self.rows)) if self.rows else (0,)

    def sentence(self):
        if not self.rows:
            return "Not measured in this run: no two serializers carried the same values over a transport whose bare bytes were measured, too." + \
                (f" {self.plain[0]}" if self.plain else "")
        first = self.transports[0]
        rows = self.of(first)
        best, tied = winners(self.cells, [row.cell for row in rows], "serializer")
        low, high = rows[0].cell, rows[-1].cell
        quickest = f"**{several(sorted({best, *tied}))}** are not clearly apart as the quickest" if tied else f"**{best}** is quickest"
        grown = f"; for {self.largest[0].cell.axes['payload']} {share_span(self.largest)}" if self.largest else ""
        return (f"{self.dominance()}{grown}. Over {first} {quickest}: {time_text(low.estimate('p50_ns'))}, against {time_text(high.estimate('p50_ns'))} with "
                f"{high.axes['serializer']}. ({self.sizes_text()}; {self.where}.)")

    def sizes_text(self):
        sizes = sorted({row.cell.axes["size_bytes"] for row in self.rows})
        return (size_text(sizes[0]) if len(sizes) == 1 else f"{size_text(sizes[0])} to {size_text(sizes[-1])}") + " encoded"

    def dominance(self):
        """Whether serializing takes more than half, surely: where the whole interval says so."""
        over = [row for row in self.rows if (row.share[1] if row.share[1] is not None else row.share[0]) > HALF]
        span = f"{share_span(self.rows)} of a call"
        if len(over) == len(self.rows):
            return f"**Yes**: it takes {span}, more than half with every serializer over every transport"
        if not over:
            return f"**No**: it takes {span}, and surely more than half with no serializer over any transport"
        if 2 * len(over) >= len(self.rows):
            return f"**Mostly yes**: it takes {span}, surely more than half with all but {self.pairs(r for r in self.rows if r not in over)}"
        return f"**Seldom**: it takes {span}, surely more than half only with {self.pairs(over)}"

    @staticmethod
    def pairs(rows):
        """"msgpack over pipe and tcp, dill over tcp"."""
        places = {}
        for row in rows:
            places.setdefault(row.cell.axes["serializer"], []).append(row.cell.axes["transport"])
        return several(f"{name} over {several(sorted(found))}" for name, found in places.items())

    def data(self):
        if not self.rows:
            return None
        return {"where": self.where, "rows": [{"transport": row.cell.axes["transport"], "serializer": row.cell.axes["serializer"],
                                               "bytes": row.cell.axes["size_bytes"], "p50": triple(row.cell.interval("p50_ns")),
                                               "share": row.share} for row in self.rows]}


def of(cells):
    """What is Said of transports and of serializers in one study."""
    return tuple(Said(found.sentence(), found.where, found.data(), found.rank) for found in (Transports(cells), Serializers(cells)))
