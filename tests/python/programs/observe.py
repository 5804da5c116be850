"""What a thing is and does, as lines of text: the same for a thing and for its copy in another process when nothing was lost.

All that can be reached is looked at once and numbered, so that what is shared, or leads back, shows. Then everything that can be called is
called with small numbers, and all is looked at again: what shares a variable or a list changes together.
"""
import collections
import enum
import functools
import re
import types

ATOMS = (type(None), bool, int, float, complex, str, bytes, bytearray, range, slice, type(...))
METHODS = re.compile(r'[mfcs]_')
HIDDEN = frozenset((
    '__dict__', '__weakref__', '__abstractmethods__', '_abc_impl', '__dataclass_params__', '__parameters__', '__orig_bases__', '__static_attributes__',
    '__firstlineno__', '__classcell__', '__slotnames__', '__annotate__', '__annotate_func__', '__annotations_cache__'))
PARTS_MAX = 4000


class Observer:
    """One look at a thing."""

    def __init__(self):
        self.lines, self.numbers, self.kept, self.waiting = [], {}, [], []
        self.calls = []  # (who, a function without arguments)

    def name(self, thing):
        """What stands for a thing in a line: itself where it is plain, or its number."""
        if type(thing) in ATOMS:
            return repr(thing)
        if type(thing) is tuple and all(type(part) in ATOMS for part in thing):
            return repr(thing)  # Python makes one of several that are alike, or not, as it likes
        if isinstance(thing, type) and is_known(thing):
            return 'type %s.%s' % (thing.__module__, thing.__qualname__)
        number = self.numbers.get(id(thing))
        if number is None:
            number = self.numbers[id(thing)] = len(self.numbers)
            self.kept.append(thing)
            self.waiting.append((number, thing))
        return '#%d' % number

    def say(self, number, what, parts=()):
        self.lines.append('#%s %s %s' % (number, what, ' '.join(parts)))

    def look(self, thing):
        """Everything that can be reached from it."""
        self.say('root', self.name(thing))
        while self.waiting:
            if len(self.numbers) > PARTS_MAX:
                self.say('end', 'there is more')
                return
            number, found = self.waiting.pop(0)
            for kinds, look in LOOKS:
                if isinstance(found, kinds):
                    look(self, number, found)
                    break
            else:
                self.instance(number, found)

    # ---- kinds of things ----

    def cls(self, number, cls):
        names = [name for name in vars(cls) if name not in HIDDEN]
        self.say(number, 'class', [cls.__name__, cls.__qualname__, str(cls.__module__), self.name(type(cls)), *map(self.name, cls.__mro__[1:])])
        if isinstance(cls, enum.EnumMeta):
            self.say(number, 'members', ['%s=%r' % (name, member.value) for name, member in cls.__members__.items()])
            names = [name for name in names if name in cls.__members__ or METHODS.match(name)]
        if issubclass(cls, tuple) and hasattr(cls, '_fields'):
            self.say(number, 'fields', [repr(cls._fields), repr(cls._field_defaults)])
            names = [name for name in names if METHODS.match(name)]
        for name in sorted(names):
            self.say(number, name, [self.entry(vars(cls)[name])])
            if name.startswith(('c_', 's_')):
                self.calls.append(('#%d.%s' % (number, name), functools.partial(getattr, cls, name)))
        if any(name.startswith('m_') for name in vars(type(cls))):
            self.calls += [('#%d.%s' % (number, name), functools.partial(getattr, cls, name)) for name in sorted(vars(type(cls))) if name.startswith('m_')]

    def entry(self, value):
        """What a class has under a name."""
        if isinstance(value, (staticmethod, classmethod)):
            return '%s of %s' % (type(value).__name__, self.name(value.__func__))
        if isinstance(value, property):
            return 'property of %s %s' % (self.name(value.fget), self.name(value.fset))
        if isinstance(value, types.FunctionType) and value.__globals__.get('__name__') in ('dataclasses', 'builtins', 'enum', 'typing') or \
                isinstance(value, types.FunctionType) and value.__code__.co_filename.startswith('<string>'):
            return 'a generated function'
        if isinstance(value, (types.MemberDescriptorType, types.GetSetDescriptorType)):
            return type(value).__name__
        if type(value).__module__ == 'dataclasses' or getattr(value, '__name__', '') == '__dataclass_fields__':
            return type(value).__name__
        if type(value) is dict and value and all(type(part).__module__ == 'dataclasses' for part in value.values()):
            return 'fields %s' % [(name, self.name(part.default) if not type(part.default).__module__ == 'dataclasses' else '-', part.repr) for name, part in value.items()]
        return self.name(value)

    def function(self, number, function):
        self.say(number, 'function', [str(function.__name__), function.__qualname__, str(function.__module__), repr(function.__doc__),
                                      self.name(function.__defaults__), self.name(function.__kwdefaults__), str(sorted(map(str, function.__annotations__.items())))])
        for name, value in sorted(vars(function).items()):
            self.say(number, name, [self.name(value)])
        for name, cell in zip(function.__code__.co_freevars, function.__closure__ or ()):
            try:
                content = cell.cell_contents
            except ValueError:
                self.say(number, 'empty ' + name)
            else:
                self.say(number, 'cell ' + name, [self.name(content)])
        if 'self' not in function.__code__.co_varnames[:1] and 'cls' not in function.__code__.co_varnames[:1] and METHODS.match(function.__name__):
            self.calls.append(('#%d' % number, lambda: function))

    def method(self, number, method):
        self.say(number, 'method', [self.name(method.__self__), self.name(method.__func__)])
        self.calls.append(('#%d' % number, lambda: method))

    def partial(self, number, found):
        self.say(number, 'partial', [self.name(found.func), self.name(found.args), self.name(found.keywords), self.name(vars(found))])
        if found.func in (max, isinstance, getattr):
            self.calls.append(('#%d' % number, lambda: found))

    def cached(self, number, function):
        self.say(number, 'cached', [str(function.cache_info().maxsize), self.name(function.__wrapped__)])
        self.calls.append(('#%d' % number, lambda: function))

    def builtin(self, number, found):
        self.say(number, 'built in', [repr(found).partition(' at 0x')[0]])

    def cell(self, number, found):
        self.say(number, 'cell')

    def exception(self, number, error):
        self.say(number, 'exception', [self.name(error.args), self.name(error.__cause__), self.name(error.__context__), str(error.__suppress_context__),
                                       self.name(getattr(error, '__notes__', None)), safe(str, error)])
        fields = {name for base in type(error).__mro__ if is_known(base) and base is not BaseException and base is not object for name, kind in vars(base).items()
                  if isinstance(kind, (types.MemberDescriptorType, types.GetSetDescriptorType)) and not name.startswith('_')}
        for name in sorted(fields - {'obj'}):
            self.say(number, name, [self.name(getattr(error, name, None))])
        if hasattr(error, 'exceptions'):
            self.say(number, 'of', map(self.name, error.exceptions))
        self.attributes(number, error)

    def instance(self, number, thing):
        self.say(number, 'instance', [self.name(type(thing)), safe(thing_class, thing)])
        for kinds, content in CONTENTS:
            if isinstance(thing, kinds):
                self.say(number, 'holds', content(self, thing))
        self.attributes(number, thing)

    def attributes(self, number, thing):
        cls = type(thing)
        found = object.__getattribute__(thing, '__dict__') if cls.__dictoffset__ else {}
        if isinstance(thing, enum.Enum):
            found = {name: value for name, value in found.items() if not name.startswith('_')}
        for name, value in list(found.items()):
            self.say(number, '.%s' % name, [self.name(value)])
        for base in cls.__mro__:
            for name, kind in vars(base).items():
                if isinstance(kind, types.MemberDescriptorType) and not is_known(base):
                    try:
                        self.say(number, 'slot ' + name, [self.name(kind.__get__(thing))])
                    except AttributeError:
                        self.say(number, 'slot ' + name, ['is empty'])
        for name in sorted({name for base in cls.__mro__ if not is_known(base) for name in vars(base)}):
            if METHODS.match(name):
                self.calls.append(('#%d.%s' % (number, name), functools.partial(getattr, thing, name)))
            elif name.startswith('p_'):
                self.say(number, name, [self.name(safe(getattr, thing, name))])
        if isinstance(vars(cls).get('__call__'), types.FunctionType):
            self.calls.append(('#%d()' % number, lambda: thing))
        if isinstance(vars(cls).get('__getattr__'), types.FunctionType):
            self.say(number, 'nothing_such', [safe(getattr, thing, 'nothing_such')])


def thing_class(thing):
    return thing.__class__.__name__


def safe(function, *args):
    """What it gives, as text, or how it fails."""
    try:
        return re.sub(' at 0x[0-9a-f]+', '', repr(function(*args)))
    except Exception as error:
        return 'raises %s: %s' % (type(error).__name__, re.sub(' at 0x[0-9a-f]+', '', str(error)))


_known = {}


def is_known(cls):
    """Is it of a module of Python?"""
    found = _known.get(cls)
    if found is None:
        import sys
        home = sys.modules.get(cls.__module__) if cls.__module__ not in ('__main__', 'made_at_run_time') else None
        found = home is not None
        if found:
            _known[cls] = found
    return found


def in_order(observer, items):
    """Of a set: in an order that does not depend on hashes; what is compared by identity is counted alone."""
    plain = sorted((repr(item) for item in items if type(item) in (*ATOMS, tuple) and ' at 0x' not in repr(item)))
    others = sorted(('%s %s' % (type(item).__name__, sorted(map(repr, getattr(item, '__dict__', {}).items()))[:0]) for item in items
                     if type(item) not in (*ATOMS, tuple)))
    return [*plain, *others, 'found %s' % all(item in items for item in items)]


def in_dict(observer, mapping):
    return ['%s: %s' % (observer.name(key), observer.name(value)) for key, value in list(dict.items(mapping))] + [
        'found %s' % all(key in mapping for key in list(mapping))]


CONTENTS = (
    (collections.defaultdict, lambda o, x: ['default %s' % o.name(x.default_factory)]),
    (dict, in_dict),
    (collections.UserDict, lambda o, x: [o.name(x.data)]),
    ((list, tuple, collections.deque), lambda o, x: [o.name(part) for part in tuple(type_of(x).__iter__(x))]),
    ((set, frozenset), in_order),
    ((int, float, str, bytes), lambda o, x: [repr(next(kind for kind in (int, float, str, bytes) if isinstance(x, kind)).__repr__(x))]),
)


def type_of(thing):
    return next(kind for kind in (list, tuple, collections.deque) if isinstance(thing, kind))


LOOKS = (
    (type, Observer.cls),
    (types.FunctionType, Observer.function),
    (types.MethodType, Observer.method),
    (functools.partial, Observer.partial),
    (type(functools.lru_cache()(len)), Observer.cached),
    ((types.BuiltinFunctionType, types.MethodWrapperType, types.WrapperDescriptorType, types.ModuleType), Observer.builtin),
    (types.CellType, Observer.cell),
    (BaseException, Observer.exception),
)


def called(find):
    """What calls with none and one argument give."""
    results = []
    for arguments in ((), (3,)):
        try:
            result = find()(*arguments)
            results.append(result if type(result) in ATOMS else safe(lambda: result))
        except Exception as error:
            results.append('raises %s: %s' % (type(error).__name__, re.sub(' at 0x[0-9a-f]+', '', str(error))))
    return results


def observe(thing):
    """All of it."""
    first = Observer()
    first.look(thing)
    lines = list(first.lines)
    for who, find in first.calls[:500]:
        lines.append('%s called: %s' % (who, called(find)))
    second = Observer()
    second.look(thing)
    return lines + ['after the calls'] + second.lines
