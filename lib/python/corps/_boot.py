"""The creator's side of processes: the template process, and what a new Env is told."""

import os
import select
import socket
import sys
import threading

from . import _core, _limits, _main, _pickling, _plain
from ._name import class_text

_lock = threading.Lock()
_requests = None  # our end of the template's socket
_former = []  # template processes before this one
_begun_with = None  # what of our environment the template began with
_template_pid = None
_libraries = []

_FLAGS = (('dont_write_bytecode', 'B'), ('no_site', 'S'), ('optimize', 'O'), ('bytes_warning', 'b'), ('debug', 'd'),
          ('verbose', 'v'), ('quiet', 'q'))
_ISOLATING = (('ignore_environment', 'E'), ('no_user_site', 's'), ('safe_path', 'P'))  # -I is all of them and more


def _interpreter_flags():
    """The flags of this interpreter that its Envs shall have too."""
    flags = ['-I'] if getattr(sys.flags, 'isolated', 0) else []
    chosen = _FLAGS if flags else _FLAGS + _ISOLATING
    flags += ['-' + letter * int(getattr(sys.flags, name, 0)) for name, letter in chosen if getattr(sys.flags, name, 0)]
    if getattr(sys.__stdout__, 'write_through', False):
        flags.append('-u')  # no flag says so
    flags += [f'-W{warning}' for warning in sys.warnoptions]
    for key, value in getattr(sys, '_xoptions', {}).items():
        flags += ['-X', key if value is True else f'{key}={value}']
    return flags


def _executable():
    """The interpreter that becomes the template process. A frozen program started again would run from its beginning."""
    own = getattr(sys, 'frozen', False) and sys.executable and os.path.samefile(sys.executable, '/proc/self/exe')
    if own or not sys.executable:
        raise RuntimeError(f'Envs are started by a Python interpreter, and sys.executable ({sys.executable!r}) is none: set it '
                           'to one that has the package corps')
    return sys.executable


_AT_START = ('PYTHON', 'LC_', 'LANG', 'LD_', 'MALLOC_', 'GLIBC_')
"""Variables of the environment that an interpreter, or the C library, looks at when it begins, and never again."""


def _environment():
    return {name: value for name, value in os.environ.items() if name.startswith(_AT_START)}


def _is_alive():
    """Is there a template process, that began as one would begin now?"""
    if _requests is None or (_inherited is None and _begun_with != _environment()):
        return False
    end = select.poll()
    end.register(_requests, select.POLLIN)
    return not end.poll(0)  # the template never writes: what can be read is its end


def _wait_for_former():
    """Those that have ended; they do when their last Envs have."""
    for pid in list(_former):
        try:
            ended, _ = os.waitpid(pid, os.WNOHANG)
        except ChildProcessError:  # somebody else has waited for it
            ended = pid
        if ended:
            _former.remove(pid)


def ensure_template():
    """Starts the template process, unless one runs."""
    global _requests, _template_pid, _begun_with
    with _lock:
        if _requests is None and _inherited is not None:
            _requests = socket.socket(fileno=_inherited)
        if _is_alive():
            return
        if _template_pid is not None:
            _former.append(_template_pid)
        _wait_for_former()
        _core.fill_standard()
        executable = _executable()
        ours, its = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        fd = its.fileno()
        folder = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
        program = (f'import sys; sys.path[:] = [item for item in sys.path if item] + [{folder!r}]; '
                   f'from corps import _template; _template.main({fd})')
        arguments = [executable, *_interpreter_flags(), '-c', program]
        _template_pid = os.posix_spawn(executable, arguments, os.environ, setsigmask=[],
                                       file_actions=[(os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
                                                     (os.POSIX_SPAWN_DUP2, fd, fd)])  # inheritable there alone
        its.close()
        if _requests is not None:
            _requests.close()
        _requests, _begun_with = ours, _environment()
        _core.template_set(ours.fileno())


_inherited = None


def inherit(template_fd):
    """In an Env: the template process that made us serves us too."""
    global _inherited
    _inherited = template_fd


def stop_template():
    """At the end of the program, when its Corps have ended."""
    global _requests, _template_pid
    with _lock:
        if _requests is None or _inherited is not None:
            return
        _core.template_set(-1)
        _requests.close()
        _requests = None
        if _template_pid is not None:
            try:
                os.waitpid(_template_pid, os.WNOHANG)
            except ChildProcessError:
                pass  # somebody else has waited for it
            _template_pid = None


def _directory():
    """The working directory."""
    try:
        return os.getcwd()
    except FileNotFoundError:
        raise FileNotFoundError('the working directory of this process has been deleted, and Envs begin in it: '
                                "change to one that is there, by os.chdir, before you create a Corps") from None


def told(config, front, compat, births, logging, modules):
    """What Envs of a new Corps are to know of this process and of the Corps, see _env.boot. front: its class."""
    return {
        'environ': dict(os.environ), 'directory': _directory(), 'path': list(sys.path), 'argv': list(sys.argv),
        'executable': sys.executable, 'compat': compat, 'front': class_text(front), 'config': config,
        'libraries': list(_libraries), 'births': births, 'logging': logging, 'modules': modules,
        'limits': _limits.own(), 'tracker': _tracker(), 'main': _main.description() if _core.own() is None else _described()}


def boot_data(sent, module, manager, by_name):
    """What every Env of a new Corps is told, as bytes. module: that of the Corps' class. by_name: without pickles."""
    if not sent['config']['Hosts']:
        return _dumps(sent, manager, by_name)
    return _dumps(dict(sent, far=_far_data(sent, module, manager, by_name)), manager, by_name)


def _far_data(sent, module, manager, by_name):
    """[how agents start Envs of this program, what those are told]."""
    from . import _far
    launch, far = _far.describe(_executable(), _interpreter_flags(), sent, module)
    far = _dumps(far, manager, by_name)
    return [launch, far.decode() if by_name else far]


def owned_data(sent, module, by_name):
    """The same where the Corps is not to be this process's: (how an agent starts its Env 0, as the core takes it, and what every Env on Env 0's
    host is told). On whichever host that is, these are told what those on other hosts are."""
    from . import _far
    far = _far_data(sent, module, None, by_name)
    return _far.for_core(far[0]), _plain.far_dumps(far) if by_name else _pickling.dumps({'far': far})


def _dumps(sent, manager, by_name):
    return _plain.boot_dumps(sent, manager) if by_name else _pickling.dumps(dict(sent, manager=_pickling.dumps(manager)))


def _tracker():
    """Where the process of multiprocessing listens that removes shared memory which nobody has removed, where the program uses such
    memory: (process, descriptor). Envs tell the same one, as multiprocessing's processes do: one of an Env's own would remove at the
    Env's end what others still use."""
    if 'multiprocessing.shared_memory' not in sys.modules:
        return None
    from multiprocessing import resource_tracker
    return os.getpid(), resource_tracker.getfd()


def _described():
    """In an Env: the main program that it has imported itself."""
    main = sys.modules.get(_main.ALIAS)
    if main is None or getattr(main, '__file__', None) is None:
        return None
    spec = getattr(main, '__spec__', None)
    return ('name', spec.name) if spec is not None else ('path', main.__file__)


def load_classes(path):
    """Makes the Worker classes of a shared object written in C known to the Corps that this process creates from now on. `path` is its
    file, which has the symbol corps_classes. Raises OSError if it cannot be loaded or has no such symbol."""
    path = os.path.abspath(path)
    _core.load_classes(path)
    _libraries.append(path)


def forked():
    """In the child of a fork: the template process serves the parent."""
    global _lock, _requests, _template_pid, _inherited
    _lock = threading.Lock()
    _core.template_set(-1)
    if _requests is not None:
        _requests.close()
    elif _inherited is not None:
        os.close(_inherited)
    _requests = _template_pid = _inherited = None
