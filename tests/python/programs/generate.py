"""Random programs, each from a number: the source of definitions and a make() that gives one object of many parts.

Classes (plain, slots, dataclasses, named tuples, enumerations, over built-in classes, abstract, generic, with metaclasses), decorators,
closures, containers, exceptions and circles refer to each other at random. What is made is the same each time, and everything
ends when it is called; names tell observe.py how: m_ methods and f_ functions take a number that has a default, p_ are properties, c_ and s_
class and static methods.
"""
import random
import sys

ATOMS = ('None', 'True', '0', '-7', '2 ** 70', '1.5', '-0.0', '1j', "'text'", "'żółw \\U0001f422'", "b'bytes'", "''", '()', '...')
KEYS = ("'k'", '3', '(1, 2)', 'None', "b'b'", 'True', "frozenset({1})")


class Class:
    """One of the program's classes: how to make an instance, and whether it can be a base and a key."""

    def __init__(self, name, make, base=True, key=False):
        self.name, self.make, self.base, self.key = name, make, base, key


class Program:
    """The parts of one program so far."""

    def __init__(self, seed):
        self.chance = random.Random(seed)
        self.seed, self.count = seed, 0
        self.lines = ['import abc, collections, dataclasses, enum, functools, itertools, operator, typing', '']
        self.classes, self.functions, self.shared = [], [], []

    def new(self, letter):
        self.count += 1
        return '%s%d' % (letter, self.count)

    def maybe(self, odds=0.5):
        return self.chance.random() < odds

    def pick(self, *choices):
        return self.chance.choice(choices)

    def add(self, *lines):
        self.lines += lines

    # ---- expressions ----

    def number(self):
        return self.chance.randrange(10)

    def key(self):
        keys = [cls for cls in self.classes if cls.key]
        return self.chance.choice(keys).make(self.number()) if keys and self.maybe(0.3) else self.pick(*KEYS)

    def value(self, depth=2):
        """An expression."""
        kind = self.chance.randrange(10)
        if kind < 3 and self.classes:
            return self.chance.choice(self.classes).make(self.number())
        if kind == 3 and self.functions:
            return self.chance.choice(self.functions)
        if kind == 4 and self.shared:
            return self.chance.choice(self.shared)
        if kind == 5 and self.classes:
            return self.chance.choice(self.classes).name
        return self.container(depth) if kind > 5 and depth > 0 else self.pick(*ATOMS)

    def container(self, depth):
        items = [self.value(depth - 1) for _ in range(self.chance.randrange(4))]
        listed = ', '.join(items)
        pairs = ', '.join('%s: %s' % (self.key(), item) for item in items)
        return self.pick(
            '[%s]' % listed, '(%s)' % (listed + ',' if items else ''), '{%s}' % pairs, '{%s}' % ', '.join([self.key(), self.key()]),
            'collections.deque([%s], maxlen=9)' % listed, 'collections.OrderedDict({%s})' % pairs,
            'collections.defaultdict(list, {%s})' % pairs, "collections.Counter('abca')", 'frozenset({%s})' % self.key(),
            'bytearray(b"abc")', 'range(1, %d, 2)' % (3 + self.number()), 'slice(1, None, %d)' % self.number(),
            'functools.partial(max, %d, key=abs)' % self.number(), 'operator.attrgetter("real")', 'itertools.repeat(%d, 3)' % self.number())

    # ---- classes ----

    def plain_class(self):
        name = self.new('C')
        bases = [cls.name for cls in self.classes if cls.base]
        base = self.chance.choice(bases) if bases and self.maybe(0.5) else ''
        head = '%s' % base if base else self.pick('', '', 'abc.ABC', "typing.Generic[typing.TypeVar('T')]", 'metaclass=%s' % self.meta())
        body, keyed = ['    def __init__(self, n=1):'], False
        body += ['        super().__init__(n)'] if base else []
        body += ['        self.n_%s = n' % name.lower()]
        for _ in range(self.chance.randrange(3)):
            body.append('        self.%s = %s' % (self.new('a'), self.value(1)))
        if self.maybe(0.2):
            body.append('        self.%s = self' % self.new('me'))
        for feature in self.chance.sample(FEATURES, self.chance.randrange(1, 5)):
            found = feature(self, name)
            keyed = keyed or feature is hashed
            body += ['    ' + line for line in found]
        self.add(*self.class_decorators(), 'class %s(%s):' % (name, head), *body, '')
        self.classes.append(Class(name, lambda n: '%s(%d)' % (name, n), key=keyed))
        self.after_class(name)

    def meta(self):
        name = self.new('Meta')
        self.add('class %s(type):' % name, '    def __call__(cls, *args):', '        made = super().__call__(*args)',
                 '        made.by_meta = %d' % self.number(), '        return made', '    def m_meta(cls, n=1):', '        return cls.__name__ * n', '')
        return name

    def class_decorators(self):
        if not self.maybe(0.25):
            return []
        name = self.new('decorate')
        self.add('%s_seen = []' % name, 'def %s(cls):' % name, '    %s_seen.append(cls.__name__)' % name,
                 '    cls.%s = lambda self, n=2: (self.n_%s if False else n) + %d' % (self.new('m_added'), 'x', self.number()),
                 '    return cls', '')
        return ['@' + name]

    def after_class(self, name):
        """What is set in a class once it is there."""
        kind = self.chance.randrange(8)
        if kind == 0:
            self.add('%s.%s = %s(%d)' % (name, self.new('one'), name, self.number()))
        elif kind == 1:
            self.add('%s.%s = lambda self, n=%d: [type(self).__name__, n]' % (name, self.new('m_later'), self.number()))
        elif kind == 2:
            self.add('%s.%s = {"f": %s}' % (name, self.new('table'), self.value(1)))
        elif kind == 3:
            self.add('setattr(%s, %r, property(lambda self: sorted(vars(type(self)))[:0]))' % (name, self.new('p_later')))

    def slots_class(self):
        name = self.new('S')
        base = [cls.name for cls in self.classes if cls.name[0] == 'S']
        head = self.chance.choice(base) if base and self.maybe() else ''
        slots = [self.new('s_lot') for _ in range(2)]
        private = '__hidden' if self.maybe(0.3) else self.new('left_out')
        self.add('class %s(%s):' % (name, head), '    __slots__ = (%r, %r, %r)' % (*slots, private), '    def __init__(self, n=1):',
                 *(['        super().__init__(n)'] if head else []), '        self.%s, self.%s = n, %s' % (*slots, self.value(1)),
                 *(['        self.__hidden = n + 1', '    def m_hidden_%s(self, n=0):' % name, '        return self.__hidden + n']
                   if private == '__hidden' else []), '')
        self.classes.append(Class(name, lambda n: '%s(%d)' % (name, n), base=False))

    def data_class(self):
        name, frozen = self.new('D'), self.maybe(0.4)
        options = 'frozen=True' if frozen else self.pick('', 'order=True', 'unsafe_hash=True')
        if sys.version_info >= (3, 10) and self.maybe(0.4):
            options += ', slots=True' if options else 'slots=True'
        self.add('@dataclasses.dataclass(%s)' % options, 'class %s:' % name, '    number: int = 1', '    text: str = %s' % self.pick("'a'", "'b'"),
                 *(['    parts: list = dataclasses.field(default_factory=lambda: [%s], compare=False)' % self.value(0)] if self.maybe() else []),
                 *(['    other: typing.Any = dataclasses.field(default=%s, repr=False, compare=False)' % self.pick(*ATOMS[:9])] if self.maybe() else []),
                 *(['    shared: typing.ClassVar[dict] = {%s: 1}' % self.pick(*KEYS[:3])] if self.maybe() else []),
                 '    def m_twice(self, n=2):', '        return self.number * n', '')
        self.classes.append(Class(name, lambda n: '%s(%d)' % (name, n), base=False, key=frozen))

    def named_tuple(self):
        name = self.new('N')
        if self.maybe():
            self.add("%s = collections.namedtuple('%s', 'x y z', defaults=(%s, None))" % (name, name, self.pick(*ATOMS)), '')
        else:
            self.add('class %s(typing.NamedTuple):' % name, '    x: int', '    y: str = %s' % self.pick("'y'", "'z'"),
                     '    def m_sum(self, n=1):', '        return self.x + n', '')
        self.classes.append(Class(name, lambda n: '%s(%d)' % (name, n), base=False, key=True))

    def enumeration(self):
        name, kind = self.new('E'), self.pick('enum.Enum', 'enum.IntEnum', 'enum.Flag', 'enum.IntFlag', 'str, enum.Enum')
        values = ("'a'", "'b'") if kind.startswith('str') else ('1', '2')
        self.add('class %s(%s):' % (name, kind), '    ONE = %s' % values[0], '    TWO = %s' % values[1], '    SAME = %s' % values[0])
        if self.maybe():
            self.add('    def m_name(self, n=1):', '        return self.name * n', '    @property', '    def p_last(self):',
                     '        return list(type(self).__members__)[-1]')
        if kind == 'enum.Enum' and self.maybe(0.4):
            self.add('    def __init__(self, value):', '        self.double = value * 2')
        self.add('')
        self.classes.append(Class(name, lambda n: '%s.%s' % (name, ('ONE', 'TWO', 'SAME')[n % 3]), base=False, key=True))

    def over_built_in(self):
        name, kind = self.new('B'), self.pick('dict', 'list', 'set', 'int', 'str', 'tuple', 'float', 'bytes', 'frozenset', 'collections.OrderedDict',
                                              'collections.UserDict', 'collections.deque', 'collections.defaultdict')
        lines = {'dict': ['self["n"] = n'], 'list': ['self.append(n)'], 'set': ['self.add(n)'], 'collections.OrderedDict': ['self["n"] = n'],
                 'collections.UserDict': ['self["n"] = n'], 'collections.deque': ['self.append(n)'], 'collections.defaultdict': ['self["n"] = n']}
        self.add('class %s(%s):' % (name, kind))
        if kind in lines:
            default = 'list' if kind.endswith('defaultdict') else ''
            self.add('    def __init__(self, n=1):', '        super().__init__(%s)' % default, '        self.extra = %s' % self.value(1),
                     *['        ' + line for line in lines[kind]])
            if kind in ('dict', 'list') and self.maybe():
                method = '__setitem__(self, key, value)' if kind == 'dict' else 'append(self, value)'
                self.add('    def %s:' % method, '        self.last = [self.extra, 1][1]', '        super().%s' % method.replace('self, ', ''))
            make = '%s(%d)'
        else:
            make = {'int': '%s(%d)', 'str': "%s('text %d')", 'float': '%s(%d.5)', 'bytes': "%s(b'%d')"}.get(kind, '%s((%d, 1))')
            if self.maybe():
                self.add('    def __new__(cls, *args):', '        made = super().__new__(cls, *args)', '        made.count = len(args)', '        return made')
        self.add('    def m_kind(self, n=1):', '        return [type(self).__mro__[1].__name__, n]', '')
        key = kind in ('int', 'str', 'tuple', 'float', 'bytes', 'frozenset')
        self.classes.append(Class(name, lambda n: make % (name, n), base=False, key=key))

    def exception(self):
        name, base = self.new('X'), self.pick('Exception', 'ValueError', 'KeyError', 'OSError', 'StopIteration', 'ImportError', 'UnicodeError', 'SyntaxError')
        own = [cls.name for cls in self.classes if cls.name[0] == 'X']
        base = self.chance.choice(own) if own and self.maybe(0.3) else base
        self.add('class %s(%s):' % (name, base))
        if self.maybe(0.6):
            self.add('    def __init__(self, n, *rest, extra=%s):' % self.pick(*ATOMS),
                     '        super().__init__(%s)' % self.pick('n', "'number %s' % n", "n, 'text'"), '        self.n, self.extra = n, extra')
        if self.maybe(0.3):
            self.add('    def __str__(self):', "        return 'said %s' % self.args[0]")
        self.add('    def m_args(self, n=1):', '        return len(self.args) + n', '')
        self.classes.append(Class(name, lambda n: '%s(%d)' % (name, n), base=False))
        if self.maybe():
            self.raised(name)

    def raised(self, name):
        function = self.new('raise_')
        self.add('def %s():' % function, '    try:', '        try:', "            raise KeyError('inner')", '        except KeyError as inner:',
                 '            raise %s(%d) %s' % (name, self.number(), self.pick('', 'from inner', 'from None', "from ValueError('cause')")),
                 '    except %s as error:' % name, '        error.noted = %s' % self.value(1), '        return error', '')
        variable = self.new('v')
        self.add('%s = %s()' % (variable, function))
        self.shared.append(variable)
        if sys.version_info >= (3, 11) and self.maybe():
            group = self.new('v')
            self.add("%s.add_note('note')" % variable, "%s = ExceptionGroup('several', [%s, ValueError(1)])" % (group, variable))
            self.shared.append(group)

    # ---- functions ----

    def function(self):
        self.chance.choice((self.simple, self.closures, self.decorated, self.recursive, self.generator, self.methods, self.factory))()

    def simple(self):
        name, table = self.new('f_'), self.new('g')
        self.add('%s = {"calls": 0, "thing": %s}' % (table, self.value(1)),
                 'def %s(n=1, *rest, step=%s, **more):' % (name, self.pick('1', '[1, 2]', '{}')), '    "Documented."',
                 '    %s["calls"] += 1' % table, '    return [n, %s["calls"], type(%s["thing"]).__name__, step, rest, more]' % (table, table))
        if self.maybe():
            self.add('%s.attribute = %s' % (name, self.value(1)))
        if self.maybe():
            self.add("%s.__annotations__ = {'n': int, 'return': 'list'}" % name)
        self.add('')
        self.functions.append(name)

    def closures(self):
        maker, up, get = self.new('make'), self.new('f_up'), self.new('f_get')
        self.add('def %s(start, seen):' % maker, '    count = start', '    def up(n=1):', '        nonlocal count', '        count += n', '        seen.append(count)',
                 '        return count', '    def get(n=0):', '        return count + n, len(seen)', '    return up, get',
                 '%s, %s = %s(%d, [])' % (up, get, maker, self.number()), '')
        self.functions += [up, get]

    def decorated(self):
        decorator, name = self.new('decorator'), self.new('f_')
        wraps = self.pick('    @functools.wraps(function)', '    # bare')
        self.add('def %s(times):' % decorator, '    def around(function):', '        calls = []', '    ' + wraps, '        def wrapper(*args, **named):',
                 '            calls.append(len(args))', '            return [function(*args, **named), times, len(calls)]', '        return wrapper',
                 '    return around', *self.pick([], ['@functools.lru_cache(maxsize=%d)' % (2 + self.number())]), '@%s(%d)' % (decorator, self.number()),
                 'def %s(n=1):' % name, '    return n * 2', '')
        self.functions.append(name)

    def recursive(self):
        even, odd, name = self.new('f_even'), self.new('f_odd'), self.new('f_')
        self.add('def %s(n=4):' % even, '    return True if n <= 0 else %s(n - 1)' % odd, 'def %s(n=4):' % odd,
                 '    return False if n <= 0 else %s(n - 1)' % even, '%s = (lambda own: lambda n=3: own(own, n))(lambda own, n: [n] + own(own, n - 1) if n > 0 else [])' % name, '')
        self.functions += [even, odd, name]

    def generator(self):
        name = self.new('f_')
        self.add('def %s(n=2):' % name, '    def inner():', '        for i in range(min(n, 5)):', '            yield i, %d' % self.number(), '    return [*inner()]', '')
        self.functions.append(name)

    def methods(self):
        instances = [cls for cls in self.classes if cls.name[0] in 'CB']
        if not instances:
            return
        cls, name = self.chance.choice(instances), self.new('v')
        self.add('%s = %s' % (name, cls.make(self.number())))
        self.shared.append(name)
        self.functions.append('functools.partial(%s, %s)' % (self.pick('isinstance', 'getattr'), '%s, %s' % (name, cls.name) if self.maybe() else "%s, '__doc__'" % name))
        method = self.new('f_')
        self.add('def %s(self, n=1):' % method, '    return type(self).__name__, n', '')
        self.functions.append('%s.__get__(%s)' % (method, name))

    def factory(self):
        name, cls = self.new('f_make'), self.new('v')
        self.add('def %s(n=1):' % name, '    class Inner:', '        factor = n', '        def m_scaled(self, n=2):', '            return self.factor * n, __class__.__name__',
                 '        def __eq__(self, other):', '            return type(other) is type(self)', '        __hash__ = None', '    return Inner', '%s = %s(%d)' % (cls, name, self.number()),
                 '%s_1 = %s()' % (cls, cls), '')
        self.shared += [cls, cls + '_1']

    # ---- the whole ----

    def share(self):
        name = self.new('v')
        self.add('%s = %s' % (name, self.value()))
        self.shared.append(name)

    def circle(self):
        name = self.new('v')
        self.add(*self.pick(['%s = [%s]' % (name, self.value(1)), '%s.append(%s)' % (name, self.pick(name, '(%s,)' % name, '{1: %s}' % name))],
                            ['%s = {1: %s}' % (name, self.value(1)), '%s["self"] = [%s]' % (name, name)],
                            ['%s = collections.deque([%s])' % (name, self.value(1)), '%s.append(%s)' % (name, name)]))
        plain = [cls for cls in self.classes if cls.name[0] == 'C']
        if plain:
            other = self.new('v')
            self.add('%s = %s' % (other, self.chance.choice(plain).make(1)), 'vars(%s)["around"] = [%s, %s]' % (other, name, other))
            self.shared.append(other)
        self.shared.append(name)

    def build(self):
        kinds = (self.plain_class, self.plain_class, self.slots_class, self.data_class, self.named_tuple, self.enumeration, self.over_built_in,
                 self.exception, self.function, self.function, self.share, self.circle)
        for _ in range(self.chance.randrange(3, 10)):
            self.chance.choice(kinds)()
        parts = [self.value() for _ in range(self.chance.randrange(1, 4))]
        parts += self.chance.sample(self.shared, min(len(self.shared), 3)) + self.chance.sample(self.functions, min(len(self.functions), 2))
        self.add('def make():', '    return [%s]' % ', '.join(parts), '')
        return '\n'.join(self.lines)


# ---- what a plain class may have: lines of its body ----

def method(program, name):
    return ['def %s(self, n=1):' % program.new('m_'), '    return n, %s, sorted(map(str, vars(self)))[:2]' % program.pick('type(self).__name__', 'super().__hash__ is None', '__class__.__name__')]


def with_property(program, name):
    return ['@property', 'def %s(self):' % program.new('p_'), '    return len(vars(self)), %s' % program.pick(*ATOMS)]


def cached_property(program, name):
    return ['@functools.cached_property', 'def %s(self):' % program.new('p_'), '    return [%d]' % program.number()]


def class_method(program, name):
    return ['@classmethod', 'def %s(cls, n=1):' % program.new('c_'), '    return cls.__name__, n']


def static_method(program, name):
    return ['@staticmethod', 'def %s(n=1):' % program.new('s_'), '    return n + %d' % program.number()]


def class_attribute(program, name):
    return ['%s = %s' % (program.new('A_'), program.value(1))]


def callable_instance(program, name):
    return ['def __call__(self, n=1):', '    return [n, type(self).__name__]']


def hashed(program, name):
    field = 'n_' + name.lower()
    return ['def __eq__(self, other):', '    return type(other) is type(self) and self.%s == other.%s' % (field, field), 'def __hash__(self):',
            '    return hash(self.%s)' % field]


def getattr_proxy(program, name):
    return ['def __getattr__(self, name):', "    if name.startswith('__'):", '        raise AttributeError(name)', "    return 'no %%s in %%d' %% (name, self.n_%s)" % name.lower()]


def setattr_watch(program, name):
    return ['def __setattr__(self, name, value):', "    self.__dict__.setdefault('set_names', []).append(name)", '    super().__setattr__(name, value)']


def own_state(program, name):
    return ['def __getstate__(self):', "    return dict(vars(self), saved=True)", 'def __setstate__(self, state):', '    vars(self).update(state)',
            "    vars(self).pop('saved')"]


def own_new(program, name):
    return ['def __new__(cls, n=1):', '    made = super().__new__(cls)', '    made.by_new = n', '    return made', *program.pick(
        [], ['def __getnewargs__(self):', '    return self.by_new,'])]


def init_subclass(program, name):
    return ['%s = []' % program.new('subs'), 'def __init_subclass__(cls, **named):', '    super().__init_subclass__(**named)',
            '    cls.%s = cls.__name__' % program.new('hooked')]


def inner_class(program, name):
    return ['class Inner:', '    depth = %d' % program.number(), '    def m_inner(self, n=1):', '        return self.depth + n']


def descriptor(program, name):
    return ['class Descriptor:', '    def __set_name__(self, owner, name):', '        self.named = owner.__name__, name', '    def __get__(self, thing, owner=None):',
            '        return self.named if thing is None else len(self.named)', '%s = Descriptor()' % program.new('p_')]


FEATURES = (method, method, with_property, cached_property, class_method, static_method, class_attribute, class_attribute, callable_instance, hashed,
            getattr_proxy, setattr_watch, own_state, own_new, init_subclass, inner_class, descriptor)


def source(seed):
    """(the source of a program, where it lives: the name of its module, whether within a function)."""
    program = Program(seed)
    text = program.build()
    home = program.pick('made_at_run_time', '__main__', 'local')
    if home == 'local':
        text = 'def scope():\n%s\n    return make\nmake = scope()\n' % ''.join('    %s\n' % line if line else '\n' for line in text.split('\n'))
    return text, 'made_at_run_time' if home == 'local' else home


def run(seed):
    """make() of a program that has just run."""
    text, module = source(seed)
    names = {'__name__': module}
    exec(compile(text, '<program %d>' % seed, 'exec'), names)
    return names['make']


if __name__ == '__main__':
    print(source(int(sys.argv[1]))[0])
