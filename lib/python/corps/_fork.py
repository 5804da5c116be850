"""Forked children.

The extension module has let go of the parent's links and Corps before os.fork returns in the child (lib/fork.h). Here the package does
the same with what it holds itself: the child is a program that has not created any Corps, and knows its parent's by their Names.
"""

import os
import sys
import traceback

from . import _boot, _core, _create, _env, _future, _log, _loop, _name


def before_fork():
    if _core.own() is not None:
        _env.flush()  # what a method has printed is printed once


def in_child():
    for module in _boot, _create, _env, _future, _log, _loop, _name:
        module.forked()


def _status(exception):
    """What the interpreter would make of it, at the end of a program."""
    code = exception.code if isinstance(exception, SystemExit) else exception and 1
    if code is None or isinstance(code, int):
        return (code or 0) & 0xff
    print(code, file=sys.stderr)
    return 1


def end(exception):
    """A child that a method has forked is back from that method, with an exception or None: it ends here. What it returns goes
    nowhere, and nothing of its Env is cleaned up."""
    status = 1
    try:
        if exception is not None and not isinstance(exception, SystemExit):
            traceback.print_exception(type(exception), exception, exception.__traceback__)
        status = _status(exception)
        _env.flush()
    finally:
        os._exit(status)


def watch():
    """Once a process. The interpreter keeps these two to its very end, so they lead to nothing of Python."""
    os.register_at_fork(before=_core.before_fork, after_in_child=_core.forked)
