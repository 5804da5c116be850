"""The main program, and how an Env gets it: by the rules of multiprocessing's start method spawn.

Env processes import the main program again, as `__mp_main__` (so that what is guarded by `__name__ == '__main__'` does
not run again), and know it by both names. What has no file (python -c, an interactive session, a notebook) cannot be
imported: what is defined there travels by value.
"""

import os
import sys
import types

ALIAS = '__mp_main__'
_imported = False  # this is an Env, and its main program the imported one


def _main_module():
    return sys.modules.get('__main__')


def description():
    """('name', module) or ('path', file) of the main program, None when it cannot be imported."""
    main = _main_module()
    spec = getattr(main, '__spec__', None)
    name = getattr(spec, 'name', None)
    if name is not None and name != '__main__':
        return 'name', name
    path = getattr(main, '__file__', None)
    if getattr(sys, 'frozen', False) or path is None or hasattr(sys, 'ps1'):
        return None
    path = os.path.abspath(path)
    return ('path', path) if os.path.isfile(path) else None


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
                if isinstance(node, ast.stmt):
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
            with open(_main_module().__file__, 'rb') as file:
                _names = frozenset(_bound(ast.parse(file.read()).body))
        except (OSError, SyntaxError, ValueError, AttributeError):
            _names = frozenset()
    return thing.__qualname__.partition('.')[0] in _names


def start():
    """In the program: its main module is known by both names."""
    sys.modules.setdefault(ALIAS, _main_module())


def prepare(described):
    """In an Env: imports the main program."""
    global _imported
    if described is None:
        return
    _imported = True
    kind, where = described
    module = types.ModuleType(ALIAS)
    if kind == 'name':
        import importlib.util
        spec = importlib.util.find_spec(where)
        code = spec.loader.get_code(where)
        module.__file__, module.__spec__ = spec.origin, spec
        module.__package__ = spec.parent
    else:
        with open(where, 'rb') as file:
            code = compile(file.read(), where, 'exec')
        module.__file__, module.__package__ = where, ''
    sys.modules[ALIAS] = sys.modules['__main__'] = module
    if 'dill._dill' in sys.modules:
        sys.modules['dill._dill']._main_module = module  # it remembers the one that was there when it was imported
    exec(code, module.__dict__)
