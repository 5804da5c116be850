"""The answer in words, made from the numbers alone."""
import math

import cells as grouping
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


def size_text(n):
    for unit, factor in (("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)):
        if n >= factor:
            return f"{n / factor:g} {unit}"
    return f"{n} B"


def between_envs(cells, lang="c", **axes):
    """Cells that cross processes, of one language: what one costs says nothing of another. lang=None: of all."""
    return [c for c in grouping.find(cells, **axes)
            if c.joins_envs and lang in (None, c.lang)]


def otherwise(cell, *named):
    """Every axis but those named: cells that are compared agree in it."""
    return tuple(f"{axis}={value}" for axis, value in sorted(cell.axes.items()) if axis not in named)


def best_text(values):
    """"shm" or "shm, with unix and pipe not clearly behind" and the best's name."""
    best, tied = stats.winners(values)
    if not tied:
        return best, f"**{best}**"
    return best, f"**{best}** (not clearly ahead of {', '.join(sorted(tied))})"


def transport_answers(cells):
    """One sentence per placement, wake and payload size of the echo workload, bytes payloads, cheapest serializer."""
    groups = {}
    for c in between_envs(cells, workload="echo", serializer="none"):
        if c.axes["payload"].startswith("bytes:"):
            key = (c.axes["placement"], c.axes["wake"], c.axes["size_bytes"], otherwise(c, "transport"))
            groups.setdefault(key, []).append(c)
    sentences = []
    for (placement, wake, size, _), members in sorted(groups.items()):
        if len(members) < 2:
            continue
        values = {c.axes["transport"]: c.blocks("p50_ns") for c in members}
        best, text = best_text(values)
        ranked = sorted(members, key=lambda c: c.median("p50_ns"))
        last = ranked[-1]
        sentences.append(
            f"{size_text(size)}, {placement}, wake {wake}: {text}, {time_text(ranked[0].median('p50_ns'))} a round trip; "
            f"{last.axes['transport']} takes {last.median('p50_ns') / ranked[0].median('p50_ns'):.1f}× as long.")
    return sentences


def lang_text(lang):
    """Who calls whom, where it is not C alone."""
    return "" if lang == "c" else f", lang {lang}"


def lang_answers(cells):
    """One sentence per payload: the same call from and to each language, over the transport and serializer that most
    of them share."""
    groups = {}
    for c in between_envs(cells, lang=None, workload="echo"):
        named = ("payload", "transport", "serializer", "wake", "placement")
        key = (*(c.axes[axis] for axis in named), otherwise(c, *named, "lang"))
        groups.setdefault(key, []).append(c)
    chosen = {}
    for key, members in sorted(groups.items()):
        if len(members) > max(1, len(chosen.get(key[0], ((), ()))[1])):
            chosen[key[0]] = (key, members)
    sentences = []
    for payload, (key, members) in sorted(chosen.items()):
        members.sort(key=lambda c: c.median("p50_ns"))
        costs = ", ".join(f"{c.lang} {time_text(c.median('p50_ns'))}" for c in members)
        sentences.append(f"{payload} over {key[1]} with {key[2]} ({key[3]}, {key[4]}): a round trip with lang {costs}.")
    return sentences


def serializer_answers(cells):
    """One sentence per payload: which serializer is cheapest on the same transport, and against pickle."""
    groups = {}
    for c in between_envs(cells, lang=None, workload="echo"):
        if c.axes["serializer"] != "none":
            key = (c.axes["payload"], c.axes["transport"], c.axes["wake"], c.axes["placement"], c.lang)
            groups.setdefault(key, []).append(c)
    best_of_payload = {}
    for key, members in groups.items():
        payload_and_lang = key[0], key[4]
        known = best_of_payload.get(payload_and_lang)
        if len(members) > 1 and (known is None or len(members) > len(known[1])):
            best_of_payload[payload_and_lang] = (key, members)
    sentences = []
    for (payload, lang), (key, members) in sorted(best_of_payload.items()):
        values = {c.axes["serializer"]: c.blocks("p50_ns") for c in members}
        _, text = best_text(values)
        costs = ", ".join(f"{c.axes['serializer']} {time_text(c.median('p50_ns'))}"
                          for c in sorted(members, key=lambda c: c.median("p50_ns")))
        sentences.append(f"{payload} over {key[1]} ({key[2]}, {key[3]}{lang_text(lang)}): {text}. A round trip with {costs}.")
    return sentences


def shares(cells):
    """[(cell, share of a call that serializing takes)]: (p50 − p50 with serializer none at the same transport, wake, placement and
    nearest size) / p50. An estimate: sizes differ a little, and decoding overlaps with nothing else here."""
    bare = {}
    for c in between_envs(cells, workload="echo", serializer="none"):
        bare.setdefault((c.axes["transport"], c.axes["wake"], c.axes["placement"]), []).append(c)
    found = []
    for c in between_envs(cells, workload="echo"):
        candidates = bare.get((c.axes["transport"], c.axes["wake"], c.axes["placement"]))
        if c.axes["serializer"] == "none" or not candidates:
            continue
        size = max(1, c.axes["size_bytes"])
        nearest = min(candidates, key=lambda b: abs(math.log(max(1, b.axes["size_bytes"]) / size)))
        p50 = c.median("p50_ns")
        found.append((c, max(0.0, (p50 - nearest.median("p50_ns")) / p50)))
    return found


def share_answer(cells):
    found = shares(cells)
    if not found:
        return []
    over = [(c, s) for c, s in found if s > 0.5]
    sentence = f"In {len(over)} of {len(found)} cells serializing takes more than half of the call."
    if over:
        smallest = min(over, key=lambda pair: pair[0].axes["size_bytes"])[0]
        sentence += (f" The smallest such payload is {smallest.axes['payload']} ({size_text(smallest.axes['size_bytes'])}) with "
                     f"{smallest.axes['serializer']} over {smallest.axes['transport']}.")
    return [sentence]


def caution(results, cells):
    """What a reader must know before believing the rest."""
    blocks = max((len(c.blocks("p50_ns")) for c in cells.values()), default=0)
    lines = []
    if blocks < stats.FEWEST_BLOCKS:
        lines.append(f"Only {blocks} blocks: no 95 % interval exists below {stats.FEWEST_BLOCKS}; what follows is a first look.")
    machines = {r["fingerprint"].get("machine") for r in results.runs if r.get("fingerprint")}
    if len(machines) > 1:
        lines.append(f"These lines come from {len(machines)} machines; absolute figures do not compare across them.")
    flagged = [c for c in cells.values() if c.flags]
    if flagged:
        lines.append(f"{len(flagged)} of {len(cells)} cells carry a noise flag; they are marked.")
    if results.failed:
        lines.append(f"{len(results.failed)} trials failed; they count as failures and never as figures.")
    return lines
