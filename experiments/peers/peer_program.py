"""What the peer programs in Python share. experiments/peers.h tells how they are called and what they print; the parts that
measure are those of experiments/python."""

import json
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), os.pardir, 'python'))

import lab_program  # noqa: E402  (it lies there)


def main(version, run):
    """`version` gives the text or raises ImportError or OSError with what is missing."""
    arguments = sys.argv[1:]
    if arguments == ['--version']:
        try:
            answer = {'version': version()}
        except (ImportError, OSError) as error:
            answer = {'error': f'{type(error).__name__}: {error}'}
        print(json.dumps(answer))
        return 0 if 'version' in answer else 1
    return lab_program.main(arguments, lambda cell: dict(run(cell), version=version()))
