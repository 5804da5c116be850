"""What keeps a program from starting processes without end.

Envs import the main program, and classes bring their modules along. What creates a Corps when it is imported would do so in
every Env, whose Envs would do so again. Two things end that: no Corps is created by the import of the main program in
an Env, nor by a thread that this has started, nor at the end of an Env; and behind that stands a bound on Corps that are
created within the making of one another.
"""

import linecache
import sys
import threading

from . import _env, _main

BIRTHS_MAX = 8

_BEGINNINGS = f'{__package__}._template', f'{__package__}._far'  # what is below them on the stack are ways to start an Env

_making = {}  # by thread, how many inits are on its stack


class Unguarded(RuntimeError):
    """A Corps was created by an import. The creator of the Env raises its text as a plain RuntimeError."""


_IMPORTED = """{file}, line {line}, creates a Corps as soon as the file is imported:

    {code}

Every Env of a Corps imports the main program to know its classes, and would create the Corps again, without end. What only the
program itself shall do goes under this condition:

    if __name__ == '__main__':
        {code}"""

_IN_THREAD = """{file} starts the thread {thread}, which creates a Corps, as soon as the file is imported.

Every Env of a Corps imports the main program to know its classes, and would create the Corps again, without end. What only the
program itself shall do goes under this condition:

    if __name__ == '__main__':
        (the lines that start the thread)"""

_MODULE = """{file}, line {line}, creates a Corps as soon as the module {module} is imported. Every Env imports it too, and \
would create the Corps again, without end: put the line into a function, and call that in the main program under \
if __name__ == '__main__':"""


def _module_frames():
    """The frames of modules that this Env is importing, innermost first."""
    frame = sys._getframe(1)
    while frame is not None and frame.f_globals.get('__name__') not in _BEGINNINGS:
        if frame.f_code.co_name == '<module>':
            yield frame
        frame = frame.f_back


def _import_text():
    """What the program should be told, None when no import leads here."""
    frames = list(_module_frames())
    mains = [frame for frame in frames if frame.f_globals is _main.main_globals()]
    if not frames:
        return None
    in_main = frames[0] in mains
    frame = mains[-1] if in_main else frames[0]  # what the main program executes is another, inner frame of it
    file = frame.f_code.co_filename
    code = linecache.getline(file, frame.f_lineno).strip() or '(the call that creates the Corps)'
    return (_IMPORTED if in_main else _MODULE).format(file=file, line=frame.f_lineno, code=code,
                                                      module=frame.f_globals.get('__name__'))


def _is_endless(cls):
    """Is the module of this class being imported, so that it will be in the Envs of its Corps too?"""
    return any(frame.f_globals.get('__name__') == cls.__module__ for frame in _module_frames())


def check(cls):
    """Before anything is started for a Corps of a class: how many Corps are being made around it. Raises Unguarded, or
    RuntimeError where nobody would see that."""
    if _env.status == _env.MajorStatus.Nonexistent:
        return 0  # the program
    if _env.status == _env.MajorStatus.Exiting:
        raise RuntimeError('this Env is ending: it creates no Corps any more')
    thread = threading.current_thread()
    if _main.has_started(thread):
        raise RuntimeError(_IN_THREAD.format(file=_main.file(), thread=thread.name))
    if _env.status == _env.MajorStatus.Booting or _is_endless(cls):
        raise Unguarded(_import_text() or f'{_main.file()} creates a Corps when it is imported')
    if not _making.get(threading.get_ident()):
        return 0
    if _env.births >= BIRTHS_MAX:
        raise Unguarded(f'Corps create each other in their __init__, {BIRTHS_MAX} deep, which would not end: create some of them '
                        'in a method that is called later')
    return _env.births + 1


class making:
    """Around a Worker's init: what it creates is created within the making of its Corps."""

    def __enter__(self):
        thread = threading.get_ident()
        _making[thread] = _making.get(thread, 0) + 1

    def __exit__(self, *_):
        thread = threading.get_ident()
        _making[thread] -= 1
        if not _making[thread]:
            del _making[thread]
