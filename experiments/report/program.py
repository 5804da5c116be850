"""How a command in Python reads its arguments and ends: wrong ones in one line, and no traceback for what is not a fault of its own."""
import argparse
import difflib
import io
import os
import re
import subprocess
import sys

sys.path.append(os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "cell"))  # keys.py


USAGE = 2
BUILT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "build", "corps-lab")


def lab():
    """The program corps-lab that started this command."""
    return os.environ.get("CORPS_LAB") or BUILT


def near(word, known):
    """" (did you mean 'shm'?)", or "" where no word is near; as experiments/cell/near.c says it."""
    lower = {k.lower(): k for k in reversed(list(known))}
    found = difflib.get_close_matches(word.lower(), list(lower), n=1, cutoff=0.66)
    begins = [k for k in known if len(word) > 1 and k.startswith(word)]
    best = lower[found[0]] if found else begins[0] if begins else None
    return f" (did you mean '{best}'?)" if best else ""


def values(key):
    """What a key of a cell may be, as corps-lab knows it; () where it cannot be asked."""
    try:
        done = subprocess.run([lab(), "list", "--plain", "values", key], capture_output=True, text=True, timeout=60, check=True)
    except (OSError, subprocess.SubprocessError):
        return ()
    return tuple(done.stdout.split())


def value_of(key, more=()):
    """For argparse: checks a value against what a key of a cell may be."""
    def check(text):
        known = (*values(key), *more)
        if known and text not in known:
            raise argparse.ArgumentTypeError(f"there is no {key} '{text}'{near(text, known)}; choose one of: {' '.join(known)}")
        return text
    return check


class Parser(argparse.ArgumentParser):
    """Says what is wrong in one line, with the nearest word that would have been right."""

    def __init__(self, **more):
        super().__init__(formatter_class=argparse.RawDescriptionHelpFormatter, **more)

    def parse_known_args(self, args=None, namespace=None):
        """An option that does not exist is said first, whatever else is missing."""
        options = [option for action in self._actions for option in action.option_strings]
        for word in sys.argv[1:] if args is None else args:
            name = word.split("=")[0]
            if word == "--":
                break
            if word.startswith("--") and not any(option.startswith(name) for option in options):
                self.error(f"there is no option {name}{near(name, options)}")
        return super().parse_known_args(args, namespace)

    def error(self, message):
        unknown = re.match(r"unrecognized arguments: (\S+)", message)
        choice = re.match(r"argument (\S+): invalid choice: '(.*)' \(choose from (.*)\)$", message)
        if unknown and unknown[1].startswith("-"):
            message = f"there is no option {unknown[1]}"
        elif unknown:
            message = f"'{unknown[1]}' is one argument too many"
        elif choice:
            known = re.findall(r"[^', ]+", choice[3])
            message = f"{choice[1]} cannot be '{choice[2]}'{near(choice[2], known)}; choose one of: {' '.join(known)}"
        message = re.sub(r"^argument (\S+): expected (?:one|at least one) argument$", r"\1 needs a value", message)
        message = re.sub(r"^the following arguments are required: ", "name ", message)
        message = re.sub(r"^argument (\S+): ", r"\1: ", message)
        print(f"{self.prog}: {message} (more: {self.prog} --help)", file=sys.stderr)
        sys.exit(USAGE)


def _status_of(main):
    """Of main(), also where it exits by itself, as --help and wrong usage do."""
    try:
        return main()
    except SystemExit as exit:
        return exit.code


def run(name, main):
    """Runs main() → exit status, and exits with it. A reader that went away, Ctrl-C and output that cannot be written
    (a full disk) end the command with status 1, 130 and 1, all but the first with one line of explanation."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # a terminal that has no µ or ÷ shows something else in their place
            stream.reconfigure(errors="replace")
    try:
        status = _status_of(main)
        sys.stdout.flush()
    except BrokenPipeError:  # for example `| head`
        status = 1
    except KeyboardInterrupt:
        print(f"corps-lab {name}: stopped by Ctrl-C", file=sys.stderr)
        status = 130
    except OSError as error:
        where = error.filename if error.filename is not None else "the output"
        print(f"corps-lab {name}: cannot read or write {where}: {error.strerror}", file=sys.stderr)
        status = 1
    # What is left in the buffer could not be written either: the interpreter must not try again and complain.
    try:
        sys.stdout.flush()
    except (OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    sys.exit(status)
