"""The main program, and how an Env gets it: by the rules of multiprocessing's start method spawn.

Env processes import the main program again, as `__mp_main__` (so that what is guarded by `__name__ == '__main__'` does
not run again), and know it by both names. What has no file (python -c, standard input, an interactive session, a
notebook) cannot be imported, and the file `__main__.py` of a package, folder or archive is not, since such files rarely
have a guard: what is defined there travels by value.
"""

import importlib.machinery
import os
import sys
import threading
import types
import weakref

ALIAS = '__mp_main__'
_imported = False  # this is an Env, and its main program the imported one
_importing = False
_threads_before = None  # an Env's threads when it began to import the main program
_threads = frozenset()  # those that this has started, once it is over


def _main_module():
    return sys.modules.get('__main__')


_first = None, None  # the program's main module (weakly) and its file, when the package was imported


def _file():
    """The main module's file. Python takes __file__ away when the program's end is reached; threads may go on. Before 3.9 it
    may be relative to the directory that the program began in."""
    main = _main_module()
    first = _first[1] if _first[0] is not None and main is _first[0]() else None
    return first or getattr(main, '__file__', None)


def whole_path(name):
    """Before 3.9 the main program's code bears its file's name as it was given. In Envs that is the whole path."""
    given = getattr(_main_module(), '__file__', None)
    return _file() if name == given else name


def description():
    """('name', module) or ('path', file) of the main program, None when it cannot be imported."""
    main = _main_module()
    spec = getattr(main, '__spec__', None)
    name = getattr(spec, 'name', None)
    if name is not None:
        return None if name == '__main__' or name.endswith('.__main__') else ('name', name)
    path = _file()
    if getattr(sys, 'frozen', False) or path is None or hasattr(sys, 'ps1'):
        return None
    path = os.path.abspath(path)
    is_launcher = os.path.splitext(os.path.basename(path))[0] == 'ipython'  # its oldest ones have no guard
    is_stream = path.startswith(('/dev/', '/proc/'))  # standard input by another name
    return ('path', path) if os.path.isfile(path) and not is_launcher and not is_stream else None


def is_importable():
    """Can Envs import the main program of this process?"""
    return _imported or description() is not None


_names = None


def _bound(statements):
    """The names that statements of a module bind, but for those under `if __name__ == '__main__'`."""
    import ast
    for statement in statements:
        if isinstance(statement, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            yield statement.name
        elif isinstance(statement, (ast.Import, ast.ImportFrom)):
            for alias in statement.names:
                yield (alias.asname or alias.name).partition('.')[0]
        elif isinstance(statement, ast.If) and '__name__' in ast.dump(statement.test):
            yield from _bound(statement.orelse)
        else:
            for node in ast.iter_child_nodes(statement):
                if isinstance(node, (ast.stmt, getattr(ast, 'match_case', ast.stmt))):
                    yield from _bound([node])
                elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
                    yield node.id
                elif isinstance(node, (ast.Tuple, ast.List)):
                    yield from (item.id for item in ast.walk(node) if isinstance(item, ast.Name))
                elif isinstance(node, ast.ExceptHandler):
                    yield from _bound(node.body)


def defines(thing):
    """Does importing the main program again give this function or class of it? (Read from its source.)"""
    global _names
    found = _main_module()
    for part in thing.__qualname__.split('.'):
        found = getattr(found, part, None)
    if found is not thing:
        return False  # made at run time, or received by value
    if _imported:
        return True
    if _names is None:
        try:
            import ast
            with open(_file(), 'rb') as file:
                _names = frozenset(_bound(ast.parse(file.read()).body) if description() is not None else ())
        except (OSError, SyntaxError, ValueError, TypeError):
            _names = frozenset()
    return thing.__qualname__.partition('.')[0] in _names


def start():
    """In the program: its main module is known by both names. Asked again when a Corps is created, since programs that run
    others (coverage, profilers, runpy) put another main module in their own's place."""
    global _first, _names
    main = _main_module()
    if _first[0] is not None and _first[0]() is main:
        return
    file = getattr(main, '__file__', None)
    try:
        file = file and os.path.abspath(file)
    except OSError:
        pass  # the working directory is gone; create_Corps says so
    _first = weakref.ref(main), file
    _names = None
    sys.modules[ALIAS] = main  # multiprocessing may have put there what was the main module before


def has_started(thread):
    """Was it the import of the main program that started this thread in this Env?"""
    return thread in _threads or (_importing and thread not in _threads_before)


def main_globals():
    return getattr(_main_module(), '__dict__', None)


def file():
    """For texts."""
    return _file() or 'the main program'


def _code_of(path):
    if path.endswith('.pyc'):
        return importlib.machinery.SourcelessFileLoader(ALIAS, path).get_code(ALIAS)
    with open(path, 'rb') as source:
        return compile(source.read(), path, 'exec')


def _module_of(kind, where):
    """The main program as a module, and its code."""
    module = types.ModuleType(ALIAS)
    if kind == 'name':
        import importlib.util
        spec = importlib.util.find_spec(where)
        module.__file__, module.__spec__, module.__package__ = spec.origin, spec, spec.parent
        return module, spec.loader.get_code(where)
    module.__file__, module.__package__ = where, ''
    return module, _code_of(where)


def prepare(described):
    """In an Env: imports the main program."""
    global _imported, _importing, _threads, _threads_before
    if described is None:
        return
    _threads_before = frozenset(threading.enumerate())
    _imported = _importing = True
    module, code = _module_of(*described)
    sys.modules[ALIAS] = sys.modules['__main__'] = module
    if 'dill._dill' in sys.modules:
        sys.modules['dill._dill']._main_module = module  # it remembers the one that was there when it was imported
    exec(code, module.__dict__)
    _threads = frozenset(threading.enumerate()) - _threads_before
    _importing = False
