"""The answer in words, made from the numbers alone: a few questions, each with sentences. **…** marks what is to stand out."""
import cells as grouping
import crossover
import load
import noise
import stats
import until
import wires
import words
from words import size_text, time_text

WAKES = ("block", "adaptive", "spin")


def best_text(cells, members, axis):
    """("shm" or "shm, not clearly ahead of unix and pipe", the best's name) of cells that differ in this axis."""
    resolution = cells.resolution(members)
    best, tied = stats.winners({c.axes[axis]: c.blocks("p50_ns") for c in members}, resolution.log if resolution else 0.0)
    if not tied:
        return f"**{best}**", best
    return f"**{best}** (not clearly ahead of {', '.join(sorted(tied))})", best


def times_as_long(c, first):
    """By which factor one cell's median is another's: block by block where they share blocks, as the page has it."""
    ours, theirs = stats.paired(c.blocks("p50_ns"), first.blocks("p50_ns"))
    return stats.ratio(ours, theirs).estimate if ours else c.estimate("p50_ns") / first.estimate("p50_ns")


def between_envs(cells, lang="c", **axes):
    """Cells that cross processes, of one language: what one costs says nothing of another. lang=None: of all."""
    return [c for c in grouping.find(cells, **axes) if c.joins_envs and c.is_plain and lang in (None, c.lang)]


def interval_text(ratio, form="{:.2f}"):
    return f", 95 % {form.format(ratio.low)}–{form.format(ratio.high)}" if ratio.has_interval else ""


# ---- in short ----

def span(low, high, form):
    return form.format(low) if form.format(low) == form.format(high) else f"{form.format(low)} to {form.format(high)}"


def short_transport(cells):
    found = [sizes for (placement, wake, _), sizes in by_condition(cells).items() if (placement, wake) == ("cross", "adaptive")]
    if not found:
        return []
    best, ahead, sizes = {}, [], sorted(size for size, members in found[0].items() if len(members) > 1)
    for size in sizes:
        members = found[0][size]
        text, name = best_text(cells, members, "transport")
        best.setdefault(text, []).append(size)
        remote = [c for c in members if "remote" in c.traits.capabilities]
        first = next(c for c in members if c.axes["transport"] == name)
        if remote:
            ahead.append(times_as_long(remote[0], first))
    where = "; ".join(f"{text} at every size from {size_text(sizes[0])} to {size_text(sizes[-1])}" if held == sizes and len(held) > 1
                      else f"{text} at {', '.join(size_text(s) for s in held)}" for text, held in best.items())
    network = f" Localhost TCP takes {span(min(ahead), max(ahead), '{:.1f}')} times as long." if ahead else ""
    compared = words.resolved(cells, [c for size in sizes for c in found[0][size]])
    return [f"**Which transport?** Between two processors, waiting adaptively: {where}.{network}{compared}"]


def short_dominance(cells):
    by_serializer = {}
    for found in crossover.crossings(cells):
        by_serializer.setdefault(found.serializer + words.lang_text(found.lang), []).append(found)
    parts = []
    for serializer, members in sorted(by_serializer.items()):
        if all(f.side == "below" for f in members):
            parts.append(f"with **{serializer}** it does over every transport, from the smallest record on")
        else:
            each = ", ".join(f"{f.transport} {crossing_text(f)}" for f in members)
            parts.append(f"with **{serializer}**: {each}")
    return [f"**Does serializing dominate?** Encoding and decoding records takes more than half of a call: {'; '.join(parts)}."] if parts else []


def short_wake(cells):
    ratios = {"adaptive": [], "block": []}
    for c in between_envs(cells, workload="echo", serializer="none", placement="cross", payload="bytes:64"):
        spin = next((s for s in between_envs(cells, workload="echo", serializer="none", placement="cross", payload="bytes:64",
                                             wake="spin", transport=c.axes["transport"])), None)
        ours, theirs = stats.paired(c.blocks("p50_ns"), spin.blocks("p50_ns")) if spin else ([], [])
        if c.axes["wake"] in ratios and ours:
            ratios[c.axes["wake"]].append(stats.ratio(ours, theirs).estimate)
    parts = [f"{wake} {span(min(found), max(found), '{:.1f}')} times" for wake, found in ratios.items() if found]
    return [f"**What does sleeping cost?** Across processors a round trip of 64 B takes, against spinning: {', '.join(parts)}."] if parts else []


def short_answers(cells):
    """The three questions, a sentence each."""
    return short_transport(cells) + short_dominance(cells) + short_wake(cells)


# ---- which transport ----

def by_condition(cells):
    """(placement, wake) → size → cells of echo with bytes as they are, one for each transport."""
    found = {}
    for c in between_envs(cells, workload="echo", serializer="none"):
        if c.axes["payload"].startswith("bytes:"):
            key = (c.axes["placement"], c.axes["wake"], words.otherwise(c, "transport", "placement", "wake", "payload", "size_bytes"))
            found.setdefault(key, {}).setdefault(c.axes["size_bytes"], []).append(c)
    return found


def transport_answers(cells):
    """One sentence per placement and wake policy: sizes that have the same winner go together."""
    sentences = []
    for (placement, wake, _), sizes in sorted(by_condition(cells).items(), key=lambda item: item[0][:2]):
        parts = []
        for size, members in sorted(sizes.items()):
            if len(members) < 2:
                continue
            text, best = best_text(cells, members, "transport")
            ranked = sorted(members, key=lambda c: c.estimate("p50_ns"))
            first = next(c for c in members if c.axes["transport"] == best)
            detail = (f"{time_text(first.estimate('p50_ns'))} at {size_text(size)} ({ranked[-1].axes['transport']} "
                      f"{times_as_long(ranked[-1], first):.1f}×)")
            if parts and parts[-1][0] == text:
                parts[-1][1].append(detail)
            else:
                parts.append((text, [detail]))
        if parts:
            sentences.append(f"{placement}, wake {wake}: " + "; ".join(f"{text}: {', '.join(details)}" for text, details in parts)
                             + "." + words.resolved(cells, [c for members in sizes.values() for c in members]))
    return sentences


# ---- which serializer ----

def serializer_answers(cells):
    """One sentence per payload: which serializer is cheapest on the same transport, over that which most of them share."""
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
    order = sorted(best_of_payload.items(), key=lambda item: (item[0][1], item[0][0].split(":")[0], item[1][1][0].axes["size_bytes"]))
    for (payload, lang), (key, members) in order:
        text, _ = best_text(cells, members, "serializer")
        costs = ", ".join(f"{c.axes['serializer']} {time_text(c.estimate('p50_ns'))}"
                          for c in sorted(members, key=lambda c: c.estimate("p50_ns")))
        sentences.append(f"{payload} over {key[1]} ({key[2]}, {key[3]}{words.lang_text(lang)}): {text}. A round trip with {costs}.{words.resolved(cells, members)}")
    return sentences


# ---- does serializing dominate ----

def crossing_text(found):
    if found.side == "below":
        return f"at every size measured (from {size_text(found.sizes[0])})"
    if found.side == "above":
        return f"at no size measured (up to {size_text(found.sizes[-1])})"
    size = found.size
    interval = f" (95 % {size_text(size.low)}–{size_text(size.high)})" if size.has_interval else ""
    return f"from {size_text(size.estimate)} on{interval}"


def dominance_answers(cells):
    """One sentence per transport: the size from which on encoding and decoding records takes more than half of a call."""
    groups = {}
    for found in crossover.crossings(cells):
        groups.setdefault((found.lang, found.transport, found.wake, found.placement), []).append(found)
    return [f"Over {transport} ({wake}, {placement}{words.lang_text(lang)}) serializing records takes more than half of a call "
            + "; ".join(f"with **{f.serializer}** {crossing_text(f)}" for f in members) + "."
            for (lang, transport, wake, placement), members in sorted(groups.items())]


# ---- over a wire ----

def share_text(row):
    estimate, low, high = (value if value is None else round(100 * value) for value in row.share)
    return f"{estimate} %" + (f" ({low}–{high})" if low is not None else "") + f" of {time_text(row.cell.estimate('p50_ns'))}"


def wire_answers(cells):
    """One sentence per wire: which share of a call is encoding and decoding, by serializer and payload."""
    sentences = []
    for _, rows in sorted(wires.shares(cells).items()):
        parts = {}
        for row in rows:
            parts.setdefault(row.cell.axes["serializer"], []).append(f"{row.cell.axes['payload']} {share_text(row)}")
        told = "; ".join(f"**{serializer}**: {', '.join(each)}" for serializer, each in parts.items())
        sentences.append(f"Over {wires.text(rows[0].cell)}, serializing is, with {told}." + words.resolved(cells, [row.cell for row in rows]))
    return sentences


# ---- what does blocking cost ----

def wake_answers(cells):
    """One sentence per transport, placement and size: sleeping against spinning, with the processor time of each."""
    groups = {}
    for c in between_envs(cells, workload="echo", serializer="none"):
        key = (c.axes["placement"], c.axes["size_bytes"], c.axes["transport"], words.otherwise(c, "wake"))
        groups.setdefault(key, {})[c.axes["wake"]] = c
    sentences = []
    for (placement, size, transport, _), by_wake in sorted(groups.items()):
        spin = by_wake.get("spin")
        if spin is None or len(by_wake) < 2 or size > 4096:
            continue
        parts = []
        for wake in ("adaptive", "block"):
            if wake in by_wake:
                ours, theirs = stats.paired(by_wake[wake].blocks("p50_ns"), spin.blocks("p50_ns"))
                if ours:
                    r = stats.ratio(ours, theirs)
                    parts.append(f"{wake} takes **{r.estimate:.1f}×** as long{interval_text(r, '{:.1f}')}, "
                                 f"{time_text(by_wake[wake].estimate('cpu_ns_per_message'))} CPU per message")
        sentences.append(f"{size_text(size)} over {transport}, {placement}: spinning: {time_text(spin.estimate('p50_ns'))} latency, "
                         f"{time_text(spin.estimate('cpu_ns_per_message'))} CPU per message; " + "; ".join(parts) + "." + words.resolved(cells, by_wake.values()))
    return sentences


# ---- under load, and between languages ----

def load_answers(cells):
    """One sentence per transport and wake policy: latency from the intended time as the offered load grows."""
    groups = {}
    for c in between_envs(cells, workload="openloop"):
        groups.setdefault((c.axes["wake"], c.axes["transport"], c.axes["payload"]), []).append(c)
    sentences = []
    for (wake, transport, payload), members in sorted(groups.items()):
        members.sort(key=lambda c: c.axes["load"])
        capacity = words.rate_text(members[0].estimate("capacity_per_s"))
        steps = ", ".join(f"{c.axes['load']} %: {time_text(c.estimate('p50_ns'))} (p99 {time_text(c.estimate('p99_ns'))})" for c in members)
        sentences.append(f"{transport}, {payload}, wake {wake}, of a capacity of {capacity}: {steps}.{words.resolved(cells, members)}")
    return sentences


def lang_answers(cells):
    """One sentence per payload: the same call from and to each language, over the transport and serializer that most
    of them share."""
    groups = {}
    named = ("payload", "transport", "serializer", "wake", "placement")
    for c in between_envs(cells, lang=None, workload="echo"):
        key = (*(c.axes[axis] for axis in named), words.otherwise(c, *named, "lang"))
        groups.setdefault(key, []).append(c)
    chosen = {}
    for key, members in sorted(groups.items()):
        if len(members) > max(1, len(chosen.get(key[0], ((), ()))[1])):
            chosen[key[0]] = (key, members)
    sentences = []
    for payload, (key, members) in sorted(chosen.items()):
        members.sort(key=lambda c: c.estimate("p50_ns"))
        costs = ", ".join(f"{c.lang} {time_text(c.estimate('p50_ns'))}" for c in members)
        sentences.append(f"{payload} over {key[1]} with {key[2]} ({key[3]}, {key[4]}): a round trip with lang {costs}.{words.resolved(cells, members)}")
    return sentences


def stamping_answers(cells):
    """What stamping the stages costs: cells with and without, of the same blocks."""
    ratios, compared = [], []
    for c in grouping.find(cells, stages=1):
        twin = cells.get(load.cell_key({**c.axes, "stages": 0}))
        ours, theirs = stats.paired(c.blocks("p50_ns"), twin.blocks("p50_ns")) if twin else ([], [])
        if ours:
            ratios.append((stats.ratio(ours, theirs).estimate, c.text))
            compared.append(c)
    if not ratios:
        return []
    low, high = min(ratios), max(ratios)
    return [f"Stamping the stages makes a call {low[0]:.2f}× ({low[1]}) to {high[0]:.2f}× ({high[1]}) as long.{words.resolved(cells, compared)}"]


# ---- how far to believe it ----

def belief_answers(cells):
    """What each family resolves, which cells are flagged and why, and what the machine did."""
    sentences = [f"Identical arms of **{family}** differ by {100 * (low - 1):+.0f} to {100 * (high - 1):+.0f} %: {found.text}."
                 for family, found in sorted(cells.resolutions.items()) for low, high in [(found.low, found.high)]]
    kinds = {}
    for c in cells.values():
        for flag in c.flags:
            kinds.setdefault(flag.split(":")[0], []).append(c)
    sentences += [f"{len(members)} of {len(cells)} cells are flagged **{kind}**." for kind, members in sorted(kinds.items())]
    return sentences + noise.conditions(cells)


def stopped_answers(cells):
    """Of a run with --until."""
    return until.sentences(cells)


QUESTIONS = (("short", "In short", short_answers),
             ("transport", "Which transport?", transport_answers),
             ("serializer", "Which serializer?", serializer_answers),
             ("dominance", "From which size on does serializing outweigh the transport?", dominance_answers),
             ("wire", "What remains of serializing's share between hosts?", wire_answers),
             ("wake", "What does sleeping cost against spinning?", wake_answers),
             ("load", "What happens under load?", load_answers),
             ("lang", "What does the language cost?", lang_answers),
             ("stamping", "What does stamping cost?", stamping_answers),
             ("belief", "How far to believe this?", belief_answers),
             ("stopped", "Why did each cell stop?", stopped_answers))
NAMES = tuple(name for name, _, _ in QUESTIONS)


def sections(cells, only=NAMES):
    """[(name, question, sentences)] of those that there is an answer to."""
    made = [(name, question, answer(cells)) for name, question, answer in QUESTIONS if name in only]
    return [section for section in made if section[2]]
