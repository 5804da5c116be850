"""What the scripts over hosts have in common as commands: their options, and how they end."""

import argparse
import os
import subprocess
import sys

INTERRUPTED = 130  # as a shell says of a program that Ctrl-C has ended


def count(text):
    """An option that is a number of things."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"a whole number from 1 on is wanted, not '{text}'")
    return int(text)


def folder_of(parser, build, *programs):
    """The build folder, absolute, in which all of these programs are; otherwise wrong usage, which says what to do."""
    for name in programs:
        if not os.access(os.path.join(build, name), os.X_OK):
            parser.error(f'{os.path.join(build, name)} is not there, or is no program: build it (scripts/setup), or name another folder by --build')
    return os.path.abspath(build)


def run(main):
    """Runs a script to its end, and ends with its status. Ctrl-C, and hosts that do not do as they should, are one line; a reader that leaves is none."""
    name = os.path.basename(sys.argv[0])
    try:
        status = main()
        sys.stdout.flush()
    except KeyboardInterrupt:
        print(f'{name}: stopped by Ctrl-C; nothing is left', file=sys.stderr)
        status = INTERRUPTED
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # what is still to be written at the end goes there
        status = 1
    except (RuntimeError, OSError, subprocess.SubprocessError) as error:
        print(f'{name}: {error}', file=sys.stderr)
        status = 1
    sys.exit(status)
