"""What the page draws, as one object: every cell with its figures and intervals, statistics already done.

The page computes nothing but what is to be shown: its numbers are these.
"""
import numpy as np

import crossover
import keys
import load
import stats
import until
import words

FIGURES = ("p50_ns", "p99_ns", "messages_per_s", "bytes_per_s", "cpu_ns_per_message", "user_ns_per_message",
           "system_ns_per_message", "system_calls_per_message", "voluntary_switches_per_message",
           "involuntary_switches_per_message", "instructions_per_message", "caller_instructions_per_message", "system_call_bytes_per_message", "page_faults_per_message", "bytes_on_wire_per_message", "peak_rss_bytes", "capacity_per_s", "offered_per_s", "encode_ns",
           "decode_ns", "first_encode_ns", "first_decode_ns")
WITH_INTERVAL = ("p50_ns", "p99_ns", "messages_per_s", "bytes_per_s", "cpu_ns_per_message", "system_calls_per_message", "instructions_per_message", "system_call_bytes_per_message", "encode_ns", "decode_ns",
                 "first_encode_ns", "first_decode_ns")
AXES = load.AXES + ("size_bytes",)
QUANTILES = (0.001, 0.01, 0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99, 0.995, 0.999, 0.9995, 0.9999, 1.0)


def rounded(value, digits=4):
    """Significant digits: enough for a page, and shorter."""
    return None if value is None or not np.isfinite(value) else float(f"{value:.{digits}g}")


def interval(cell, figure):
    """[estimate, low, high]; low and high null with too few blocks."""
    r = cell.interval(figure)
    return r and [rounded(r.estimate), rounded(r.low), rounded(r.high)]


def quantiles(cell):
    """Latency in ns at QUANTILES, of all trials' histograms together; null without histograms."""
    counts = {}
    for trial in cell.trials:
        for low, count in trial.get("histogram") or ():
            counts[low] = counts.get(low, 0) + count
    if not counts:
        return None
    lows = np.array(sorted(counts))
    cumulated = np.cumsum([counts[low] for low in lows])
    at = np.searchsorted(cumulated, np.array(QUANTILES) * cumulated[-1])
    return [int(lows[min(i, len(lows) - 1)]) for i in at]


def stages(cell):
    """stage → median over blocks of the trials' medians, in ns."""
    names = [name for t in cell.trials for name in (t.get("stages_ns") or ())]
    found = {}
    for name in dict.fromkeys(names):
        found[name] = rounded(float(np.median([t["stages_ns"][name] for t in cell.trials if t.get("stages_ns")])))
    return found or None


def tails(cell):
    """Of all latencies of the cell together, which is why they have no interval."""
    return {"p999_ns": rounded(cell.tail(1000)), "p9999_ns": rounded(cell.tail(10000))}


def cell_object(c, resolved=None, stopped=None):
    """resolved: the noise.Resolution of the cell's families. stopped: why a run with --until added no more blocks."""
    ratio = c.to_control
    return {
        "axes": {axis: c.axes.get(axis, load.NEWER.get(axis, "")) for axis in AXES},
        "lang": c.lang, "text": c.text, "plain": c.is_plain, "raw": not c.is_ours, "joins": c.joins_envs,
        "trials": len(c.trials), "failed": len(c.failures), "blocks": len(c.blocks("p50_ns")), "flags": c.flags, "stopped": stopped, "resolution": resolved and rounded(resolved.share),
        "figures": {**{figure: rounded(c.estimate(figure)) for figure in FIGURES}, **tails(c)},
        "intervals": {figure: interval(c, figure) for figure in WITH_INTERVAL},
        "control": c.control, "to_control": ratio and [rounded(ratio.estimate), rounded(ratio.low), rounded(ratio.high)],
        "quantiles": quantiles(c), "stages": stages(c),
    }


def crossing_object(found):
    size = found.size
    return {"transport": found.transport, "serializer": found.serializer + words.lang_text(found.lang), "wake": found.wake, "placement": found.placement,
            "side": found.side, "size": size and [rounded(size.estimate), rounded(size.low), rounded(size.high)],
            "sizes": found.sizes, "shares": [rounded(s) for s in found.shares]}


def data(cells):
    """The object; cells without a figure (nothing but failures) are left to the list of failures."""
    order = sorted((c for c in cells.values() if c.trials and c.axes.get("arm", "") == ""),
                   key=lambda c: (not c.is_ours, c.axes["workload"], c.axes["transport"], c.axes["serializer"],
                                  c.axes["size_bytes"], c.axes["placement"], c.axes["wake"]))
    shown = [{"name": key["name"], "title": key.get("title"), "usual": str(key.get("untold", 0))} for key in keys.TOLD if key["name"] != "arm"]
    stops = until.stops(cells)
    return {"keys": shown, "quantiles": QUANTILES, "cells": [cell_object(c, cells.resolution([c]), stops.get(c)) for c in order],
            "crossings": [crossing_object(found) for found in crossover.crossings(cells)]}
