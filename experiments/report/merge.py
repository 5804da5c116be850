"""corps-lab merge FILE… --out OUT: shards or sessions as one results file, every line byte for byte as it stood.

The lines that describe runs come first, then the trials. What cannot belong together is refused: another schema, plan or matrix, shards of
one run's seed or number that differ, doubled trials, foreign lines. Machines are kept apart: with several, OUT must contain {machine}, and
becomes a file for each. A cut last line is left out with a warning; a shard that is missing is a warning too.

Exit status: 0 merged; 1 refused, with the reason; 2 usage.
"""
import gzip
import json
import os
import re
import sys
from typing import NamedTuple

import load
import program

MACHINE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")  # it becomes part of a file's name


class Refused(Exception):
    """Why the files cannot be merged, in one line."""


class Line(NamedTuple):
    """A line as it stood, what it says, and where: file:number."""

    where: str
    record: dict
    text: str


def say(text):
    print(f"corps-lab merge: {text}", file=sys.stderr)


def is_json(text):
    try:
        json.loads(text)
    except ValueError:
        return False
    return True


def read(paths):
    """Lines of runs, lines of trials. Raises load.BadResults for what is no results."""
    results, seen, runs, trials = load.Results(), {}, [], []
    for path in paths:
        for number, text, whole in load.lines_of(path):
            where = f"{path}:{number}"
            if not whole and not is_json(text):
                say(f"{where}: the last line is cut short and was left out")
                continue
            before = len(results.runs)
            load.take(results, seen, path, number, text)
            if len(results.runs) > before:
                runs.append(Line(where, results.runs[-1], text))
            else:
                trials.append(Line(where, results.trials[-1], text))
    return runs, trials


def one(lines, value_of, what):
    """Refuses lines whose values differ."""
    for line in lines[1:]:
        first, value = value_of(lines[0].record), value_of(line.record)
        if value != first:
            raise Refused(f"{line.where}: another {what} ({value}) than at {lines[0].where} ({first}); merge them apart")


def machine_of(line):
    fingerprint = line.record.get("fingerprint")
    machine = fingerprint.get("machine") if isinstance(fingerprint, dict) else None
    if not isinstance(machine, str) or not MACHINE.fullmatch(machine):
        raise Refused(f"{line.where}: a run without its machine's name; merge files as corps-lab run writes them")
    return machine


def check_shards(shards):
    """Shards hold parts of one order of blocks, each part once a machine."""
    for line in shards:
        if not re.fullmatch(r"[1-9][0-9]*/[1-9][0-9]*", str(line.record["shard"])):
            raise Refused(f"{line.where}: shard {line.record['shard']} is none; it should be i/n")
    one(shards, lambda run: run.get("seed"), "seed, and shards of one run share theirs")
    one(shards, lambda run: run["shard"].split("/")[1], "number of shards")
    at = {}
    for line in shards:
        key = machine_of(line), line.record["shard"]
        if key in at:
            raise Refused(f"{line.where}: shard {key[1]}, as at {at[key]}; each shard belongs there once")
        at[key] = line.where


def say_what_is_missing(runs):
    """Results without a shard are results, of fewer blocks."""
    shards = {line.record["shard"] for line in runs if line.record.get("shard")}
    count = int(next(iter(shards)).split("/")[1]) if shards else 0
    missing = [f"{i}/{count}" for i in range(1, min(count, 1000) + 1) if f"{i}/{count}" not in shards]
    if missing:
        say(f"shard {', '.join(missing)} is not there: its blocks will be missing")


def check_runs(runs):
    """run → machine."""
    one(runs, lambda run: run.get("matrix"), "matrix")
    one(runs, lambda run: run.get("plan"), "plan (cells or lengths of trials)")
    machines, at = {}, {}
    for line in runs:
        run = str(line.record.get("run"))
        if run in machines:
            raise Refused(f"{line.where}: run {run} is described at {at[run]} already; name each file once")
        machines[run], at[run] = machine_of(line), line.where
    check_shards([line for line in runs if line.record.get("shard")])
    return machines


def check_trials(trials, machines):
    """Each belongs to a run, and is there once: its place in the block's order does not make it another."""
    at = {}
    for line in trials:
        run = str(line.record.get("run"))
        if run not in machines:
            raise Refused(f"{line.where}: a trial of run {run}, whose first line is not there; name that file too")
        cell = {key: value for key, value in line.record["cell"].items() if key != "size_bytes"}
        key = run, line.record.get("family"), line.record.get("block"), json.dumps(cell, sort_keys=True)
        if key in at:
            raise Refused(f"{line.where}: the same trial stands at {at[key]} already; merge files without doubles")
        at[key] = line.where


def write(path, lines):
    """Whole or not at all."""
    text = "".join(line.text + "\n" for line in lines).encode()
    os.makedirs(os.path.dirname(path) or ".", exist_ok=True)
    new = f"{path}.new"
    try:
        with open(new, "wb") as file:
            file.write(gzip.compress(text, 9, mtime=0) if path.endswith(".gz") else text)
        os.rename(new, path)
    except OSError:
        if os.path.exists(new):
            os.remove(new)
        raise
    print(path)


def merge(paths, out, force):
    runs, trials = read(paths)
    if not runs or not trials:
        raise Refused("there is no run, or no trial, to merge")
    machines = check_runs(runs)
    check_trials(trials, machines)
    names = sorted(set(machines.values()))
    if len(names) > 1 and "{machine}" not in out:
        raise Refused(f"the files come from {len(names)} machines, which are kept apart: write --out with {{machine}} in it")
    outs = {name: out.replace("{machine}", name) for name in names}
    for path in outs.values():
        if os.path.exists(path) and not force:
            raise Refused(f"{path} is there already; choose another --out, or --force")
    say_what_is_missing(runs)
    for name, path in outs.items():
        write(path, [line for line in runs + trials if machines[str(line.record["run"])] == name])


def main():
    parser = program.Parser(prog="corps-lab merge", description="Makes one results file of shards or sessions.",
                                     epilog="Exit status: 0 merged, 1 refused, 2 wrong usage.")
    parser.add_argument("files", nargs="+", metavar="FILE", help="results of one matrix")
    parser.add_argument("--out", required=True, metavar="OUT", help="with {machine} in it: a file for each machine; .gz compresses")
    parser.add_argument("--force", action="store_true", help="replace OUT")
    args = parser.parse_args()
    try:
        merge(args.files, args.out, args.force)
    except (Refused, load.BadResults) as error:
        say(error)
        return 1
    except OSError as error:
        say(f"{error.filename}: {error.strerror}")
        return 1
    return 0


if __name__ == "__main__":
    program.run("merge", main)
