"""Starts a command of corps-lab that is written in Python: start.py COMMAND ARGUMENT…

A package that is missing is said in one line here, before anything of the command has run; so is Ctrl-C, which corps-lab holds back until here: an
interpreter that is stopped while it starts shows a traceback.
"""
import os
import runpy
import signal
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
NEEDED = {"numpy": "numpy", "xstatic": "XStatic-D3"}  # what is imported → what it is called in the index


def script_of(command):
    path = os.path.join(HERE, command + ".py")
    return path if os.path.exists(path) else os.path.join(os.path.dirname(HERE), command, command + ".py")  # a study of its own


def note_interrupts():
    """Ctrl-C raises KeyboardInterrupt, as ever, and is noted: what it stops may make another error of it, as numpy's import does."""
    came = []

    def on_interrupt(number, frame):
        came.append(number)
        raise KeyboardInterrupt

    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, on_interrupt)
    return came


def main():
    command = sys.argv[1]
    interrupts = note_interrupts()
    sys.argv = [script_of(command), *sys.argv[2:]]
    sys.path[0] = os.path.dirname(sys.argv[0])
    try:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, (signal.SIGINT, signal.SIGTERM, signal.SIGHUP))
        runpy.run_path(sys.argv[0], run_name="__main__")
    except (KeyboardInterrupt, Exception) as error:
        if isinstance(error, KeyboardInterrupt) or interrupts:
            print(f"corps-lab {command}: stopped by Ctrl-C", file=sys.stderr)
            return 130
        package = (getattr(error, "name", None) or "").split(".")[0] if isinstance(error, ModuleNotFoundError) else ""
        if package not in NEEDED:
            raise
        print(f"corps-lab {command}: {sys.executable} has no {NEEDED[package]}; run: {sys.executable} -m pip install {' '.join(NEEDED.values())} "
              "(or scripts/setup), or name another interpreter in CORPS_PYTHON", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
