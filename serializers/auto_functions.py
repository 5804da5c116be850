"""Functions by value: their code, the globals that the code names, cells, methods; and modules, which are globals.

This module is `_corps_auto_functions`.
"""
import dis
import importlib
import itertools
import re
import sys
import types
import weakref

from _corps_auto_annotations import of_function
from _corps_auto_identity import by_name, made_here, module_of
from _corps_auto_names import importable, in_registered, known_importable, remember

_names_of_code = weakref.WeakKeyDictionary()
_GLOBAL = {dis.opmap[name] for name in ('LOAD_GLOBAL', 'STORE_GLOBAL', 'DELETE_GLOBAL', 'LOAD_NAME') if name in dis.opmap}


def global_names(code):
    """The globals that code and the code within it name, in order."""
    names = _names_of_code.get(code)
    if names is None:
        found = {}
        for instruction in dis.get_instructions(code):
            if instruction.opcode in _GLOBAL or instruction.opname in ('LOAD_GLOBAL', 'LOAD_FROM_DICT_OR_GLOBALS'):
                found[instruction.argval] = None
        for constant in code.co_consts:
            if isinstance(constant, types.CodeType):
                found.update(dict.fromkeys(global_names(constant)))
        names = _names_of_code[code] = tuple(found)
    return names


def _annotated_names(function):
    """The types and modules that annotations name which are texts: for typing.get_type_hints."""
    texts = [text for text in (of_function(function) or {}).values() if type(text) is str]
    names = {name for text in texts for name in re.findall(r'[^\W\d]\w*', text)}
    return sorted(name for name in names if isinstance(function.__globals__.get(name), (type, types.ModuleType)))


def _submodules(code, values):
    """Modules that the code reaches as attributes of packages: they must be imported there too."""
    packages = [value for value in values if isinstance(value, types.ModuleType) and hasattr(value, '__path__')]
    if not packages:
        return []
    names = dict.fromkeys(code.co_names)
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            names.update(dict.fromkeys(constant.co_names))
    found = []
    for package in packages:  # grows while it lasts: packages within packages
        for name in names:
            module = sys.modules.get('%s.%s' % (package.__name__, name))
            if module is not None:
                found.append(module)
                if hasattr(module, '__path__'):
                    packages.append(module)
    return found


class _Scope:
    """Stands for the globals of functions in a message."""

    __slots__ = ('names',)

    def __init__(self, names):
        self.names = names

    def __reduce__(self):
        return _scope, (self.names,)


def _scope(names):
    return dict(names, __builtins__=__builtins__)


class _ScopeOfModule:
    __slots__ = ('module',)

    def __init__(self, module):
        self.module = module

    def __reduce__(self):
        return vars, (self.module,)


def _scope_for(state, function):
    """(what stands for the function's globals, the names that are in the message already)."""
    known = state.scopes.get(id(function.__globals__))
    if known is None:
        told = {} if state.digesting else {name: function.__globals__[name] for name in ('__name__', '__package__', '__file__')
                if type(function.__globals__.get(name)) is str}
        known = state.scopes[id(function.__globals__)] = _Scope(told), set()
    return known


def _make_cell():
    return types.CellType()


def _fill_cell(cell, contents):
    cell.cell_contents = contents


def reduce_cell(state, cell):
    if id(cell) in state.filled:
        return _make_cell, ()
    state.filled.add(id(cell))
    try:
        contents = cell.cell_contents
    except ValueError:
        return _make_cell, ()
    return _make_cell, (), contents, None, None, _fill_cell


def _function(code, scope, name, cells):
    return types.FunctionType(code, scope, name, None, cells)


def reduce_function(state, function):
    if function in known_importable and not (state.digesting and function.__module__ in ('__main__', '__mp_main__')):
        return NotImplemented
    named = by_name(state, function) if state.digesting else None
    if named is not None:
        return named
    if importable(function) and not (state.digesting and function.__module__ in ('__main__', '__mp_main__')):
        return remember(function)
    code = function.__code__
    scope, told = _scope_for(state, function)
    values = {name: function.__globals__[name] for name in itertools.chain(global_names(code), _annotated_names(function))
              if name in function.__globals__ and name not in told}
    told.update(values)
    contents = []
    for cell in function.__closure__ or ():
        if id(cell) not in state.filled:
            state.filled.add(id(cell))
            try:
                contents.append((cell, cell.cell_contents))
            except ValueError:
                pass  # an empty one
    rest = {name: getattr(function, name) for name in
            ('__qualname__', '__module__', '__doc__', '__defaults__', '__kwdefaults__', '__type_params__')
            if getattr(function, name, None) not in (None, ())}
    if '__module__' in rest:
        rest['__module__'] = module_of(state, function)
    annotations = of_function(function)
    if annotations:
        rest['__annotations__'] = annotations
    return (_function, (code, scope, function.__name__, function.__closure__),
            (values, contents, rest, function.__dict__, _submodules(code, [*values.values(), *(content for _, content in contents)])), None, None, _fill_function)


def _fill_function(function, state):
    values, contents, rest, attributes, _ = state
    function.__globals__.update(values)
    for cell, content in contents:
        cell.cell_contents = content
    function.__module__ = None
    for name, value in rest.items():
        setattr(function, name, value)
    function.__dict__.update(attributes)


def _home_of(owner, name):
    """The class that defines a method."""
    for base in (owner if isinstance(owner, type) else type(owner)).__mro__:
        if name in vars(base):
            return base


def reduce_method(state, method):
    """By its name where that gives this method, so that it stays the class's."""
    function, owner = method.__func__, method.__self__
    name = getattr(function, '__name__', None)
    if state.inline and _home_of(owner, name) in state.inline:
        return _method_of, (function, owner, name)
    if isinstance(name, str) and name not in getattr(owner, '__dict__', ()) or isinstance(owner, type):
        found = getattr(owner, name, None)
        if isinstance(found, types.MethodType) and found.__func__ is function and found.__self__ is owner:
            return getattr, (owner, name)
    return types.MethodType, (function, owner)


def _method_of(function, owner, name):
    """Of a class that may not have it yet: its function is the same one. What comes home is ours."""
    home = _home_of(owner, name)
    return getattr(owner, name) if home in made_here else types.MethodType(function, owner)


def reduce_module(state, module):
    name = module.__name__
    if sys.modules.get(name) is module and name != '__main__' and not in_registered(name):
        return importlib.import_module, (name,)
    state.scopes.setdefault(id(vars(module)), (_ScopeOfModule(module), set(vars(module))))
    attributes = {key: value for key, value in dict(vars(module)).items() if key not in ('__builtins__', '__loader__', '__spec__')}
    return types.ModuleType, (name,), attributes, None, None, _fill_module


def _fill_module(module, attributes):
    vars(module).update(attributes)
