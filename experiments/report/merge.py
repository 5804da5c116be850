"""corps-lab merge FILE… --out OUT: shards or sessions as one results file, every line byte for byte as it stood.

The lines that describe runs come first, then the trials. What cannot belong together is refused: another schema, plan or matrix, shards of
one run's seed that differ, doubled trials, foreign lines. Machines are kept apart: with several, OUT must contain {machine}, and
becomes a file for each. A cut last line is left out with a warning.

Exit status: 0 merged; 1 refused, with the reason; 2 usage.
"""
import argparse
import os
import sys

import load


class Refused(Exception):
    """Why the files cannot be merged, in one line."""


def one(runs, field, what):
    found = {}
    for path, run in runs:
        found.setdefault(run.get(field), path)
    if len(found) > 1:
        (a, first), (b, second) = list(found.items())[:2]
        raise Refused(f"{second} has another {what} ({b}) than {first} ({a}); merge them apart")


def read(paths):
    """[(path, run)], [(path, trial)], with the text of each line beside it. Raises load.BadResults for what is no results."""
    results, seen, runs, trials = load.Results(), {}, [], []
    for path in paths:
        for number, line, whole in load.lines_of(path):
            before = len(results.runs), len(results.trials)
            try:
                load.take(results, seen, path, number, line)
            except load.BadResults:
                if whole:
                    raise
                print(f"merge: {path}:{number}: the last line is cut short and was left out", file=sys.stderr)
                continue
            if len(results.runs) > before[0]:
                runs.append((path, results.runs[-1], line))
            elif len(results.trials) > before[1]:
                trials.append((path, results.trials[-1], line))
    return runs, trials


def check(runs, trials):
    """run → machine."""
    if not runs or not trials:
        raise Refused("there is no run, or no trial, to merge")
    described = [(path, run) for path, run, _ in runs]
    one(described, "matrix", "matrix")
    one(described, "plan", "plan (cells or lengths of trials)")
    shards = [(path, run) for path, run in described if run.get("shard")]
    one(shards, "seed", "seed, and shards of one run share theirs")
    doubles = {}
    for path, run in shards:
        other = doubles.setdefault((run["shard"], run["fingerprint"].get("machine")), path)
        if other != path:
            raise Refused(f"{path} is shard {run['shard']} as {other} is; each shard belongs there once")
    machine_of = {}
    for path, run in described:
        if run["run"] in machine_of:
            raise Refused(f"{path}: run {run['run']} is described twice; the same file was named twice")
        machine_of[run["run"]] = run["fingerprint"].get("machine", "unknown")
    for path, trial, _ in trials:
        if trial["run"] not in machine_of:
            raise Refused(f"{path}: a trial of run {trial['run']}, whose first line is not there")
    return machine_of


def write(path, lines, force):
    if os.path.exists(path) and not force:
        raise Refused(f"{path} is there already; choose another --out, or --force")
    os.makedirs(os.path.dirname(path) or ".", exist_ok=True)
    with open(path + ".new", "w", encoding="utf-8", newline="") as file:
        file.write("".join(line + "\n" for line in lines))
    os.rename(path + ".new", path)
    print(path)


def merge(paths, out, force):
    runs, trials = read(paths)
    machine_of = check(runs, trials)
    machines = sorted(set(machine_of.values()))
    if len(machines) > 1 and "{machine}" not in out:
        raise Refused(f"the files come from {len(machines)} machines, which are kept apart: write --out with {{machine}} in it")
    for machine in machines:
        mine = {run for run, at in machine_of.items() if at == machine}
        write(out.replace("{machine}", machine), [line for _, run, line in runs if run["run"] in mine]
              + [line for _, trial, line in trials if trial["run"] in mine], force)


def main():
    parser = argparse.ArgumentParser(prog="corps-lab merge", description="Makes one results file of shards or sessions.",
                                     epilog="Exit status: 0 merged, 1 refused.")
    parser.add_argument("files", nargs="+", metavar="FILE", help="results of one matrix")
    parser.add_argument("--out", required=True, metavar="OUT", help="with {machine} in it: a file for each machine")
    parser.add_argument("--force", action="store_true", help="replace OUT")
    args = parser.parse_args()
    try:
        merge(args.files, args.out, args.force)
    except (Refused, load.BadResults) as error:
        print(f"corps-lab merge: {error}", file=sys.stderr)
        return 1
    except OSError as error:
        print(f"corps-lab merge: {error.filename}: {error.strerror}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
