"""What there is to know of a transport, as its table in C says it: corps-lab is asked. No other list of transports exists here."""
import functools
import subprocess
import typing

import load
import program


class Traits(typing.NamedTuple):
    capabilities: frozenset = frozenset()  # words of CORPS_TRANSPORT_CAPABILITIES
    asleep: typing.Optional[str] = None    # the bare mechanism that bounds it where waiting threads sleep
    awake: typing.Optional[str] = None     # … where they spin
    python: typing.Optional[str] = None    # … where Python calls: what a Python program has without the core
    sealed: typing.Optional[str] = None    # … where its links are sealed, however threads wait


@functools.lru_cache(maxsize=None)
def table():
    """name → Traits, in the order of the program's list. Raises load.BadResults where there is no program to ask."""
    try:
        done = subprocess.run([program.lab(), "list", "--plain", "traits"], capture_output=True, text=True, timeout=60, check=True)
    except (OSError, subprocess.SubprocessError) as error:
        raise load.BadResults(f"cannot ask {program.lab()} what it knows of transports ({error}); set CORPS_LAB to the built corps-lab") from error
    found = {}
    for line in done.stdout.splitlines():
        name, capabilities, *controls = line.split()
        found[name] = Traits(frozenset(capabilities.split(",")), *(None if control == "-" else control for control in controls))
    return found


def of(name):
    """Of this transport; nothing is known of one that the program does not have."""
    return table().get(name, Traits())
