"""Modules that only the program finds: some runners (pytest with --import-mode=importlib) load a file under a name that no path leads
to. Envs are told where the module of a Corps' class is, if it is such a one."""

import importlib.machinery
import importlib.util
import sys

from . import _main


def _spec_of(name, path):
    for finder in sys.meta_path:
        spec = finder.find_spec(name, path) if hasattr(finder, 'find_spec') else None
        if spec is not None:
            return spec
    return None


def _is_found(name):
    """Would an import find the file that this module was loaded from?"""
    path = None
    spec = None
    for end in [at for at, letter in enumerate(name) if letter == '.'] + [len(name)]:
        spec = _spec_of(name[:end], path)
        if spec is None:
            return False
        path = spec.submodule_search_locations
    return spec.origin == sys.modules[name].__spec__.origin


def description(name):
    """[name, file or None, search path or None] of what Envs must be told, outermost package first."""
    module = sys.modules.get(name)
    file = getattr(module, '__file__', None)
    if name in ('__main__', _main.ALIAS) or file is None or getattr(module, '__spec__', None) is None or _is_found(name):
        return []
    parts = name.split('.')
    packages = ['.'.join(parts[:count]) for count in range(1, len(parts))]
    return [[package, getattr(sys.modules.get(package), '__file__', None), list(getattr(sys.modules.get(package), '__path__', []))]
            for package in packages] + [[name, file, None]]


class _Finder:
    """Finds what no other one does."""

    def __init__(self, described):
        self.described = {name: (file, path) for name, file, path in described}

    def find_spec(self, name, path=None, target=None):
        file, inside = self.described.get(name, (None, None))
        if file is not None:
            return importlib.util.spec_from_file_location(name, file, submodule_search_locations=inside)
        if inside is None:
            return None
        spec = importlib.machinery.ModuleSpec(name, None, is_package=True)  # a package without a file of its own
        spec.submodule_search_locations = inside
        return spec


def prepare(described):
    """In an Env."""
    if described:
        sys.meta_path.append(_Finder(described))
