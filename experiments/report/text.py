"""The report for a terminal: 100 columns, no colour when it is not one."""

import answer
import cells
import ranking as rankings
import stats
import units

WIDTH = 100


class Style:
    def __init__(self, colour):
        self.colour = colour

    def wrap(self, code, text):
        return f"\x1b[{code}m{text}\x1b[0m" if self.colour else text

    def head(self, text):
        return self.wrap("1", text)

    def dim(self, text):
        return self.wrap("2", text)

    def stars(self, text):
        """*name* as bold, or plain without colour."""
        parts = text.split("*")
        return "".join(self.wrap("1", part) if at % 2 else part for at, part in enumerate(parts))


def fill(text, first="", rest=None, width=WIDTH):
    """Wraps at spaces; stars that mark names take no room."""
    rest = first if rest is None else rest
    lines, line = [], first
    for word in text.split(" "):
        if len((line + " " + word).replace("*", "")) > width and line not in (first, rest):
            lines.append(line)
            line = rest + word
        else:
            line += word if line in (first, rest) else " " + word
    return lines + [line]


def table(head, rows, left=1):
    """Aligned columns, the first `left` of them to the left. The last may be text of any length and is cut to fit."""
    widths = [max(len(row[at]) for row in [head] + rows) for at in range(len(head))]
    out = []
    for row in [head] + rows:
        texts = [text.ljust(width) if at < left or at == len(head) - 1 else text.rjust(width)
                 for at, (text, width) in enumerate(zip(row, widths))]
        line = ("  " + "  ".join(texts)).rstrip()
        out.append(line if len(line) <= WIDTH else line[:WIDTH - 1] + "…")
    return out


def header(table_of_cells):
    results = table_of_cells.results
    runs = list(results.runs.values())
    print_of = runs[0]["fingerprint"]
    processor, kernel = print_of.get("processor", {}), print_of.get("kernel", {})
    git, build = print_of.get("git", {}), print_of.get("build", {})
    times = sorted(str(run["fingerprint"].get("time", "")) for run in runs)
    failed = sum(not trial.ok for trial in results.trials)
    virtual = ", virtual" if processor.get("virtual") else ""
    revision = str(git.get("revision") or "unknown")[:12] + (" with changes" if git.get("dirty") else "")
    return [
        f"Corps Lab: {units.join(dict.fromkeys(str(run.get('matrix', '?')) for run in runs))}",
        f"{processor.get('model', 'unknown processor')}, {processor.get('processors', '?')} processors{virtual}, kernel "
        f"{kernel.get('release', 'unknown')}",
        f"{times[0]}, {units.join(sorted(results.runs))}, {build.get('compiler', '?')} {build.get('compiler_version', '')}, "
        f"revision {revision}",
        ", ".join([units.count(table_of_cells.block_count, "block"), units.count(len(table_of_cells.cells), "cell"),
                   units.count(len(table_of_cells.controls), "control"), units.count(len(results.trials), "trial"),
                   f"{failed} failed"]),
    ]


def control_name(cell):
    return "" if cell.control is None else cell.control.transport.partition(":")[2]


def where(cell):
    return f"{answer.place(cell)}, wake {cell.wake}"


def extra(cell):
    """Axes that tell rows of one table apart beyond its columns."""
    shown = {"window": 16 if cell.workload == "pipeline" else 1, "gap_us": 0, "concs": 8 if cell.workload in ("fanout", "ring") else 1,
             "lang": "c", "pattern": "import" if cell.workload == "search" else "", "seed": 1}
    return " ".join(f"{name}={cell.axes[name]}" for name, usual in shown.items() if cell.axes.get(name) != usual)


def grouped(found, key):
    groups = {}
    for cell in found:
        groups.setdefault(key(cell), []).append(cell)
    return groups.values()


def latency(found, style):
    """p50 and p99 of round trips, beside the raw control of the same mechanism. Cells that have no rival but in their
    serializer stand in the tables of serializers."""
    out = []
    calls = [cell for cell in found.cells if cell.workload == "echo" and cell.good]
    several = {axis: {id(cell) for rivals in rankings.contexts(calls, axis).values() if len(rivals) > 1 for cell in rivals}
               for axis in ("transport", "serializer")}
    calls = [cell for cell in calls if cell.serializer == "none" or id(cell) in several["transport"]
             or id(cell) not in several["serializer"]]
    for group in grouped(calls, lambda cell: (cell.placement, cell.wake, cell.serializer)):
        out += ["", style.head(f"Round trip {where(group[0])}, {group[0].serializer}")]
        rows = [(cell.transport, units.payload(cell), units.time(cell.value("p50_ns")), units.time(cell.value("p99_ns")),
                 units.estimate(cell.to_control), control_name(cell), units.time(cell.value("cpu_ns_per_message")),
                 " ".join(filter(None, [extra(cell), *cell.flags]))) for cell in group]
        out += table(("transport", "payload", "p50", "p99", "× raw", "of", "cpu/msg", "flags"), rows, 2)
    return out


def throughput(found, style):
    out = []
    streams = [cell for cell in found.cells if cell.workload in ("pipeline", "oneway") and cell.good]
    for group in grouped(streams, lambda cell: (cell.workload, cell.placement, cell.wake, cell.serializer)):
        out += ["", style.head(f"Throughput, {group[0].workload} {where(group[0])}, {group[0].serializer}")]
        rows = [(cell.transport, units.payload(cell), units.rate(cell.value("messages_per_s")),
                 units.byte_rate(cell.value("bytes_per_s")), units.time(cell.value("p50_ns")),
                 units.time(cell.value("cpu_ns_per_message")), " ".join(filter(None, [extra(cell), *cell.flags])))
                for cell in group]
        out += table(("transport", "payload", "messages", "bytes", "p50", "cpu/msg", "flags"), rows, 2)
    return out


def serializing(found, style):
    """Round trips by serializer where two or more were measured, with the estimated share of serializing."""
    out = []
    shares = rankings.shares(found)
    calls = [cell for cell in found.cells if cell.workload == "echo" and cell.good]
    for group in grouped(calls, lambda cell: (cell.transport, cell.placement, cell.wake)):
        several = [rivals for rivals in rankings.contexts(group, "serializer").values() if len(rivals) > 1]
        if not several:
            continue
        rows = []
        for cell in (cell for rivals in several for cell in rivals):
            cost = rankings.reference_cost(found, cell)
            share = shares.get(cell.key)
            rows.append((units.payload(cell), cell.serializer, units.size(cell.size_bytes), units.time(cell.value("p50_ns")),
                         units.estimate(cost[1]) if cost else units.MISSING, cost[0] if cost else "",
                         units.percent(max(0.0, share.share)) if share else units.MISSING,
                         units.time(cell.value("cpu_ns_per_message"))))
        out += ["", style.head(f"Serializers over {group[0].transport} {where(group[0])}")]
        out += table(("payload", "serializer", "size", "p50", "× ref", "ref", "share", "cpu/msg"), rows, 2)
    if out:
        out += fill("share: what serializing takes of the call, estimated against serializer none at the same transport, "
                    "placement, wake and nearest size", "  ")
    return out


def shapes(found, style):
    out = []
    others = [cell for cell in found.cells if cell.workload not in ("echo", "pipeline", "oneway") and cell.good]
    for group in grouped(others, lambda cell: (cell.placement, cell.wake, cell.serializer)):
        out += ["", style.head(f"Other work {where(group[0])}, {group[0].serializer}")]
        rows = [(cell.workload, cell.transport, units.time(cell.value("p50_ns")), units.time(cell.value("p99_ns")),
                 units.rate(cell.value("messages_per_s")), units.time(cell.value("cpu_ns_per_message")),
                 " ".join(filter(None, [extra(cell), *cell.flags]))) for cell in group]
        out += table(("workload", "transport", "p50", "p99", "messages", "cpu/msg", "flags"), rows, 2)
    return out


def controls(found, style):
    if not found.controls:
        return []
    drifts = {id(cell): drift for cell, drift in found.drifts}
    rows = [(cell.transport, answer.PLACES.get(cell.placement, cell.placement), cell.wake, units.time(cell.value("p50_ns")),
             units.time(cell.value("p99_ns")), units.time(cell.value("cpu_ns_per_message")),
             units.percent(drifts.get(id(cell)))) for cell in found.controls if cell.good]
    return ["", style.head("Raw controls: bare ping-pongs of 64 B, without the core")] + \
        table(("control", "where", "wake", "p50", "p99", "cpu/msg", "drift"), rows, 3)


def noise(found, style):
    out = []
    if found.aa:
        out += ["", style.head("A/A: the same cell twice in each block, as the ratio to itself (1.00 is right)")]
        out += table(("family", "ratio", "verdict"),
                     [(family, units.estimate(estimate), "steady" if cells.steady(estimate) else "noisy")
                      if estimate.is_interval else (family, units.estimate(estimate), "too few blocks")
                      for family, estimate in found.aa.items()])
    shown = sorted({flag for cell in found.cells + found.controls for flag in cell.flags}, key=list(cells.FLAGS).index)
    if shown:
        out += ["", style.head("Flags")]
        for flag in shown:
            count = sum(flag in cell.flags for cell in found.cells + found.controls)
            out += fill(f"{units.count(count, 'cell')}: {cells.FLAGS[flag]}", f"  {flag.ljust(11)}", " " * 13)
    return out


def failures(found, style):
    rows = found.failures()
    if not rows:
        return []
    out = ["", style.head("Failed trials")]
    for cell, failed, count, reasons in rows:
        name = " ".join(str(cell.axes[axis]) for axis in ("workload", "transport", "serializer", "payload", "wake", "placement"))
        out += fill(f"{name} {extra(cell)} {cell.arm}".rstrip() + f": {failed} of {count} failed", "  ", "    ")
        for reason, times in reasons.items():
            out += fill(f"{times} × {reason}", "    ", "      ")
    return out


def legend(found):
    few = "Parentheses: the range over blocks, which are too few. " if found.block_count < stats.MIN_BLOCKS else ""
    return [""] + fill("p50 and p99 are medians over blocks. × raw is the ratio to the raw control of the same mechanism, placement "
                       "and wake (64 B, without the core; adaptive stands beside block), with its 95 % interval over blocks in brackets. " + few +
                       "queue works within one process; null delivers nothing: neither is ranked with the rest.")


def report(found, colour=False):
    """The whole report as text."""
    style = Style(colour)
    head = header(found)
    out = [style.head(head[0])] + [style.dim(part) for line in head[1:] for part in fill(line)]
    out += ["", style.head("The answer in words")]
    for _, line in answer.lines(found):
        out += [style.stars(part) for part in fill(line, "  ", "    ")]
    for section in (latency, throughput, serializing, shapes, controls, noise, failures):
        out += section(found, style)
    return "\n".join(out + legend(found)) + "\n"
