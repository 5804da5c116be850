"""What machines are like, by three figures: what waking a processor costs, what a cache line across processors and back, what copying. They are
measured when a run begins (fingerprint.measured); for runs from before that, the first two follow from the bare controls of each block.
"""
import statistics

import cells as grouping
import words

FIGURES = {"wake_ns": "waking a processor", "line_ns": "a cache line there and back", "copy_bytes_per_s": "copying 64 KiB"}
ALIKE = 1.5  # two machines are of one kind when no figure differs by more


def from_controls(cells):
    def control(transport, wake, placement):
        found = grouping.find(cells, workload="echo", transport=transport, wake=wake, placement=placement, payload="bytes:64")
        return found[0].estimate("p50_ns") if found else None
    near, far = control("raw:pipe", "block", "same"), control("raw:pipe", "block", "cross")
    return {"wake_ns": (far - near) / 2 if near and far and far > near else None, "line_ns": control("raw:cacheline", "spin", "cross"),
            "copy_bytes_per_s": None}


def figures(results, cells):
    """name → value or None, of one study."""
    measured = [r.get("fingerprint", {}).get("measured") or {} for r in results.runs]
    derived = from_controls(cells)
    found = {name: [m[name] for m in measured if m.get(name)] for name in FIGURES}
    return {name: statistics.median(found[name]) if found[name] else derived[name] for name in FIGURES}


def alike(a, b):
    """None when the figures that both have are of one kind of machine, otherwise the name of the one that differs most."""
    apart = {name: max(a[name], b[name]) / min(a[name], b[name]) for name in FIGURES if a[name] and b[name]}
    worst = max(apart, key=apart.get, default=None)
    return worst if worst and apart[worst] > ALIKE else None


def apart_text(a, b):
    """In what two machines differ, or that they are of one kind."""
    worst = alike(a, b)
    return f"{FIGURES[worst]}: {value_text(worst, a[worst])} and {value_text(worst, b[worst])}" if worst else "they are of one kind"


def value_text(name, value):
    if value is None:
        return "–"
    return words.rate_text(value).replace("/s", "B/s") if name == "copy_bytes_per_s" else words.time_text(value)
