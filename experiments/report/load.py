"""Reads results files: JSON lines of kind `run` and `trial`, as docs/results-format.md describes them.

A results file may still be growing, may have been cut by a full disk, and may have been edited by hand. What cannot be
taken for a measurement is an error that names file and line; nothing is dropped in silence. The one exception is a last
line that was cut off: it is a warning, because the run that wrote it can be resumed.
"""

import dataclasses
import gzip
import json
import math
import os

SCHEMA = 1

# What a cell's line must say. Every other key of "cell" is an axis as well, size_bytes excepted.
AXES = ("workload", "transport", "serializer", "payload", "wake", "placement")
AXIS_DEFAULTS = {"lang": "c", "window": 1, "envs": 2, "concs": 1, "gap_us": 0, "arm": "", "path": "", "pattern": "", "seed": 1}
FIGURES = ("p50_ns", "p99_ns", "max_ns", "messages_per_s", "bytes_per_s", "cpu_ns_per_message",
           "voluntary_switches_per_message", "bytes_on_wire_per_message", "peak_rss_bytes")
NEEDED_FIGURES = ("p50_ns", "p99_ns", "messages_per_s")


class ResultsError(Exception):
    """One line: what is wrong with the results, and what to do."""


@dataclasses.dataclass
class Trial:
    run: str
    family: str
    block: int
    order: int
    axes: dict  # of the cell, without size_bytes
    key: tuple  # identifies the cell: its axes, sorted
    size_bytes: int
    error: str  # "" when the trial succeeded
    figures: dict  # name → float or None; empty after a failure
    flags: tuple
    place: str  # "file:line", for messages

    @property
    def ok(self):
        return self.error == ""


@dataclasses.dataclass
class Results:
    runs: dict  # run id → its line
    trials: list
    warnings: list
    files: list

    def machines(self):
        return sorted({machine_of(run) for run in self.runs.values()})


def machine_of(run):
    return str(run.get("fingerprint", {}).get("machine") or "unknown")


def read_text(path):
    """The file's text, decompressed if it is gzip."""
    try:
        with open(path, "rb") as file:
            data = file.read()
        if data[:2] == b"\x1f\x8b":
            data = gzip.decompress(data)
        return data.decode("utf-8")
    except (OSError, EOFError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise ResultsError(f"{path}: cannot read it: {reason}") from error
    except UnicodeDecodeError as error:
        raise ResultsError(f"{path}: this is no text at byte {error.start}; name a results file of corps-lab run") from error


def parse_lines(path, text, warnings):
    """Yields (place, object) for each line."""
    lines = text.split("\n")
    cut = lines.pop()  # "" when the file ends with a newline
    for number, line in enumerate(lines + ([cut] if cut else []), 1):
        place = f"{path}:{number}"
        if line.strip() == "":
            continue
        try:
            value = json.loads(line)
        except ValueError as error:
            if number > len(lines):
                warnings.append(f"{place}: the last line is cut off and left out; go on with corps-lab run --resume")
                return
            raise ResultsError(f"{place}: this is no line of results ({error}); remove it or name another file") from error
        if not isinstance(value, dict) or value.get("kind") not in ("run", "trial"):
            raise ResultsError(f"{place}: this is no line of results (kind is neither run nor trial); remove it or name "
                               "another file")
        yield place, value


def field(place, line, name, kinds):
    value = line.get(name)
    if not isinstance(value, kinds) or isinstance(value, bool) and bool not in (kinds if isinstance(kinds, tuple) else (kinds,)):
        raise ResultsError(f"{place}: '{name}' is missing or of the wrong type; this is no line of results of schema {SCHEMA}")
    return value


def figure(place, line, name):
    value = line.get(name)
    if value is None and name not in NEEDED_FIGURES:
        return None
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value) or value < 0:
        raise ResultsError(f"{place}: '{name}' of a successful trial is no number; remove the line and resume the run")
    if name in NEEDED_FIGURES and value == 0:
        raise ResultsError(f"{place}: '{name}' of a successful trial is 0, which nothing can be compared with; remove the line")
    return float(value)


def read_trial(place, line):
    cell = field(place, line, "cell", dict)
    for name in AXES:
        field(f"{place}: cell", cell, name, str)
    axes = {**AXIS_DEFAULTS, **{name: value for name, value in cell.items() if name != "size_bytes"}}
    ok = field(place, line, "ok", bool)
    error = line.get("error")
    if ok != (error is None):
        raise ResultsError(f"{place}: 'ok' and 'error' contradict each other; remove the line and resume the run")
    return Trial(
        run=field(place, line, "run", str),
        family=str(line.get("family", "")),
        block=field(place, line, "block", int),
        order=field(place, line, "order", int),
        axes=axes,
        key=tuple(sorted((name, str(value)) for name, value in axes.items())),
        size_bytes=cell["size_bytes"] if isinstance(cell.get("size_bytes"), int) else 0,
        error="" if ok else str(error) or "no reason was given",
        figures={name: figure(place, line, name) for name in FIGURES} if ok else {},
        flags=tuple(str(flag) for flag in line.get("flags") or ()),
        place=place)


def take_run(results, place, line):
    run = field(place, line, "run", str)
    if line.get("schema") != SCHEMA:
        raise ResultsError(f"{place}: schema {line.get('schema')} is not known here (only {SCHEMA}); use the corps-lab that "
                           "wrote the file")
    field(place, line, "fingerprint", dict)
    if results.runs.setdefault(run, line) != line:
        raise ResultsError(f"{place}: run {run} is there twice with different content; leave one of the files away")


def describe(axes):
    """A cell in few words, for messages: what corps-lab cell takes, without what is usual."""
    shown = [f"{name}={axes[name]}" for name in AXES]
    shown += [f"{name}={value}" for name, value in axes.items()
              if name not in AXES and str(value) != str(AXIS_DEFAULTS.get(name, ""))]
    return " ".join(shown)


def load(paths, machine=None):
    """Reads all files as one set of results. `machine` chooses among several; without it there must be one."""
    results = Results(runs={}, trials=[], warnings=[], files=[os.fspath(path) for path in paths])
    places = {}
    for path in results.files:
        for place, line in parse_lines(path, read_text(path), results.warnings):
            if line["kind"] == "run":
                take_run(results, place, line)
                continue
            trial = read_trial(place, line)
            if trial.run not in results.runs:
                raise ResultsError(f"{place}: the line of run {trial.run} is missing before it; a results file begins with "
                                   "its run's line")
            first = places.setdefault((trial.run, trial.family, trial.block, trial.key), place)
            if first != place:
                raise ResultsError(f"{place}: doubled: {first} is the same trial (run {trial.run}, block {trial.block}, "
                                   f"{describe(trial.axes)}); remove one, or name each file once")
            results.trials.append(trial)
    return check(results, machine)


def check(results, machine):
    machines = results.machines()
    if machine is None and len(machines) > 1:
        raise ResultsError(f"these results come from {len(machines)} machines ({', '.join(machines)}), and figures of different "
                           "machines do not mix; choose one with --machine ID")
    if machine is not None:
        if machine not in machines:
            raise ResultsError(f"no results of machine {machine}; there are: {', '.join(machines) or 'none'}")
        results.runs = {run: line for run, line in results.runs.items() if machine_of(line) == machine}
        results.trials = [trial for trial in results.trials if trial.run in results.runs]
    if not results.trials:
        raise ResultsError(f"no trials in {', '.join(results.files)}: nothing was measured yet; see corps-lab run")
    return results
