"""What remains of serializing's share of a call between hosts: 1 − bare / p50 of the same block (serializing.py), where the bare cost is that
of as many bytes without a serializer over the same wire, sealed or not alike.
"""
import cells as grouping
import crossover
import serializing

OVER = (*grouping.WIRE, "seal")  # what tells wires apart


def is_wired(cell):
    """Between hosts, and otherwise with nothing set that only some experiments set."""
    return bool(cell.axes.get("hosts")) and not any(cell.axes.get(axis) for axis in grouping.SPECIAL if axis not in OVER)


def key(cell):
    return (*(cell.axes.get(axis, 0) for axis in OVER), cell.axes["transport"], cell.axes["wake"], cell.axes["placement"], cell.lang)


def text(cell):
    """The wire for people."""
    delay, rate = cell.axes.get("delay_us", 0), cell.axes.get("rate_mbit", 0)
    parts = ([f"{delay} µs each way"] if delay else []) + ([f"{rate} Mbit/s"] if rate else [])
    return f"{cell.axes['transport']} between {cell.axes['hosts']} hosts, {', '.join(parts) or 'a bridge'}{', sealed' if cell.axes.get('seal') else ''}"


def shares(cells):
    """key → [serializing.Row] by serializer and size: of every echo cell of C between hosts that serializes, where the bare cost is known."""
    wired = [c for c in grouping.find(cells, workload="echo") if c.joins_envs and is_wired(c) and c.lang == "c"]
    curves = crossover.curves_of([c for c in wired if crossover.is_bare(c)], key)
    found = {}
    for c in sorted(wired, key=lambda c: (c.axes["serializer"], c.axes["size_bytes"])):
        share = serializing.share_of(c, curves.get(key(c), {})) if c.axes["serializer"] != "none" and c.axes["size_bytes"] > 0 else None
        if share:
            found.setdefault(key(c), []).append(serializing.Row(c, share))
    return found
