"""A study: the sessions of one matrix, with one plan, measured on one machine at one revision. Within it trials of a cell are taken
together; between studies never, since figures of another day, machine or revision are others.
"""
import json

import load


def key_of(run):
    finger = run.get("fingerprint", {})
    return (finger.get("machine"), run["matrix"], run.get("plan"), json.dumps((finger.get("git") or {}).get("revision")),
            run.get("program", ""), run.get("against", ""))


def split(results):
    """A load.Results for each study, named, in the order of the files. Trials of a run whose line is missing go with the first."""
    found = {}
    of_run = {}
    for run in results.runs:
        study = found.setdefault(key_of(run), load.Results())
        study.runs.append(run)
        of_run[run["run"]] = study
    if not found:
        results.name = "a run without its first line"
        return [results]
    first = next(iter(found.values()))
    for trial in results.trials:
        of_run.get(trial["run"], first).trials.append(trial)
    studies = [study for study in found.values() if study.trials] or [first]
    for study in studies:
        study.files = {run["run"]: results.files[run["run"]] for run in study.runs if run["run"] in results.files}
        study.name = name_of(study)
    if len(studies) == 1:
        studies[0].unverified, studies[0].warnings = results.unverified, results.warnings
    return studies


def name_of(study):
    """When, what and where, as a reader tells studies apart."""
    run = study.runs[0]
    finger = run.get("fingerprint", {})
    when = (finger.get("time") or max(t.get("time") or "" for t in study.trials) if study.trials else "")[:10]
    return " ".join(part for part in (when, run["matrix"], "on", finger.get("machine", "an unknown machine")) if part)
