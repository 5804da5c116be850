"""What several test programs need."""

import os
import subprocess
import sys
import tempfile
import textwrap
import time
from contextlib import contextmanager

sys.path.append(os.path.join(os.path.dirname(os.path.abspath(__file__)), os.pardir, os.pardir))
from room import in_turn, room  # noqa: E402, F401

# What must happen is waited for so long: on a busy machine a process may not run for seconds.
PATIENCE = 60.0


def expect(kind, function, *args, **kwargs):
    """Call a function that must raise an exception of this kind, and return the exception."""
    try:
        answer = function(*args, **kwargs)
    except kind as error:
        return error
    raise AssertionError('{!r} instead of {}'.format(answer, kind))


def exit_code(status):
    """What a wait status says, as os.waitstatus_to_exitcode does from Python 3.9 on."""
    return os.WEXITSTATUS(status) if os.WIFEXITED(status) else -os.WTERMSIG(status)


def wait_until(condition, seconds=PATIENCE):
    """Wait until a condition holds; tell whether it came to hold in time."""
    end, pause = time.monotonic() + seconds, 0.001
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(pause)
        pause = min(0.02, 1.5 * pause)
    return True


def is_alive(pid):
    """Tell whether a process runs (a zombie does not)."""
    try:
        with open('/proc/{}/stat'.format(pid), 'rb') as file:
            return file.read().rpartition(b')')[2].split()[0] not in (b'Z', b'X')
    except OSError:
        return False


def session_of(session):
    """Return the living processes of a session."""
    found = []
    for entry in os.listdir('/proc'):
        if entry.isdigit():
            try:
                with open('/proc/' + entry + '/stat', 'rb') as file:
                    fields = file.read().rpartition(b')')[2].split()
                if int(fields[3]) == session and fields[0] not in (b'Z', b'X'):
                    found.append(int(entry))
            except (OSError, IndexError):
                continue        # it has ended meanwhile
    return found


def nothing_left(session, seconds=PATIENCE):
    """Tell whether all processes of a session end in time."""
    return wait_until(lambda: not session_of(session), seconds)


@contextmanager
def script(source):
    """A temporary folder with the program `program.py` in it; gives the program's path."""
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, 'program.py')
        with open(path, 'w') as file:
            file.write(textwrap.dedent(source))
        yield path


def run_python(*arguments, **options):
    """Run a Python program to its end, in its own session; return (status, stdout, stderr). Nothing may be left."""
    text = options.pop('input', None)
    options.setdefault('stdin', subprocess.DEVNULL if text is None else subprocess.PIPE)
    process = start_python(*arguments, **options)
    try:
        out, err = process.communicate(text, timeout=PATIENCE)
    except subprocess.TimeoutExpired:
        for pid in session_of(process.pid):
            os.kill(pid, 9)
        raise AssertionError('no end of {}: {}'.format(arguments, process.communicate()))
    assert nothing_left(process.pid), session_of(process.pid)
    return process.returncode, out, err


def start_python(*arguments, **options):
    """Start a Python program in a session of its own, with its output in pipes."""
    options.setdefault('stdout', subprocess.PIPE)
    options.setdefault('stderr', subprocess.PIPE)
    options.setdefault('stdin', subprocess.DEVNULL)
    return subprocess.Popen([sys.executable] + [str(item) for item in arguments], universal_newlines=True,
                            start_new_session=True, **options)
