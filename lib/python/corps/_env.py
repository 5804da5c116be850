"""Being an Env: a process of a Corps."""

import atexit
import enum
import importlib
import os
import pickle
import signal
import sys
import threading
import time

from . import _config, _core, _limits, _log, _logging, _loop, _main, _modules, _pickling, _plain


class MajorStatus(enum.IntEnum):
    """What an Env is doing."""
    Nonexistent = -999
    Booting = 1
    Restarting = 2
    Running = 3
    Exiting = 4
    Impaired = 5
    Failed = 6


class MinorStatus(enum.IntEnum):
    """Kept for programs written for Corps Python 0.1."""
    Undefined = 0


status = MajorStatus.Nonexistent
tag = 'No Name'
manager = None  # the ExtName of the managing Corps
front_text = ''  # the class of the Corps' front, as in addresses
births = 0  # see _guard


def _enter(directory):
    """Makes it the working directory. One that is there but cannot be reached by its path may be it already: the template
    process began in it."""
    try:
        os.chdir(directory)
    except OSError as error:
        try:
            stays = os.getcwd() == directory
        except OSError:
            stays = False
        if not stays:
            raise type(error)(f'the working directory {directory} cannot be entered: {error.strerror}') from None


def _print_by_lines():
    """Also into a pipe or a file: Envs write there side by side, and one that is killed keeps nothing back. A program whose
    import asks for something else gets it."""
    for stream in sys.stdout, sys.stderr:  # the latter does so from Python 3.9 on
        try:
            stream.reconfigure(line_buffering=True)
        except (AttributeError, OSError, ValueError):
            pass  # there is none, or not ours


def _share_tracker(pid, fd):
    """See _boot._tracker."""
    from multiprocessing import resource_tracker
    try:
        resource_tracker._resource_tracker._fd = os.open(f'/proc/{pid}/fd/{fd}', os.O_WRONLY)
    except OSError:
        pass  # the program has ended, or is not to be looked into: this Env has one of its own when it needs it


def _told(data):
    """What this Env is told: see _boot. Where no process of the program's made it, that is what Envs on other hosts are told too."""
    loads = pickle.loads if _pickling.allowed else _plain.boot_loads
    sent = loads(data)
    if 'config' in sent:
        return sent
    far = sent['far']
    return dict(loads(far[1] if isinstance(far[1], bytes) else far[1].encode()), far=far)


def boot(data):
    """Before the Env serves: makes this process like the one that created the Corps, and imports its main program."""
    global status, tag, manager, front_text, births
    status = MajorStatus.Booting
    _pickling.allowed = data[:1] != b'{'  # said by whoever started this process, and so decides what it runs anyway
    sent = _told(data)
    is_far = sent['environ'] is None  # not the program's process: what of its environment comes along is there from the start
    if is_far:
        from . import _far
        _far.check_version(sent)
    else:
        os.environ.clear()
        os.environ.update(sent['environ'])
        time.tzset()
    _limits.apply(sent['limits'])
    if sent['tracker']:
        _share_tracker(*sent['tracker'])
    _enter(sent['directory'])
    if is_far and 'far' in sent:  # Env 0 and those on its host; forked by the same template process, but the first Env 0
        from . import _boot
        _boot.ensure_template()
    sys.path[:] = sent['path']
    sys.argv[:] = sent['argv']
    sys.executable = sent['executable']
    _print_by_lines()
    if sent['compat']:
        import corps.compat
        corps.compat.start()
    _config.apply(sent['config'])
    _core.copy_local_set(_config.fast_path(sent['config']) == 'copy')
    tag = sent['config']['Tag']
    front_text = sent['front']
    births = sent['births']
    for library in sent['libraries']:
        _core.load_classes(library)
    _logging.begin(sent['config'], sent['logging'])
    _log.begin()
    _modules.prepare(sent['modules'])
    _main.prepare(sent['main'])
    for module in sent['config'].get('AutoLoad') or ():
        importlib.import_module(module)
    _pickling.start()
    _logging.settle(sent['logging'])
    if is_far:
        _far.check_modules(sent['own_modules'])
    if 'far' in sent:
        from . import _far
        _far.hand_on(sent['far'])
    manager = pickle.loads(sent['manager']) if _pickling.allowed else _plain.boot_manager(sent['manager'])
    status = MajorStatus.Running


def flush():
    """What was printed."""
    for stream in sys.stdout, sys.stderr:
        try:
            stream.flush()
        except (OSError, ValueError, AttributeError):
            pass  # closed by the program, or nobody reads any more


def main(control_fd, template_fd, env, tag_text):
    """The process's life; does not return. template_fd, env: None where no template process has made it."""
    global status
    try:
        thread = threading.current_thread()
        thread.name = 'corps-env' if env is None else f'corps-env-{env}'
        if template_fd is not None:
            from . import _boot
            _boot.inherit(template_fd)
            _core.template_set(template_fd)
            thread._set_native_id()  # it is the template process's otherwise
        exit_status = _core.serve(control_fd)
    except BaseException:
        sys.excepthook(*sys.exc_info())
        exit_status = 1
    status = MajorStatus.Exiting
    flush()  # now: what follows may take longer than an Env has whose parent has died
    for step in _loop.end, threading._shutdown, atexit._run_exitfuncs:  # the last two as the interpreter does at its end
        try:
            step()
        except BaseException:
            sys.excepthook(*sys.exc_info())
    flush()
    os._exit(exit_status)


def no_interrupt(number, frame):
    """SIGINT's handler in Envs: Ctrl-C is for the program, which then ends its Corps. No SIG_IGN: whatever a method starts
    would inherit that."""


def forked():
    """In the child of a fork: it is no Env, whatever its parent is."""
    global status, manager, births
    if signal.getsignal(signal.SIGINT) is no_interrupt:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    if status != MajorStatus.Booting:  # then it still imports the main program, and creates no Corps
        status, manager, births = MajorStatus.Nonexistent, None, 0
