"""Writes the figures of docs/findings.md from the published lines: every block between <!-- name --> and <!-- /name -->, over all machines in
results/. Sentences are made here, so that no figure of the document is anybody's memory. tests/python/test_published.py compares.

    python experiments/report/findings.py [--check]      from the root of the sources
"""
import argparse
import glob
import os
import re
import sys

import answers
import cells as grouping
import crossover
import load
import machines
import noise
import program
import stats
import studies
import words

DOCUMENT, FOLDER = os.path.join("docs", "findings.md"), "results"
MATRICES = ("transports", "serializers", "workloads")
TRANSPORTS = ("shm", "pipe", "mqueue", "unix", "tcp")
SIZES = ("bytes:64", "bytes:4096", "bytes:65536", "bytes:1048576")
SERIALIZERS = ("msgpack", "pickle", "cloudpickle", "dill", "auto")
BLOCK = re.compile(r"<!-- ([\w-]+) -->\n.*?<!-- /\1 -->", re.DOTALL)


class Machine:
    """A machine's newest published run of each matrix."""

    def __init__(self, name, files):
        self.name, self.cells, self.results = name, {}, {}
        for matrix, path in files.items():
            self.results[matrix], = studies.split(load.load([path]))
            self.cells[matrix] = grouping.group(self.results[matrix])
        self.kind = machines.figures(self.results["transports"], self.cells["transports"])

    @property
    def title(self):
        return f"{words.time_text(self.kind['wake_ns'])} to wake a processor (`{self.name}`)"

    def echo(self, matrix="transports", **axes):
        """transport or serializer cells of echoes from C, across processors and adaptive unless said otherwise; None where there is none."""
        wanted = {"workload": "echo", "serializer": "none", "wake": "adaptive", "placement": "cross", "payload": "bytes:64", **axes}
        found = [c for c in grouping.find(self.cells[matrix], **wanted) if c.is_plain and c.lang == "c"]
        return found[0] if found else None

    def ratio(self, ours, theirs):
        a, b = stats.paired(ours.blocks("p50_ns"), theirs.blocks("p50_ns")) if ours and theirs else ([], [])
        return stats.ratio(a, b) if a else None


def newest(folder=FOLDER):
    """[Machine], the one that wakes slowest first."""
    found = {}
    for path in sorted(glob.glob(os.path.join(folder, "*", "*.jsonl.gz"))):
        matrix = os.path.basename(path)[len("2026-11-23-"):-len(".jsonl.gz")]
        if matrix in MATRICES:
            found.setdefault(os.path.basename(os.path.dirname(path)), {})[matrix] = path
    made = [Machine(name, files) for name, files in found.items() if len(files) == len(MATRICES)]
    return sorted(made, key=lambda m: -m.kind["wake_ns"])


# ---- words ----

def per_machine(make):
    """The block of each machine, under its title."""
    return lambda all_machines: "\n\n".join(f"*{m.title}*\n\n{make(m)}" for m in all_machines)


def listed(sentence):
    """One item for each machine."""
    return lambda all_machines: "\n".join(f"- **{m.title}:** {sentence(m)}" for m in all_machines)


def table(head, rows):
    return "\n".join(["| " + " | ".join(head) + " |", "|" + "---|" * len(head)] + ["| " + " | ".join(row) + " |" for row in rows])


def times_text(ratio):
    return "–" if ratio is None else f"{words.digits(ratio.estimate)}× ({words.digits(ratio.low)}–{words.digits(ratio.high)})"


def span(ratios):
    """From the least to the largest estimate."""
    low, high = min(r.estimate for r in ratios), max(r.estimate for r in ratios)
    low, high = words.digits(low), words.digits(high)
    return f"{low} times" if low == high else f"{low} to {high} times"


def time_cell(cell, bold):
    if cell is None:
        return "–"
    r, text = cell.interval("p50_ns"), words.time_text(cell.estimate("p50_ns"))
    return f"{'**' + text + '**' if bold else text} ({words.time_text(r.low)}–{words.time_text(r.high)}){' ⚑' if cell.flags else ''}"


def compared(m, cells_of, matrix, axis, names, columns, key):
    """A table, rows by name, with the winner of each column in bold."""
    rows = {name: [name] for name in names}
    everybody = []
    for column in columns:
        members = {name: cells_of(**{axis: name, key: column}) for name in names}
        there = [c for c in members.values() if c and c.joins_envs]
        everybody += there
        best, tied = stats.winners({c.axes[axis]: c.blocks("p50_ns") for c in there}, m.cells[matrix].resolution(there).log) if there else ("", [""])
        for name, cell in members.items():
            rows[name].append(time_cell(cell, name == best and not tied))
    heads = [axis] + [words.size_text(int(c[6:])) if re.fullmatch(r"bytes:\d+", c) else c for c in columns]
    return table(heads, [row for row in rows.values() if any(text != "–" for text in row[1:])]) + "\n\n" + resolved(m, matrix, everybody)


def resolved(m, matrix, compared_cells):
    return m.cells[matrix].resolution(compared_cells).text.capitalize() + "."


# ---- the blocks ----

def machines_block(all_machines):
    rows = []
    for m in all_machines:
        runs = [run for results in m.results.values() for run in results.runs]
        trials = [t for results in m.results.values() for t in results.trials]
        cells = [c for found in m.cells.values() for c in found.values()]
        finger = runs[0]["fingerprint"]
        rows.append([f"[`{m.name}`](../results/{m.name}/index.html)", f"{finger['processor']['processors']} × {finger['processor']['model']}, virtual",
                     *(machines.value_text(name, m.kind[name]) for name in ("wake_ns", "line_ns")), finger["kernel"]["guest_halt_poll_ns"] or "–",
                     max(t["time"] for t in trials)[:10], f"{len(trials)}, {sum(not t['ok'] for t in trials)} failed",
                     f"{sum(bool(c.flags) for c in cells)} of {len(cells)}"])
    return table(["machine", "processors", "waking one", "cache line, there and back", "guest halt poll, ns", "measured", "trials", "flagged cells"], rows)


def sizes(m, matrix):
    """The sizes that were sent over TCP, in bytes, ascending."""
    return sorted({c.axes["size_bytes"] for c in grouping.find(m.cells[matrix], workload="echo", transport="tcp", serializer="none")
                   if c.axes["payload"].startswith("bytes:")})


def network(m):
    def against(wake):
        """[(size, TCP ÷ shm)] of every size measured, in whichever matrix."""
        pairs = [(size, m.ratio(*(m.echo(matrix, transport=t, payload=f"bytes:{size}", wake=wake) for t in ("tcp", "shm"))))
                 for size, matrix in sorted({size: matrix for matrix in ("serializers", "transports") for size in sizes(m, matrix)}.items())]
        return [(size, r) for size, r in pairs if r]
    adaptive, block = against("adaptive"), against("block")
    each = ", ".join(f"{words.digits(r.estimate)} at {words.size_text(size)}" for size, r in adaptive)
    small = [r for size, r in block if size <= 4096]
    return (f"between processors that do not sleep TCP takes {span([r for _, r in adaptive])} as long as shm ({each}); where both sleep, "
            f"{span(small)} up to 4 KiB.")


def dominance(m):
    parts = []
    found = [f for f in crossover.crossings(m.cells["serializers"]) if f.lang == "c"]
    for name in SERIALIZERS:
        members = [f for f in found if f.serializer == name and f.transport in TRANSPORTS]
        if members and all(f.side == "below" for f in members):
            parts.append(f"with {name} over every transport from the smallest record on ({words.size_text(members[0].sizes[0])} encoded)")
        elif members:
            each = ", ".join(f"{f.transport} {'always' if f.side == 'below' else 'never' if f.side == 'above' else 'from ' + words.size_text(f.size.estimate)}"
                             for f in sorted(members, key=lambda f: TRANSPORTS.index(f.transport)))
            parts.append(f"with {name}: {each}")
    return "encoding and decoding take more than half of a call " + "; ".join(parts) + "."


def waking(m):
    ratios = {wake: {t: m.ratio(m.echo(transport=t, wake=wake), m.echo(transport=t, wake="spin")) for t in TRANSPORTS} for wake in ("block", "adaptive")}
    block = {t: r for t, r in ratios["block"].items() if r}
    low, high = min(block, key=lambda t: block[t].estimate), max(block, key=lambda t: block[t].estimate)
    return (f"sleeping takes {words.digits(block[low].estimate)} ({low}) to {words.digits(block[high].estimate)} ({high}) times as long as spinning, adaptive waiting "
            f"{span([r for r in ratios['adaptive'].values() if r])}.")


def payloads(m):
    return sorted({c.axes["payload"] for c in grouping.find(m.cells["serializers"], workload="echo", transport="shm", wake="adaptive", placement="cross",
                                                            serializer="pickle") if c.is_plain},
                  key=lambda p: (p.split(":")[0], m.echo("serializers", transport="shm", serializer="pickle", payload=p).estimate("p50_ns")))


def succession(m):
    parts = []
    for name in ("msgpack", "cloudpickle", "dill", "auto"):
        ratios = [m.ratio(m.echo("serializers", transport="shm", serializer=name, payload=p), m.echo("serializers", transport="shm", serializer="pickle", payload=p))
                  for p in payloads(m)]
        parts.append(f"{name} {span([r for r in ratios if r])}")
    return f"a round trip over shm, whatever is sent, takes as long as with pickle: {', '.join(parts)}."


def transports_table(placement, wake):
    return per_machine(lambda m: compared(m, lambda **axes: m.echo(wake=wake, placement=placement, **axes), "transports", "transport", TRANSPORTS + ("queue",)
                                          if wake == "adaptive" else TRANSPORTS, SIZES, "payload"))


def serializers_table(m):
    return compared(m, lambda **axes: m.echo("serializers", transport="shm", **axes), "serializers", "serializer", SERIALIZERS, payloads(m), "payload")


def crossings_table(m):
    found = {(f.transport, f.serializer): f for f in crossover.crossings(m.cells["serializers"]) if f.lang == "c"}

    def text(f):
        if f is None:
            return "–"
        if f.side != "within":
            return ("≤ " if f.side == "below" else "> ") + words.size_text(f.sizes[0 if f.side == "below" else -1])
        return f"{words.size_text(f.size.estimate)} ({words.size_text(f.size.low)}–{words.size_text(f.size.high)})"
    names = [s for s in SERIALIZERS if any(key[1] == s for key in found)]
    return table(["transport"] + names, [[t] + [text(found.get((t, s))) for s in names] for t in TRANSPORTS])


def left_table(m):
    """What the choice of transport is still worth beside a serializer."""
    names = [p for p in payloads(m) if p.split(":")[0] in ("record", "records")]
    rows, everybody = [], []
    for payload in names:
        row = [payload]
        for name in SERIALIZERS[:4]:
            pair = [m.echo("serializers", transport=t, serializer=name, payload=payload) for t in ("tcp", "shm")]
            everybody += [c for c in pair if c]
            row.append(times_text(m.ratio(*pair)))
        if any(text != "–" for text in row[1:]):
            rows.append(row)
    return table(["TCP ÷ shm"] + list(SERIALIZERS[:4]), rows) + "\n\n" + resolved(m, "serializers", everybody)


def wake_table(m):
    rows, everybody = [], []
    for t in TRANSPORTS:
        by_wake = {wake: m.echo(transport=t, wake=wake) for wake in ("spin", "adaptive", "block")}
        everybody += by_wake.values()
        rows.append([t, time_cell(by_wake["spin"], False), times_text(m.ratio(by_wake["adaptive"], by_wake["spin"])),
                     times_text(m.ratio(by_wake["block"], by_wake["spin"])),
                     ", ".join(words.time_text(c.estimate("cpu_ns_per_message")) for c in by_wake.values())])
    return (table(["transport", "spinning", "adaptive ÷ spinning", "blocking ÷ spinning", "processor time: spin, adaptive, block"], rows) + "\n\n"
            + resolved(m, "transports", everybody))


def sentences(matrix, name):
    def made(m):
        (_, _, found), = answers.sections(m.cells[matrix], (name,))
        return "\n".join(f"- {s}" for s in found)
    return per_machine(made)


def belief(m):
    shares = [r.share for found in m.cells.values() for r in found.resolutions.values()]
    return (f"families resolve differences of {noise.percent(min(shares))} to {noise.percent(max(shares))}. "
            + " ".join(noise.conditions({(k, key): c for k, found in m.cells.items() for key, c in found.items()})))


BLOCKS = {"machines": machines_block, "network": listed(network), "dominance": listed(dominance), "waking": listed(waking), "succession": listed(succession),
          "adaptive": transports_table("cross", "adaptive"), "block": transports_table("cross", "block"), "same": transports_table("same", "block"),
          "serializers": per_machine(serializers_table), "crossings": per_machine(crossings_table), "left": per_machine(left_table),
          "wake": per_machine(wake_table), "load": sentences("transports", "load"), "languages": sentences("workloads", "lang"), "belief": listed(belief)}


def filled(text, all_machines, blocks):
    """The document with its blocks made anew."""
    def block(found):
        return f"<!-- {found[1]} -->\n{blocks[found[1]](all_machines)}\n<!-- /{found[1]} -->"
    return BLOCK.sub(block, text)


def write(document, blocks):
    """The command line of a program that writes a document's blocks."""
    parser = argparse.ArgumentParser(description=f"The figures of {document} from the published lines.")
    parser.add_argument("--check", action="store_true", help="change nothing; exit 1 where the document differs")
    args = parser.parse_args()
    with open(document, encoding="utf-8") as file:
        before = file.read()
    after = filled(before, newest(), blocks)
    if not args.check and after != before:
        with open(document, "w", encoding="utf-8") as file:
            file.write(after)
    if args.check and after != before:
        print(f"{document} does not say what the published lines say; run {sys.argv[0]}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    program.run("findings", lambda: write(DOCUMENT, BLOCKS))
