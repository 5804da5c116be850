"""What the three programs share: options that choose cells, warnings, exit codes."""

import argparse
import os
import sys

import cells
import load

EXIT_OK, EXIT_FAILURE, EXIT_USAGE = 0, 1, 2
CHOICES = ("workload", "transport", "serializer", "payload", "wake", "placement")


def parser(name, about, **more):
    return argparse.ArgumentParser(prog=f"corps-lab {name}", description=about, allow_abbrev=False, **more)


def add_choices(options):
    """--workload W and so on: lists of values with commas; and --workload-not W."""
    for name in CHOICES:
        options.add_argument(f"--{name}", metavar="X,…", help=f"only cells of this {name}, or of these; any: all of them")
        options.add_argument(f"--{name}-not", metavar="X,…", help=argparse.SUPPRESS)
    options.add_argument("--machine", metavar="ID", help="of results from several machines, those of this one")


def listed(text):
    return [part.strip() for part in text.split(",") if part.strip()]


def choose(results, options, keep_controls=True):
    """Leaves the trials that the options name; controls stay, so that there is something to compare with."""
    for name in CHOICES:
        wanted, unwanted = getattr(options, name), getattr(options, f"{name}_not")
        have = sorted({trial.axes[name] for trial in results.trials})
        for text in (wanted, unwanted):
            for value in listed(text) if text and text != "any" else ():
                if value not in have:
                    raise load.ResultsError(f"there are no results of {name} '{value}'; there are: {', '.join(have)}")
        results.trials = [trial for trial in results.trials
                          if keep_controls and trial.axes["transport"].startswith("raw:") and name != "transport"
                          or fits(trial.axes[name], wanted, unwanted)
                          or keep_controls and trial.axes["transport"].startswith("raw:")]
    if not any(not trial.axes["transport"].startswith("raw:") for trial in results.trials):
        if not keep_controls or not results.trials or any(getattr(options, name) for name in CHOICES):
            raise load.ResultsError("no trial fits all the options together; loosen one")
    return results


def fits(value, wanted, unwanted):
    return (not wanted or wanted == "any" or value in listed(wanted)) and (not unwanted or value not in listed(unwanted))


def read(paths, options):
    """The table of what the options choose. Warnings go to standard error."""
    results = load.load(paths, options.machine)
    for warning in results.warnings:
        print(f"corps-lab: {warning}", file=sys.stderr)
    return cells.Table(choose(results, options))


def run(main, name):
    """Calls main() with its errors as one line each."""
    try:
        code = main()
        sys.stdout.flush()
        sys.exit(code)
    except load.ResultsError as error:
        print(f"corps-lab {name}: {error}", file=sys.stderr)
    except BrokenPipeError:  # the reader of the text had enough; what is left has nowhere to go
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except OSError as error:
        print(f"corps-lab {name}: {error.filename or 'standard output'}: {error.strerror}", file=sys.stderr)
    sys.exit(EXIT_FAILURE)
