"""Envs on other hosts: how they are started there, and how such a process begins.

The agent of the host starts the interpreter, as the creator of the Corps describes it: the same file (by path and hash), with the same flags, and the
program's own files, whose hashes it compares. There is no template process, and of the environment only what the configuration names comes along.
"""

import hashlib
import os
import signal
import sys

from . import _core, _env, _limits, _log, _main, _pickling

_STAY = 'CORPS_AGENT', 'CORPS_BOOT_FD', 'CORPS_MODULE'
"""Of Corps' own variables those that mean this host or this process. The others (what is logged, sealed, allowed to be unpickled) mean the whole
Corps, as in C."""

_FILES_MAX = 1000  # of the program's own modules; more are not compared


def hash_of(path):
    """BLAKE2b-256 of a file, as hexadecimal digits: plain in a configuration without pickles too."""
    made = hashlib.blake2b(digest_size=32)
    with open(path, 'rb') as file:
        for part in iter(lambda: file.read(1 << 20), b''):
            made.update(part)
    return made.hexdigest()


# ---- the creator's side ----

def variables(given):
    """What of the environment comes along: {name: value}. given: Env_Variables, names; NAME* stands for all that begin so."""
    if given is not None and (isinstance(given, (str, bytes)) or not all(isinstance(item, str) for item in given)):
        raise TypeError(f"Env_Variables is a list of names of environment variables, as ['OMP_NUM_THREADS', 'MYAPP_*'], not {given!r}")
    chosen = {}
    for item in ('CORPS_*', *(given or ())):
        names = [name for name in os.environ if name.startswith(item[:-1])] if item.endswith('*') else [item]
        chosen.update((name, os.environ[name]) for name in names if name in os.environ and name not in _STAY)
    return chosen


def _main_file(described):
    """The file of the main program that Envs import; None where they import none."""
    if described is None:
        return None
    kind, where = described
    if kind == 'path':
        return where
    main = sys.modules.get(_main.ALIAS) or sys.modules.get('__main__')
    return getattr(getattr(main, '__spec__', None), 'origin', None) or getattr(main, '__file__', None)


def _needed(main, module, libraries):
    """Files without which no Env can begin."""
    files = [main, getattr(sys.modules.get(module), '__file__', None), *libraries]
    return list(dict.fromkeys(os.path.abspath(path) for path in files if path and os.path.isfile(path)))


def _own_modules(main, directory):
    """Files of modules beside the main program or in the working directory: what its author changes. An Env that imports one compares it then."""
    roots = [os.path.join(os.path.abspath(folder), '') for folder in (main and os.path.dirname(main), directory) if folder]
    others = [os.path.join(os.path.realpath(prefix), '') for prefix in {sys.prefix, sys.exec_prefix} if prefix != directory]
    found = {}
    for module in list(sys.modules.values()):
        path = getattr(module, '__file__', None)
        if isinstance(path, str) and path.startswith(tuple(roots)) and not path.startswith(tuple(others)) and 'site-packages' not in path:
            try:
                found[path] = hash_of(path)
            except OSError:
                pass  # it is in an archive, or has gone
        if len(found) >= _FILES_MAX:
            break
    return found


_BEGIN = """import os, sys
fd = int(os.environ.pop('CORPS_BOOT_FD'))
sys.path[:] = [item for item in sys.path if item] + [{folder!r}]
from corps import _far
_far.main(fd)"""


def describe(executable, flags, sent, module):
    """(how an agent starts an Env, what the Env is told instead of `sent`)."""
    folder = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    chosen = variables(sent['config'].get('Env_Variables'))
    main = _main_file(sent['main'])
    launch = {'program': executable, 'hash': hash_of(executable), 'argv': [executable, *flags, '-c', _BEGIN.format(folder=folder)],
              'cwd': sent['directory'], 'environ': chosen,
              'files': [[path, hash_of(path)] for path in _needed(main, module, sent['libraries'])]}
    told = dict(sent, environ=None, tracker=None, limits={'umask': sent['limits'].get('umask')}, version=_core.version,
                own_modules=_own_modules(main, sent['directory']))
    return launch, told


def for_core(launch):
    """The same with hashes as bytes."""
    files = [[path, bytes.fromhex(digits)] for path, digits in launch['files']]
    return dict(launch, hash=bytes.fromhex(launch['hash']), files=files)


# ---- Env 0 ----

def hand_on(far):
    """Tells the core what agents are to be told."""
    launch, told = far
    _core.launch_set(dict(for_core(launch), boot_data=told if isinstance(told, bytes) else told.encode()))


# ---- an Env on another host ----

def check_version(sent):
    if sent['version'] != _core.version:
        raise ImportError(f"the package corps is of version {_core.version} on this host, and {sent['version']} where the Corps was created: install "
                          'the same one')


def check_modules(expected):
    """What this Env has imported of the program's own is what the program has."""
    for path in {getattr(module, '__file__', None) for module in list(sys.modules.values())} & set(expected):
        here = hash_of(path)
        if here != expected[path]:
            raise ImportError(f'{path} is another one here (hash {here[:16]}) than where the Corps was created ({expected[path][:16]}); install the same')


def main(fd):
    """The life of the process; does not return."""
    if signal.getsignal(signal.SIGINT) != signal.SIG_IGN:
        signal.signal(signal.SIGINT, _env.no_interrupt)
    grant = os.environ.pop('CORPS_GRANT_FD', None)
    if grant is not None:
        os.set_inheritable(int(grant), False)  # a template process that this Env starts needs none
        os.putenv('CORPS_GRANT_FD', grant)  # the core takes it; what this Env starts is told of os.environ
    _log.end()  # its thread, if importing the package has started it: the Env has its own
    _pickling.load()
    _env.main(fd, None, None, None)
