"""Figures and cells as words for people."""
import math

import stats


def time_text(ns):
    """Nanoseconds for people: three digits and a unit."""
    if ns is None or math.isnan(ns):
        return "–"
    for unit, factor in (("s", 1e9), ("ms", 1e6), ("µs", 1e3)):
        if ns >= factor:
            return f"{ns / factor:.3g} {unit}"
    return f"{ns:.0f} ns"


def rate_text(per_second):
    """Messages per second for people."""
    if per_second is None:
        return "–"
    for unit, factor in ((" G/s", 1e9), (" M/s", 1e6), (" k/s", 1e3)):
        if per_second >= factor:
            return f"{per_second / factor:.3g}{unit}"
    return f"{per_second:.3g} /s"


def digits(value):
    """Three of them."""
    return f"{value:.3g}"


def size_text(n):
    for unit, factor in (("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)):
        if n >= factor:
            return f"{n / factor:.3g} {unit}"
    return f"{n:.3g} B"


def blocks_text(count):
    return f"{count} block{'' if count == 1 else 's'}"


def otherwise(cell, *named):
    """Every axis but those named: cells that are compared agree in it."""
    return tuple(f"{axis}={value}" for axis, value in sorted(cell.axes.items()) if axis not in named)


def lang_text(lang):
    """Who calls whom, where it is not C alone."""
    return "" if lang == "c" else f", lang {lang}"


def resolved(cells, compared):
    """What a comparison of these cells cannot tell apart, as the end of its sentence; "" where that is not known."""
    found = cells.resolution(compared)
    return f" ({found.text[0].upper()}{found.text[1:]}.)" if found else ""


def unverified(results):
    """What to say of lines from before there were checksums; "" when there is none."""
    count, lines = results.unverified, len(results.runs) + len(results.trials)
    return f"; {count} of {lines} lines unverified: they have no checksum" if count else ""


def caution(results, cells):
    """What a reader must know before believing the rest."""
    blocks = max((len(c.blocks("p50_ns")) for c in cells.values()), default=0)
    lines = []
    if blocks < stats.FEWEST_BLOCKS:
        lines.append(f"Only {blocks} block{'' if blocks == 1 else 's'}: there is no 95 % interval below {stats.FEWEST_BLOCKS}, so this is a first look.")
    elif blocks < stats.P99_BLOCKS:
        lines.append(f"{blocks} blocks: p99 is only indicative below {stats.P99_BLOCKS} blocks.")
    machines = {r["fingerprint"].get("machine") for r in results.runs if r.get("fingerprint")}
    if len(machines) > 1:
        lines.append(f"These lines come from {len(machines)} machines; absolute figures do not compare across them.")
    if any("slowed" in t.get("flags", []) for t in results.trials):
        lines.append("Some trials were slowed down on purpose (CORPS_LAB_SLOWDOWN): this is a test of the laboratory, not a measurement.")
    flagged = [c for c in cells.values() if c.flags]
    if flagged:
        lines.append(f"{len(flagged)} of {len(cells)} cells are flagged: measured again, they may well come out differently.")
    if results.unverified:
        lines.append(f"{results.unverified} of {len(results.runs) + len(results.trials)} lines are unverified: they have no checksums.")
    if results.failed:
        lines.append(f"{len(results.failed)} trials failed; they are listed with their reasons, and no figure includes them.")
    return lines
