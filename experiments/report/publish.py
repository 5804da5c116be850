"""corps-lab publish FILE…: puts the sessions of one matrix, measured on one machine, into results/ for others to read.

Makes results/<machine>/<date>-<matrix>.jsonl.gz and its page (.html), and anew the machine's page, results/<machine>/index.html, and results/index.html. Every line stays as it was
measured, but that histograms get wider buckets (1/128 of their lower bound), without which a run of 30 blocks would not fit
into a repository, and that paths, addresses and what else is private of the machine is taken out (private.py); a line with a checksum gets one of its own, a
line without has none. Published files are never changed: an existing one is refused.

Exit status: 0 published; 1 refused, with the reason.
"""
import gzip
import json
import os
import sys

import buckets
import load
import private
import program
import validate

try:
    import index
    import machine_page
except ImportError as error:
    sys.exit(f"corps-lab publish: no pages: {error.name} is not installed; run scripts/setup")


class Refused(Exception):
    """Why it is not published, in one line."""


def one(values, what):
    """The value that all share."""
    found = sorted(set(values))
    if len(found) != 1:
        raise Refused(f"the files have different {what}: {', '.join(map(str, found))}; publish them apart")
    return found[0]


def check(paths, results, allow_dirty):
    for path in paths:
        faults = validate.faults_of(path)
        if faults:
            raise Refused(f"not valid: {faults[0]}")
    machine = one([r["fingerprint"].get("machine") for r in results.runs], "machines")
    matrix = one([r["matrix"] for r in results.runs], "matrices")
    one([r["plan"] for r in results.runs], "plans (cells or lengths of trials)")
    one([json.dumps((r["fingerprint"].get("git") or {}).get("revision")) for r in results.runs], "revisions")
    dirty = [r for r in results.runs if (r["fingerprint"].get("git") or {}).get("dirty", True)]
    if dirty and not allow_dirty:
        raise Refused("it was measured with uncommitted changes, or outside git: nobody could repeat it (--allow-dirty)")
    if any("slowed" in t["flags"] for t in results.trials):
        raise Refused("some trials were slowed down on purpose (CORPS_LAB_SLOWDOWN)")
    return machine, matrix


def publish(paths, folder, allow_dirty):
    """Path of the published file."""
    results = load.load(paths)
    machine, matrix = check(paths, results, allow_dirty)
    date = max(t["time"] for t in results.trials)[:10]
    base = os.path.join(folder, machine, f"{date}-{matrix}")
    if os.path.exists(base + ".jsonl.gz"):
        raise Refused(f"{base}.jsonl.gz is there already, and published results are never changed")
    os.makedirs(os.path.dirname(base), exist_ok=True)
    for trial in results.trials:
        if trial.get("histogram"):
            trial["histogram"] = buckets.coarse(trial["histogram"])
    lines = "".join(load.line_text(private.public(record)) + "\n" for record in results.runs + results.trials)
    with open(base + ".jsonl.gz.new", "wb") as file:
        file.write(gzip.compress(lines.encode(), 9, mtime=0))
    os.rename(base + ".jsonl.gz.new", base + ".jsonl.gz")
    return base


def make_pages(folder, bases):
    """The pages of the runs `bases`, those of their machines, and the index, over all that is published; their paths."""
    runs = [machine_page.read(base, base in bases) for base in index.published(folder)]
    made = [base + ".html" for base in bases]
    for machine, members in index.by_machine(runs).items():
        if any(run.base in bases for run in members):
            made.append(machine_page.make(folder, machine, members))
    return made + [index.write(folder, runs)]


def main():
    parser = program.Parser(prog="corps-lab publish", description="Puts the sessions of one matrix into results/.",
                                     epilog="Exit status: 0 published, 1 refused, 2 wrong usage.")
    parser.add_argument("files", nargs="*", metavar="FILE", help="results of one matrix and one machine; none: the pages anew")
    parser.add_argument("--to", default="results", metavar="FOLDER", help="default: results")
    parser.add_argument("--allow-dirty", action="store_true", help="also when the sources had uncommitted changes")
    args = parser.parse_args()
    try:
        bases = [publish(args.files, args.to, args.allow_dirty)] if args.files else index.published(args.to)
        for path in [base + ".jsonl.gz" for base in bases if args.files] + make_pages(args.to, bases):
            print(path)
    except (Refused, load.BadResults) as error:
        print(f"corps-lab publish: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    program.run("publish", main)
