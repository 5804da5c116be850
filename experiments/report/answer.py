"""The answer in words, made from the numbers alone. Each line is (kind, text); text marks names with *stars*."""

import itertools

import cells
import ranking as rankings
import stats
import units

PLACES = {"same": "on one processor", "cross": "across processors", "unpinned": "wherever the kernel places them"}
MAIN_TRANSPORTS = ("shm", "unix", "pipe", "tcp", "mqueue", "queue")


def place(cell):
    return PLACES.get(cell.placement, cell.placement)


def names(rivals, axis):
    return units.join(f"*{getattr(cell, axis)}*" for cell in rivals)


def span(values):
    """"3.1" or "3.1 to 4.0"."""
    low, high = min(values), max(values)
    return low_text if (low_text := units.ratio(low)) == units.ratio(high) else f"{low_text} to {units.ratio(high)}"


def payload_span(cells_in_order):
    texts = [units.payload(cell) for cell in cells_in_order]
    if len(texts) > 2 and all(cell.payload.startswith("bytes:") for cell in cells_in_order):
        return f"from {texts[0]} to {texts[-1]}"
    return "at " + units.join(texts) if cells_in_order[0].payload.startswith("bytes:") else "for " + units.join(texts)


def verdict_key(ranking, axis):
    return (ranking.is_sure, ranking.has_winner, frozenset(getattr(cell, axis) for cell in ranking.ties),
            ranking.best.payload.startswith("bytes:"))


def verdict_text(group, axis):
    """One clause about rankings in a row that have the same outcome."""
    first = group[0]
    figures = units.join(show(ranking) for ranking in group) if len(group) < 4 else \
        f"{show(group[0])} … {show(group[-1])}"
    where = payload_span([ranking.best for ranking in group])
    if first.has_winner:
        slower = [ratio for ranking in group if (ratio := ranking.next_ratio()) is not None]
        nearest = {getattr(ranking.next_rival(), axis) for ranking in group}
        beside = f"next is {nearest.pop()}" if len(nearest) == 1 else "the next"
        return f"*{getattr(first.best, axis)}* wins {where} ({figures}; {beside}, {span(slower)} times slower)"
    if not first.is_sure:
        leaders = list(dict.fromkeys(getattr(ranking.best, axis) for ranking in group))
        return f"{units.join(f'*{name}*' for name in leaders)} leads {where} ({figures})"
    tied = sorted(first.ties, key=cells.order)
    return f"{names(tied, axis)} tie {where} (best {figures})"


def show(ranking):
    best = ranking.best
    return units.rate(best.value("messages_per_s")) if ranking.figure == "per_message_ns" else units.time(best.value("p50_ns"))


def clauses(group, axis):
    ordered = sorted(group, key=lambda ranking: cells.order(ranking.best))
    return "; ".join(verdict_text(list(part), axis)
                     for _, part in itertools.groupby(ordered, key=lambda ranking: verdict_key(ranking, axis)))


def by_setting(found):
    """Groups of rankings that share everything but the payload."""
    groups = {}
    for ranking in found:
        groups.setdefault(tuple(pair for pair in ranking.context if pair[0] != "payload"), []).append(ranking)
    return list(groups.values())


def merged(found, axis):
    """[(a cell, clauses)], one for each setting."""
    return [(group[0].best, clauses(group, axis)) for group in by_setting(found)]


def setting(cell, usual):
    """What a context has that is not usual, in words: " (gap 1000 µs, window 64)"."""
    words = []
    if cell.window != usual["window"]:
        words.append(f"{cell.window} in flight")
    if cell.gap_us != 0:
        words.append(f"{cell.gap_us} µs idle before each")
    if cell.concs not in (1, 8):
        words.append(f"{cell.concs} Concs")
    if cell.lang != "c":
        words.append(cell.lang)
    return f" ({', '.join(words)})" if words else ""


def latency_lines(table):
    found = [ranking for ranking in rankings.transports(table, {"echo"}) if ranking.best.serializer == "none"]
    if not found:  # nothing was measured without a serializer: then with whichever there is
        found = rankings.transports(table, {"echo"})
    for cell, text in merged(found, "transport"):
        through = "" if cell.serializer == "none" else f", {cell.serializer}"
        yield "latency", f"Round trip {place(cell)}, wake {cell.wake}{through}{setting(cell, {'window': 1})}: {text}."


def throughput_lines(table):
    for cell, text in merged(rankings.transports(table, {"pipeline", "oneway"}), "transport"):
        what = "Requests in a pipeline" if cell.workload == "pipeline" else "Messages one way"
        usual = {"window": 16 if cell.workload == "pipeline" else 1}
        through = "" if cell.serializer == "none" else f", {cell.serializer}"
        yield "throughput", f"{what} {place(cell)}, wake {cell.wake}{through}{setting(cell, usual)}: {text}."


def shape_lines(table):
    groups = {}
    for ranking in rankings.transports(table, {"fanout", "ring", "search"}):
        groups.setdefault((ranking.best.placement, ranking.best.wake, ranking.best.serializer), []).append(ranking)
    for group in groups.values():
        cell = group[0].best
        parts = [f"{ranking.best.workload}{setting(ranking.best, {'window': 1})}: {outcome(ranking)}" for ranking in group]
        yield "shapes", f"Other work {place(cell)}, wake {cell.wake}, {cell.serializer}: {'; '.join(parts)}."


def outcome(ranking):
    if ranking.has_winner:
        return f"*{ranking.best.transport}* wins ({show(ranking)}; the next is {ranking.next_ratio():.2f} times slower)"
    if ranking.is_sure:
        return f"{names(sorted(ranking.ties, key=cells.order), 'transport')} tie (best {show(ranking)})"
    return f"*{ranking.best.transport}* leads ({show(ranking)})"


def main_context(found, axis_order):
    """Of rankings of serializers, those of the one transport, placement and wake that carry the most payloads."""
    def weight(group):
        transport = group[0].best.transport
        return (-len(group), axis_order.index(transport) if transport in axis_order else len(axis_order))

    return min(by_setting(found), key=weight, default=[])


def serializer_lines(table):
    group = main_context(rankings.serializers(table), MAIN_TRANSPORTS)
    if not group:
        return
    cell = group[0].best
    yield "serializers", f"Serializer over {cell.transport} {place(cell)}, wake {cell.wake}: {clauses(group, 'serializer')}."
    found = rankings.shares(table)
    parts = []
    for ranking in sorted(group, key=lambda ranking: cells.order(ranking.best)):
        known = [found[rival.key] for rival in ranking.rivals if rival.key in found]
        if known:
            low, high = (max(0.0, pick(share.share for share in known)) for pick in (min, max))
            text = units.percent(low) if units.percent(low) == units.percent(high) else \
                f"{100 * low:.0f} to {units.percent(high)}"
            parts.append(f"{text} for {units.payload(ranking.best)}")
    if parts:
        yield "share", f"Serializing is this much of such a call, from the best serializer to the worst: {units.join(parts)}."


def wake_lines(table):
    """What waiting costs: the policies side by side, always with the processor time that they take."""
    groups = rankings.contexts([cell for cell in table.cells if cell.workload == "echo" and cell.serializer == "none"
                                and cell.value("p50_ns")], "wake")
    wanted = {}
    for group in groups.values():
        cell = group[0]
        if len(group) > 1 and cell.transport in MAIN_TRANSPORTS[:-1] and cell.gap_us == 0:
            best = wanted.get(cell.placement)
            rank = (MAIN_TRANSPORTS.index(cell.transport), cell.size_bytes)
            if best is None or rank < best[0]:
                wanted[cell.placement] = (rank, group)
    for _, group in wanted.values():
        cell = group[0]
        parts = [f"{other.wake} {units.time(other.value('p50_ns'))} at {units.time(other.value('cpu_ns_per_message'))} of "
                 f"processor time" for other in group]
        yield "wake", f"Waiting, {units.payload(cell)} over {cell.transport} {place(cell)}: {units.join(parts)}."


def trust_lines(table):
    failed = sum(count for _, count, _, _ in table.failures())
    if failed:
        yield "failed", f"{units.count(failed, 'trial')} failed: {'it counts' if failed == 1 else 'they count'} for nothing " \
            "above; see the failed cells below."
    if table.block_count < stats.MIN_BLOCKS:
        yield "blocks", (f"{units.count(table.block_count, 'block')}: too few for a 95 % interval, which takes "
                         f"{stats.MIN_BLOCKS} or more. So nobody wins here; who leads has the best median, and ranges over "
                         "blocks stand in parentheses.")
    noisy = [family for family, estimate in table.aa.items() if not cells.steady(estimate)]
    if noisy:
        yield "noise", (f"Noise: in {units.join(noisy)} the same cell measured twice differs from itself or is known to no "
                        "better than ±10 %; take small differences there for nothing.")


def lines(table):
    """[(kind, text)]"""
    makers = (latency_lines, wake_lines, throughput_lines, serializer_lines, shape_lines, trust_lines)
    found = [line for make in makers for line in make(table)]
    return found or [("none", "Nothing here can be ranked: no two cells differ in their transport or serializer alone.")]
