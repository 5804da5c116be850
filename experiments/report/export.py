"""--export-csv, --export-markdown, --export-json: the figures of every cell as a spreadsheet, a README and a program want them.

    export.py FILE [--export-csv OUT] [--export-markdown OUT] [--export-json OUT]      what corps-lab run and cell call; report has the options, too

One row a cell, the duplicates that show what chance does left out; docs/results-format.md describes the columns. Estimates are the report's:
Hodges and Lehmann's over blocks, with the 95 % interval where there are blocks enough. A file is written whole or not at all.
"""
import csv
import io
import json
import os
import stat
import sys

import cells as grouping
import counts
import load
import program
import studies
import keys

SCHEMA = 1
FORMS = ("csv", "markdown", "json")
AXES = tuple(name for key in keys.AXES for name in ((key["name"], "size_bytes") if key["name"] == "payload" else (key["name"],)))
ESTIMATES = ("p50_ns", "p99_ns", "messages_per_s", "bytes_per_s", "cpu_ns_per_message")
COLUMNS = ("matrix", "machine", *AXES, "blocks", "trials", "failed", "p50_ns", "p50_low_ns", "p50_high_ns", "p99_ns", "max_ns", "messages_per_s",
           "bytes_per_s", "cpu_ns_per_message", *counts.FIGURES, "control", "to_control", "to_control_low", "to_control_high", "flags")


def digits(value):
    """Six significant ones; None for what is not known."""
    return None if value is None or value != value else float(f"{value:.6g}")


def order(cell):
    axes = cell.axes
    return (not cell.is_ours, axes["workload"], axes["placement"], axes["wake"], cell.lang, axes["payload"].split(":")[0], axes.get("size_bytes", 0),
            cell.estimate("p50_ns") or float("inf"))


def row_of(cell, study):
    """A cell as {column: value}."""
    run = study.runs[0] if study.runs else {}
    row = {"matrix": run.get("matrix", ""), "machine": run.get("fingerprint", {}).get("machine", "")}
    row.update((axis, cell.axes.get(axis, load.NEWER.get(axis, ""))) for axis in AXES)
    row.update(blocks=len(cell.blocks("messages_per_s")), trials=len(cell.trials) + len(cell.failures), failed=len(cell.failures))
    row.update((name, digits(cell.estimate(name))) for name in ESTIMATES)
    row.update((name, digits(counts.figure(cell, name))) for name in counts.FIGURES)
    p50, control = cell.interval("p50_ns"), cell.to_control
    row.update((f"p50_{end}_ns", digits(getattr(p50, end)) if p50 and p50.has_interval else None) for end in ("low", "high"))
    row.update(max_ns=digits(cell.spread("max_ns")[1]), control=cell.control or "", to_control=digits(control.estimate) if control else None)
    row.update((f"to_control_{end}", digits(getattr(control, end)) if control and control.has_interval else None) for end in ("low", "high"))
    return {**row, "flags": " ".join(dict.fromkeys(flag.split(":")[0] for flag in cell.flags))}


def rows_of(found):
    """Of [(study, cells)]."""
    return [{column: row[column] for column in COLUMNS} for study, cells in found
            for row in (row_of(c, study) for c in sorted((c for c in cells.values() if c.axes.get("arm") != "aa"), key=order))]


# ---- the three forms ----

def as_csv(rows, found):
    out = io.StringIO()
    writer = csv.DictWriter(out, COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows({column: "" if value is None else value for column, value in row.items()} for row in rows)
    return out.getvalue()


def run_object(run):
    finger = run.get("fingerprint", {})
    processor = finger.get("processor", {})
    return {"run": run["run"], "matrix": run["matrix"], "machine": finger.get("machine"), "time": finger.get("time"),
            "processor": processor.get("model"), "processors": processor.get("processors"), "kernel": finger.get("kernel", {}).get("release"),
            "revision": (finger.get("git") or {}).get("revision")}


def as_json(rows, found):
    runs = [run_object(run) for study, _ in found for run in study.runs]
    return json.dumps({"kind": "summary", "schema": SCHEMA, "runs": runs, "cells": rows}, indent=1, ensure_ascii=False) + "\n"


def figure(value, divisor=1):
    return "" if value is None else f"{value / divisor:,.3g}" if value / divisor < 1000 else f"{value / divisor:,.0f}"


def interval(low, high, divisor=1):
    return f"{figure(low, divisor)} – {figure(high, divisor)}" if low is not None else ""


MARKDOWN = (("p50 [µs]", lambda r: figure(r["p50_ns"], 1000)), ("95 % [µs]", lambda r: interval(r["p50_low_ns"], r["p50_high_ns"], 1000)),
            ("p99 [µs]", lambda r: figure(r["p99_ns"], 1000)), ("messages/s", lambda r: figure(r["messages_per_s"])),
            ("CPU/message [µs]", lambda r: figure(r["cpu_ns_per_message"], 1000)),
            *((title, lambda r, name=name, form=form: form.format(r[name]) if r[counts.COUNTED] is not None and r[name] is not None else "")
              for name, (title, form) in counts.FIGURES.items()),
            ("÷ control", lambda r: f"{r['to_control']:.2f}" if r["to_control"] is not None else ""),
            ("failed", lambda r: f"{r['failed']} of {r['trials']}" if r["failed"] else ""))


def told(row, axis):
    """An axis as text, or "" where it is what it usually is."""
    key, value = next((key for key in keys.TOLD if key["name"] == axis), None), row[axis]
    if key is None or value == "":
        return ""
    tells = "head" in key or (value > key.get("untold", 0) if key["type"] == "count" else value != key.get("untold"))
    return f"{axis} {value}" if tells else ""


def as_markdown(rows, found):
    """The axes that differ as columns, those that all rows share in a line below, and only figures that some row has."""
    differing = [axis for axis in ("matrix", "machine", *AXES) if axis not in ("size_bytes", "seed") and len({row[axis] for row in rows}) > 1]
    columns = [(axis, lambda r, axis=axis: f"`{r[axis]}`" if axis not in ("matrix", "machine") and r[axis] != "" else str(r[axis])) for axis in differing]
    figures = [(title, text) for title, text in MARKDOWN if any(text(row) for row in rows)]
    lines = ["| " + " | ".join(title for title, _ in columns + figures) + " |", "|" + ":---|" * len(columns) + "---:|" * len(figures)]
    lines += ["| " + " | ".join(text(row).replace("|", "\\|") for _, text in columns + figures) + " |" for row in rows]
    shared = [told(rows[0], axis) for axis in AXES if axis not in differing and told(rows[0], axis)] if rows else []
    blocks = sorted({row["blocks"] for row in rows})
    count = f"{blocks[0]} to {blocks[-1]} blocks" if len(blocks) > 1 else f"{blocks[0]} block{'' if blocks == [1] else 's'}" if blocks else ""
    about = sorted({f"{run['processors']} × {run['processor']}, Linux {run['kernel']}" for study, _ in found for run in map(run_object, study.runs) if run["processor"]})
    return "\n".join(lines) + "\n\n" + "; ".join(part for part in (", ".join(shared), count, " and ".join(about)) if part) + ".\n"


MADE = {"csv": as_csv, "markdown": as_markdown, "json": as_json}


# ---- where they go ----

def write(path, text):
    """Whole or not at all; what is no regular file, such as a pipe, as it comes."""
    if path == "-":
        sys.stdout.write(text)
        return
    try:
        regular = stat.S_ISREG(os.stat(path).st_mode)
    except FileNotFoundError:
        regular = True
    new = f"{path}.new" if regular else path
    try:
        with open(new, "w", encoding="utf-8") as file:
            file.write(text)
        if regular:
            os.replace(new, path)
    except OSError as error:
        if regular and os.path.isfile(new):
            os.remove(new)
        raise load.BadResults(f"cannot write {path}: {error.strerror}") from error


def add_options(parser):
    what = {"csv": "the figures as a spreadsheet reads them, a row a cell; - for standard output, which then holds nothing else",
            "markdown": "the same as a short table for a README", "json": "the same for a program"}
    for form in FORMS:
        parser.add_argument(f"--export-{form}", metavar="OUT", help=what[form])


def wanted(args):
    """form → where it goes."""
    return {form: out for form in FORMS for out in (getattr(args, f"export_{form}"),) if out is not None}


def to_stdout(args):
    return "-" in wanted(args).values()


def check(parser, args):
    """What is wrong with the options, before anything is read."""
    outs = list(wanted(args).values())
    if outs.count("-") > 1:
        parser.error("only one export can go to standard output; name files for the others")
    for out in outs:
        if any(os.path.exists(out) and os.path.exists(path) and os.path.samefile(out, path) for path in args.files):
            parser.error(f"{out} holds the results themselves; name another file")
        if os.path.isdir(out):
            parser.error(f"{out} is a directory; name a file")


def export(args, found):
    """Writes what the options ask for, of [(study, cells)]. Raises load.BadResults."""
    outs = wanted(args)
    rows = rows_of(found) if outs else []
    for form, out in outs.items():
        write(out, MADE[form](rows, found))


def main():
    parser = program.Parser(prog="corps-lab export", description="The figures of every cell as CSV, Markdown or JSON.")
    parser.add_argument("files", nargs="+", metavar="FILE", help="results of corps-lab run, or a line of corps-lab cell")
    add_options(parser)
    args = parser.parse_args()
    check(parser, args)
    try:
        results = load.load(args.files)
        export(args, [(study, grouping.group(study)) for study in studies.split(results)])
    except load.BadResults as error:
        print(f"corps-lab: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    program.run("export", main)
