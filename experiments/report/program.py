"""How a command in Python ends: no traceback for what is not a fault of its own."""
import os
import sys

sys.path.append(os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "cell"))  # keys.py


def _status_of(main):
    """Of main(), also where it exits by itself, as --help and wrong usage do."""
    try:
        return main()
    except SystemExit as exit:
        return exit.code


def run(name, main):
    """Runs main() → exit status, and exits with it. A reader that went away, Ctrl-C and output that cannot be written
    (a full disk) end the command with status 1, 130 and 1, the last one with one line of explanation."""
    try:
        status = _status_of(main)
        sys.stdout.flush()
    except BrokenPipeError:  # for example `| head`
        status = 1
    except KeyboardInterrupt:
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
