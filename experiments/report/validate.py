"""corps-lab validate FILE…: is this a results file that can be believed, line by line and as a whole?

Beyond what reading demands (schema, doubles, foreign lines, checksums), each trial's figures must agree with each other, every block of
a family must hold the same cells, and every trial that was planned must be there. Exit status: 0 valid, 1 not (one line for each kind of fault, with its file and line).
"""
import math
import sys

import cells as grouping
import load
import private
import until
import words
import program

RUN_FIELDS = {"run": str, "matrix": str, "plan": str, "seed": int, "blocks": int, "fingerprint": dict}
TRIAL_FIELDS = {"run": str, "family": str, "block": int, "order": int, "cell": dict, "ok": bool, "flags": list}
FIGURES = ("messages", "seconds", "messages_per_s")
NEAR = 0.01  # figures that follow from each other agree within this share; histograms of published files have wide buckets
FAULTS_SHOWN = 20


def number(value):
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)


def near(a, b, share=NEAR):
    return abs(a - b) <= share * max(abs(a), abs(b)) + 1e-9


def missing(record, fields):
    """The first field that is not there or of the wrong kind."""
    for name, kind in fields.items():
        value = record.get(name)
        if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
            return name
    return None


def trial_fault(trial):
    """Why a trial's line cannot be, or None."""
    name = missing(trial, TRIAL_FIELDS)
    if name:
        return f"the field {name} is missing or of the wrong kind"
    if not trial["ok"]:
        figures = [f for f in FIGURES + ("p50_ns", "p99_ns") if trial.get(f) is not None]
        return f"it failed and yet has {figures[0]}" if figures else None if trial.get("error") else "it failed without a reason"
    for name in FIGURES:
        if not number(trial.get(name)) or trial[name] <= 0:
            return f"{name} is not a positive number"
    if not near(trial["messages_per_s"], trial["messages"] / trial["seconds"]):
        return "messages_per_s is not messages / seconds"
    known = [trial[f] for f in ("p50_ns", "p99_ns", "p999_ns", "p9999_ns") if trial.get(f) is not None]
    highest = trial.get("max_ns")
    if known != sorted(known) or (known and highest is not None and highest < known[-1] * (1 - NEAR)):
        return "p50, p99 and max are not in order"
    return histogram_fault(trial)


def histogram_fault(trial):
    histogram = trial.get("histogram")
    if histogram is None:
        return None
    lows = [low for low, _ in histogram]
    if lows != sorted(set(lows)) or not histogram:
        return "the histogram is empty, or its buckets are not in order"
    half, seen = sum(count for _, count in histogram) / 2, 0
    for low, count in histogram:
        seen += count
        if seen >= half:
            break
    return None if trial.get("p50_ns") is None or near(trial["p50_ns"], low, 2 * NEAR) else "p50_ns is not the histogram's median"


def planned_blocks(run):
    """The numbers of the blocks that the run was to measure."""
    part, _, parts = str(run.get("shard") or "1/1").partition("/")
    return range(int(part) - 1, run["blocks"], int(parts)) if part.isdigit() and parts.isdigit() and int(parts) > 0 else range(0)


def until_faults(results, run):
    """A run with --until may leave cells out of further blocks, but only those that are known."""
    alone = load.Results()
    alone.runs, alone.trials = [run], [t for t in results.trials if t["run"] == run["run"]]
    cells = grouping.group(alone)
    known = until.reasons(cells, run["until"])
    held = {}
    for t in alone.trials:
        held.setdefault((t["family"], load.cell_key(t["cell"])), set()).add(t["block"])
    faults = [f"run {run['run']}: {len(held)} of {run['block_trials']} cells are there; go on with --resume"] if len(held) < run["block_trials"] else []
    for key, blocks in held.items():
        if blocks != set(range(len(blocks))) or (len(blocks) < run["blocks"] and key not in known):
            faults.append(f"run {run['run']}, family {key[0]}: a cell has {len(blocks)} of {run['blocks']} blocks and is not known; go on with --resume")
    return faults


def plan_faults(results):
    """Runs of which trials are not there that were planned. A run that went on may hold further blocks."""
    faults, held = [], {}
    for t in results.trials:
        held.setdefault(t.get("run"), {}).setdefault(t.get("block"), []).append(t)
    for run in results.runs:
        each, blocks = run.get("block_trials"), held.get(run.get("run"), {})
        if missing(run, RUN_FIELDS) or not isinstance(each, int):
            continue
        if run.get("until"):
            faults += until_faults(results, run)
            continue
        short = [b for b in planned_blocks(run) if len(blocks.get(b, ())) < each]
        if short:
            there = sum(min(len(blocks.get(b, ())), each) for b in planned_blocks(run))
            faults.append(f"run {run['run']}: {there} of {each * len(planned_blocks(run))} planned trials are there (block {short[0]} has "
                          f"{len(blocks.get(short[0], ()))} of {each}); go on with --resume")
    return faults


def whole_faults(results):
    """Faults of the file as a whole."""
    known = {run.get("run") for run in results.runs}
    strangers = sorted({t.get("run") for t in results.trials} - known, key=str)
    faults = [f"trials of run {s}, which has no first line" for s in strangers]
    cells = {}
    adding = {run.get("run") for run in results.runs if run.get("until")}
    for t in (t for t in results.trials if t.get("run") not in adding):
        cells.setdefault((t.get("run"), t.get("family")), {}).setdefault(t.get("block"), set()).add(load.cell_key(t["cell"]))
    for (run, family), blocks in cells.items():
        largest = max(blocks.values(), key=len)
        short = sorted(b for b, held in blocks.items() if held != largest)
        if short:
            faults.append(f"run {run}, family {family}: block {short[0]} does not hold the cells that others hold; was the run "
                          f"stopped? go on with --resume ({len(short)} such blocks)")
    return faults + plan_faults(results)


def faults_of(path):
    """Every fault of a file, as lines. Raises load.BadResults when it cannot be read at all."""
    return examine(path)[0]


def examine(path):
    """(faults, results)"""
    bad = []
    results = load.load([path], bad)
    faults = bad + [f"{warning}" for warning in results.warnings]
    for run in results.runs:
        name = missing(run, RUN_FIELDS)
        if name:
            faults.append(f"{path}: run {run.get('run')}: the field {name} is missing or of the wrong kind")
    if not results.runs:
        faults.append(f"{path}: there is no line of kind run")
    for trial in results.trials:
        fault = trial_fault(trial)
        if fault:
            faults.append(f"{path}: block {trial.get('block')}, {load.cell_text(trial['cell'])}: {fault}")
    return faults + [f"{path}: {fault}" for fault in whole_faults(results)], results


def main():
    parser = program.Parser(prog="corps-lab validate", description="Checks results files line by line and as a whole.",
                                     epilog="Exit status: 0 valid, 1 not valid, 2 wrong usage.")
    parser.add_argument("files", nargs="+", metavar="FILE")
    parser.add_argument("--public", action="store_true", help="as in results/: nothing private of the machine (paths, addresses, command line)")
    args = parser.parse_args()
    bad = False
    for path in args.files:
        try:
            faults, results = examine(path)
            faults += [f"{path}: {fault}" for fault in private.faults(results)] if args.public else []
        except load.BadResults as error:
            faults = [str(error)]
        for fault in faults[:FAULTS_SHOWN]:
            print(f"corps-lab validate: {fault}", file=sys.stderr)
        if len(faults) > FAULTS_SHOWN:
            print(f"corps-lab validate: {path}: and {len(faults) - FAULTS_SHOWN} more", file=sys.stderr)
        bad = bad or bool(faults)
        if not faults:
            print(f"{path}: valid{words.unverified(results)}")
    return 1 if bad else 0


if __name__ == "__main__":
    program.run("validate", main)
