"""Reads results files: JSON lines of kind "run" and "trial", also compressed (.gz).

A cut last line is a warning. A doubled, a foreign or a changed line is an error that names file and line. Nothing is guessed.

A line's last member is its checksum (experiments/run/line_check.h); lines from before there were checksums are *unverified*.
"""
import gzip
import hashlib
import json
import re
import sys
import zlib

import program  # noqa: F401: finds the table of keys
import keys
import shape

AXES = tuple(key["name"] for key in keys.TOLD if key["name"] != "arm")
NEWER = {key["name"]: 0 for key in keys.AXES if "newer" in key}  # results from before there was a choice
SCHEMA = 1
CHECKED = re.compile(r'(.*),"check":"([0-9a-f]{32})"}', re.DOTALL)


class BadResults(Exception):
    """The file cannot be reported on; the text says why and what to do."""


class BadFields(BadResults):
    """… a line whose fields are missing or of the wrong kind."""


class Results:
    """Runs (their first lines) and trials, as they stood in the files."""

    def __init__(self):
        self.runs = []
        self.trials = []
        self.warnings = []
        self.files = {}  # run → the file that its line stands in
        self.name = ""  # of a study (studies.py)
        self.unverified = 0  # lines without a checksum
        self.checked = set()  # runs whose own line has one: then all of their lines must

    @property
    def ok(self):
        return [t for t in self.trials if t["ok"]]

    @property
    def failed(self):
        return [t for t in self.trials if not t["ok"]]


def cell_key(cell, without=()):
    """What identifies a cell: a tuple of its axes' values and its arm."""
    cell = {**NEWER, **cell}
    return tuple(str(cell.get(axis, "")) for axis in AXES + ("arm",) if axis not in without)


def lang(cell):
    """Who calls whom; results from before there was a choice are all of C."""
    return cell.get("lang") or "c"


def cell_text(cell, without=()):
    """A cell in a few words, without these keys."""
    words = []
    for key in keys.TOLD:
        value = cell.get(key["name"])
        if key["name"] in without:
            continue
        if "head" in key:
            words.append(value)
        elif value and (value > key.get("untold", 0) if key["type"] == "count" else value != key.get("untold")):
            words.append(key["told"].format(value))
    return " ".join(words)


def lines_of(path):
    """(number, text, whole?) of every line that is not empty; only the last can be not whole: no newline follows it. Raises
    BadResults."""
    try:
        with (gzip.open if path.endswith(".gz") else open)(path, "rb") as file:
            lines = file.read().split(b"\n")
        last = len(lines)
        # A line that a crash cut short may end within a character.
        return [(number, line.decode("utf-8", "replace" if 1 < number == last else "strict"), number < last)
                for number, line in enumerate(lines, 1) if line]
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise BadResults(f"{path} is not a whole gzip file: {error}") from error
    except OSError as error:
        raise BadResults(f"cannot read {path}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise BadResults(f"{path} is not a results file: it is not text") from error


def digest(text):
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()


def line_text(record):
    """A record as a line, with a checksum of its own when it was read from a line with one."""
    text = json.dumps({k: v for k, v in record.items() if k != "check"}, separators=(",", ":"), ensure_ascii=False)
    return f'{text[:-1]},"check":"{digest(text[:-1])}"}}' if "check" in record else text


def is_checked(where, line):
    """Has the line a checksum? Raises BadResults when it is wrong."""
    found = CHECKED.fullmatch(line.rstrip("\r"))
    if found and digest(found[1]) != found[2]:
        raise BadResults(f"{where}: the line is not as it was written (its checksum differs); remove it, and resume the run to measure it again")
    return bool(found)


def verify(results, where, record, line):
    """Notes whether the line is verified. Raises BadResults when it is not as it was written."""
    checked = is_checked(where, line)
    if checked and record["kind"] == "run":
        results.checked.add(str(record.get("run")))
    if not checked and record["kind"] == "trial" and str(record.get("run")) in results.checked:
        raise BadResults(f"{where}: the line is not as it was written (its checksum is gone); remove it, and resume the run to measure it again")
    results.unverified += not checked


def load(paths, faults=None):
    """Reads all files into one Results. Raises BadResults. faults: a list that takes the lines whose fields are wrong, which are then
    left out, instead."""
    results = Results()
    seen = {}
    for path in paths:
        for number, line, whole in lines_of(path):
            try:
                take(results, seen, path, number, line)
            except BadFields as error:
                if faults is None:
                    raise
                faults.append(str(error))
            except BadResults:
                if whole:
                    raise
                results.warnings.append(f"{path}:{number}: the last line is cut short and was left out")
    if not results.trials and not faults:
        raise BadResults(f"{', '.join(paths)}: there is no trial in it to report; corps-lab run measures some")
    return results


def take(results, seen, path, number, line):
    """One line into `results`."""
    where = f"{path}:{number}"
    try:
        record = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise BadResults(f"{where}: not JSON ({error}); is this a results file of corps-lab?") from error
    kind = record.get("kind") if isinstance(record, dict) else None
    if kind not in ("run", "trial"):
        raise BadResults(f"{where}: neither a run nor a trial; is this a results file of corps-lab?")
    if kind == "run" and record.get("schema") != SCHEMA:
        raise BadResults(f"{where}: schema {record.get('schema')}, and this program reads schema {SCHEMA}")
    verify(results, where, record, line)
    name = shape.fault(record)
    if name:
        raise BadFields(f"{where}: the field {name} is missing or of the wrong kind")
    if kind == "run":
        results.runs.append(record)
        results.files.setdefault(record["run"], path)
        return
    key = (record["run"], record.get("family"), record["block"], record.get("order"), cell_key(record["cell"]))
    if key in seen:
        raise BadResults(f"{where}: the same trial stands at {seen[key]} already; merge files without doubles")
    seen[key] = where
    results.trials.append(record)


def warn(results):
    """Prints the warnings."""
    for warning in results.warnings:
        print(f"report: {warning}", file=sys.stderr)
