"""Typed Names for mypy and pyright.

    python -m corps.stubs MODULE …          writes MODULE_names.pyi and MODULE_names.py beside each module
    python -m corps.stubs --check MODULE …  writes nothing; status 1 if a module has changed since

For each class of Workers in the module, NAME_names has a class of its Names: what can be called, with which arguments, and
what the Future gives. `class Service(Corps['ServiceName'])` tells create_Corps of it. At run time each is corps.Name.
"""

import argparse
import ast
import builtins
import importlib
import inspect
import os
import sys
import types

from . import Conc, Corps, Func, Name

_PLAIN_DECORATORS = {'staticmethod', 'classmethod', 'abstractmethod', 'overload', 'override', 'final', 'cache', 'lru_cache'}
_ANY = ast.Name('Any', ast.Load())


class _Scope:
    """A module that annotations come from: where its names do."""

    def __init__(self, module):
        self.module = module
        self.tree = ast.parse(inspect.getsource(module))
        self.imports = {}  # name → the statement that brings it alone
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Import):
                for alias in node.names:
                    if alias.asname or '.' not in alias.name:
                        self.imports[alias.asname or alias.name] = ast.unparse(ast.Import([alias]))
                    else:
                        self.imports[alias.name.partition('.')[0]] = f'import {alias.name}'
            elif isinstance(node, ast.ImportFrom):
                for alias in node.names:
                    self.imports[alias.asname or alias.name] = ast.unparse(
                        ast.ImportFrom(node.module, [alias], node.level))

    def class_node(self, cls):
        """The definition of a class at the top level or in others; None when there is no such text."""
        found = [self.tree]
        for part in cls.__qualname__.split('.'):
            found = [node for inside in found for node in ast.walk(inside)
                     if isinstance(node, ast.ClassDef) and node.name == part]
        return found[-1] if found else None


class _Writer:
    """The text of one NAME_names.pyi."""

    def __init__(self, module):
        self.module = module
        self.scopes = {}
        self.classes = [cls for cls in vars(module).values()
                        if isinstance(cls, type) and issubclass(cls, Conc) and cls.__module__ == module.__name__]
        self.classes.sort(key=lambda cls: (len(cls.__mro__), list(vars(module)).index(cls.__name__)))
        self.names = {f'{cls.__name__}Name' for cls in self.classes}
        self.lines = {'Any': 'from typing import Any', 'Attribute': 'from corps import Attribute',
                      'Future': 'from corps import Future', 'TypedName': 'from corps import TypedName'}

    def scope(self, cls):
        if cls.__module__ not in self.scopes:
            try:
                self.scopes[cls.__module__] = _Scope(sys.modules[cls.__module__])
            except (OSError, TypeError, KeyError):  # it has no source
                self.scopes[cls.__module__] = None
        return self.scopes[cls.__module__]

    def annotation(self, node, cls):
        """The same with every name in it made known here; Any where that cannot be."""
        if node is None:
            return _ANY
        node = ast.parse(ast.unparse(node), mode='eval').body
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            node = ast.parse(node.value, mode='eval').body
        unknown = []
        writer = self

        class Resolve(ast.NodeTransformer):
            def visit_Subscript(self, inner):
                if ast.unparse(inner.value).rpartition('.')[2] != 'Literal':
                    inner.slice = self.visit(inner.slice)
                inner.value = self.visit(inner.value)
                return inner

            def visit_Constant(self, inner):
                if isinstance(inner.value, str):  # a part in quotes
                    return self.visit(ast.parse(inner.value, mode='eval').body)
                return inner

            def visit_Name(self, inner):
                if inner.id in vars(cls) and isinstance(vars(cls)[inner.id], type):
                    return ast.Attribute(self.visit(ast.Name(cls.__name__, ast.Load())), inner.id, ast.Load())
                if not writer.know(inner.id, cls):
                    unknown.append(inner.id)
                return inner

        made = Resolve().visit(node)
        return _ANY if unknown else made

    def know(self, name, cls):
        """Imports a name that a class's module uses; False when it means something else here already."""
        scope = self.scope(cls)
        line = scope.imports.get(name)
        if line is None and hasattr(scope.module, name) and not hasattr(builtins, name):
            line = f'from {scope.module.__name__} import {name}'
        elif line is not None and line.startswith('from .') and scope.module.__package__ != self.module.__package__:
            return False
        if line is None or name in self.names:
            return line is None and hasattr(builtins, name) or name in self.names
        return self.lines.setdefault(name, line) == line

    # ---- members ----

    def signature(self, node, cls, bound):
        """The text of a method of a Name, from that of the Worker."""
        given = node.args
        positional = given.posonlyargs + given.args
        if bound:
            (given.posonlyargs or given.args)[:1] = []
        for argument in positional + given.kwonlyargs + [given.vararg, given.kwarg]:
            if argument is not None:
                argument.annotation = self.annotation(argument.annotation, cls)
        given.defaults = [ast.Constant(...) for _ in given.defaults]
        given.kw_defaults = [None if default is None else ast.Constant(...) for default in given.kw_defaults]
        (given.posonlyargs or given.args).insert(0, ast.arg('self'))
        of_system = [('NoReply', 'bool'), ('Retry', 'bool')] + [('Key', 'Any')] * (getattr(cls, 'Sticky', None) is not None)
        for word, kind in of_system:
            if all(argument.arg != word for argument in positional + given.kwonlyargs):
                given.kwonlyargs.append(ast.arg(word, ast.Name(kind, ast.Load())))
                given.kw_defaults.append(ast.Constant(...))
        returns = ast.unparse(self.annotation(node.returns, cls))
        return f'    def {node.name}({ast.unparse(given)}) -> Future[{returns}]: ...'

    def method(self, name, found, node, cls):
        """Lines of a method, all overloads of it."""
        nodes = [item for item in node.body if isinstance(item, (ast.FunctionDef, ast.AsyncFunctionDef)) and item.name == name]
        loose = [f'    def {name}(self, *args: Any, **kwargs: Any) -> Future[Any]: ...']
        if not nodes:
            return loose
        decorators = [{ast.unparse(item).partition('(')[0].rpartition('.')[2] for item in one.decorator_list} for one in nodes]
        function = inspect.unwrap(getattr(found, '__func__', found))
        if not set.union(*decorators) <= _PLAIN_DECORATORS and getattr(function, '__name__', None) != name:
            return loose  # who knows what the decorator made of it
        overloads = [one for one, names in zip(nodes, decorators) if 'overload' in names]
        lines = []
        for one in overloads or nodes[-1:]:
            if overloads:
                self.lines['overload'] = 'from typing import overload'
                lines.append('    @overload')
            lines.append(self.signature(one, cls, bound=not isinstance(found, staticmethod)))
        return lines

    def member(self, name, found, node, cls):
        if isinstance(found, property):
            return [f'    {name}: Any']  # a value or a Future, as its getter has it
        if isinstance(found, (staticmethod, classmethod)) or callable(found):
            return self.method(name, found, node, cls)
        if hasattr(type(found), '__get__'):
            return []
        declared = [item.annotation for item in node.body if isinstance(item, ast.AnnAssign) and ast.unparse(item.target) == name]
        kind = type(found).__name__ if type(found) in (bool, int, float, str, bytes) else 'Any'
        return [f'    {name}: {ast.unparse(self.annotation(declared[-1], cls)) if declared else kind}']

    def instance_attributes(self, node, cls, seen):
        """What methods assign to attributes of self, and what the class declares without a value."""
        lines = []
        for item in ast.walk(node):
            targets = [item.target] if isinstance(item, ast.AnnAssign) else item.targets if isinstance(item, ast.Assign) else []
            for target in targets:
                own = isinstance(target, ast.Attribute) and isinstance(target.value, ast.Name) and target.value.id == 'self'
                name = target.attr if own else target.id if isinstance(target, ast.Name) and item in node.body else '_'
                if name.startswith('_') or name in seen or hasattr(cls, name):
                    continue
                seen.add(name)
                kind = self.annotation(getattr(item, 'annotation', None), cls)
                lines.append(f'    {name}: Attribute[{ast.unparse(kind)}]')
        return lines

    def name_class(self, cls):
        bases = [base for base in cls.__mro__[1:] if base in self.classes]
        base = bases[0] if bases else None
        done = set(base.__mro__ if base else (Conc, Corps, Func, object))
        seen, lines = set(), []
        for part in cls.__mro__:
            node = self.scope(part) and self.scope(part).class_node(part) if part not in done and part is not object else None
            if node is None or part in (Conc, Corps, Func):
                continue
            for name, found in vars(part).items():
                if not name.startswith('_') and name not in seen and not (isinstance(found, type) and name in vars(part)):
                    seen.add(name)
                    lines += self.member(name, found, node, part)
            lines += self.instance_attributes(node, part, seen)
        title = f"class {cls.__name__}Name({base.__name__ + 'Name' if base else 'TypedName'}):"
        return [title] + (lines or ['    pass'])

    def text(self):
        bodies = ['\n'.join(self.name_class(cls)) for cls in self.classes]
        used = {word.id for body in bodies for word in ast.walk(ast.parse(body)) if isinstance(word, ast.Name)}
        imports = sorted(line for name, line in self.lines.items() if name in used)
        return '\n\n'.join([_head(self.module), '\n'.join(imports)] + bodies) + '\n'

    def run_time_text(self):
        """What the names are when the program runs."""
        return _head(self.module) + '\n\nfrom corps import Name\n\n' + ''.join(
            f'{name} = Name\n' for name in sorted(self.names))


def _head(module):
    return f'# Typed Names of the Workers of {module.__name__}. Written by: python -m corps.stubs {module.__name__}'


def _load(name):
    """Imports a module. What it imports from its own NAME_names need not be there yet."""
    for names in f'{name}_names', f"{name}.{name.rpartition('.')[2]}_names":  # of a module; of a package
        made = types.ModuleType(names)
        made.__getattr__ = lambda attribute: Name
        sys.modules[names] = made
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise SystemExit(f'corps.stubs: cannot import {name}: {error}') from None


def _files(name):
    """(path, text) of the files of a module."""
    writer = _Writer(_load(name))
    if not writer.classes:
        raise SystemExit(f'corps.stubs: there is no class of Workers in {name}')
    folder = os.path.dirname(os.path.abspath(writer.module.__file__))
    base = os.path.join(folder, f"{name.rpartition('.')[2]}_names")
    return [(base + '.pyi', writer.text()), (base + '.py', writer.run_time_text())]


def _is_current(path, text):
    try:
        with open(path, encoding='utf-8') as file:
            return file.read() == text
    except OSError:
        return False


def main():
    parser = argparse.ArgumentParser(prog='python -m corps.stubs', description='Writes typed Names for mypy and pyright.')
    parser.add_argument('--check', action='store_true', help='write nothing; status 1 if something would be written')
    parser.add_argument('modules', nargs='+', metavar='MODULE')
    options = parser.parse_args()
    if sys.version_info < (3, 9):
        raise SystemExit('corps.stubs: typed Names are written by Python 3.9 or later; programs that use them may run on any')
    sys.path.insert(0, os.getcwd())
    stale = 0
    for path, text in [file for name in options.modules for file in _files(name)]:
        if _is_current(path, text):
            continue
        stale += 1
        print(f'{path}: is not what its module says now' if options.check else path)
        if not options.check:
            with open(path, 'w', encoding='utf-8') as file:
                file.write(text)
    raise SystemExit(1 if options.check and stale else 0)


if __name__ == '__main__':
    main()
