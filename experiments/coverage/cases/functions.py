"""Functions, and what is made of them."""

# case: plain function
def double(x):
    return 2 * x

def make():
    return double

def check(f):
    return f(4) == 8 or 'behaviour: another result'

# case: function with defaults
def power(x, n=3, *, sign=-1):
    return sign * x ** n

def make():
    return power

def check(f):
    return (f(2), f(2, 2, sign=1)) == (-8, 4) or 'behaviour: other defaults'

# case: recursive function
def factorial(n):
    return 1 if n == 0 else n * factorial(n - 1)

def make():
    return factorial

def check(f):
    return f(5) == 120 or 'behaviour: another result'

# case: mutually recursive functions
def even(n):
    return n == 0 or odd(n - 1)

def odd(n):
    return n != 0 and even(n - 1)

def make():
    return even

def check(f):
    return (f(10), f(7)) == (True, False) or 'behaviour: another result'

# case: function that uses a global
FACTOR = 6

def scaled(x):
    return FACTOR * x

def make():
    return scaled

def check(f):
    return f(7) == 42 or 'behaviour: another result'

# case: function that uses a module
import math

def root(x):
    return math.sqrt(x)

def make():
    return root

def check(f):
    return f(49) == 7 or 'behaviour: another result'

# case: function that changes a global | not: local
COUNT = 0

def count():
    global COUNT
    COUNT += 1
    return COUNT

def make():
    return count

def check(f):
    return (f(), f()) == (1, 2) or 'behaviour: counts otherwise'

# case: two functions over one global
STATE = []

def put(x):
    STATE.append(x)

def get():
    return list(STATE)

def make():
    return put, get

def check(pair):
    put, get = pair
    put(5)
    return get() == [5] or 'sharing: two globals instead of one'

# case: lambda
def make():
    return lambda x: x + 1

def check(f):
    return f(1) == 2 or 'behaviour: another result'

# case: lambda in a container
def make():
    return {'f': [lambda x: x * 3]}

def check(d):
    return d['f'][0](2) == 6 or 'behaviour: another result'

# case: closure
def outer(n):
    def inner(x):
        return x + n
    return inner

def make():
    return outer(3)

def check(f):
    return f(4) == 7 or 'behaviour: another result'

# case: closure over a list
def outer():
    seen = [1]
    def inner(x):
        seen.append(x)
        return seen
    return inner

def make():
    return outer()

def check(f):
    f(2)
    return f(3) == [1, 2, 3] or 'behaviour: another list'

# case: two closures over one cell
def outer():
    n = 0
    def add():
        nonlocal n
        n += 1
    def get():
        return n
    return add, get

def make():
    return outer()

def check(pair):
    add, get = pair
    add()
    return get() == 1 or 'sharing: two cells instead of one'

# case: recursive closure
def outer():
    def fib(n):
        return n if n < 2 else fib(n - 1) + fib(n - 2)
    return fib

def make():
    return outer()

def check(f):
    return f(10) == 55 or 'behaviour: another result'

# case: decorated function
import functools

def loud(f):
    @functools.wraps(f)
    def wrapper(*args):
        return f(*args) + '!'
    return wrapper

@loud
def hello(name):
    return 'hello ' + name

def make():
    return hello

def check(f):
    if f('you') != 'hello you!':
        return 'behaviour: another result'
    return f.__name__ == 'hello' or 'value: another name'

# case: partial
import functools

def add(a, b):
    return a + b

def make():
    return functools.partial(add, 5)

def check(f):
    return f(2) == 7 or 'behaviour: another result'

# case: partial of a built-in | data
def make():
    import functools
    return functools.partial(int, base=2)

def check(f):
    return f('101') == 5 or 'behaviour: another result'

# case: cached function
import functools

@functools.lru_cache(maxsize=None)
def square(x):
    return x * x

def make():
    square(3)
    return square

def check(f):
    return f(4) == 16 or 'behaviour: another result'

# case: single dispatch
import functools

@functools.singledispatch
def kind(x):
    return 'thing'

@kind.register(int)
def _(x):
    return 'number'

def make():
    return kind

def check(f):
    return (f(1), f('a')) == ('number', 'thing') or 'behaviour: dispatches otherwise'

# case: async function
async def later(x):
    return x + 1

def make():
    return later

def check(f):
    import asyncio
    return asyncio.run(f(1)) == 2 or 'behaviour: another result'

# case: generator function
def numbers(n):
    for i in range(n):
        yield i

def make():
    return numbers

def check(f):
    return list(f(3)) == [0, 1, 2] or 'behaviour: other items'

# case: function attributes
def marked():
    return marked.n

def make():
    marked.n = 9
    return marked

def check(f):
    return getattr(f, 'n', None) == 9 or 'value: the attribute is gone'

# case: annotations
def typed(a: int, b: 'str' = 'x') -> float:
    return 1.0

def make():
    return typed

def check(f):
    return set(f.__annotations__) == {'a', 'b', 'return'} or 'value: other annotations'

# case: docstring
def told():
    """What it does."""

def make():
    return told

def check(f):
    return f.__doc__ == 'What it does.' or 'value: another docstring'

# case: code object
def five():
    return 5

def make():
    return five.__code__

def check(code):
    import types
    return types.FunctionType(code, {})() == 5 or 'behaviour: another result'

# case: cell
def outer():
    n = 11
    return (lambda: n).__closure__[0]

def make():
    return outer()

def check(cell):
    return cell.cell_contents == 11 or 'value: other contents'

# case: function with a default that is a function
def base():
    return 4

def user(f=base):
    return f() + 1

def make():
    return user

def check(f):
    return f() == 5 or 'behaviour: another result'

# case: function that imports inside
def inside():
    import json
    return json.dumps([1])

def make():
    return inside

def check(f):
    return f() == '[1]' or 'behaviour: another result'

# case: function with many constants
def table():
    return {'a': (1, 2, (3, frozenset([4]))), 'b': b'x', 'c': None, 'd': ...}

def make():
    return table

def check(f):
    return f()['a'] == (1, 2, (3, frozenset([4]))) or 'behaviour: another result'

# case: positional-only arguments
def only(a, b, /, c):
    return a - b - c

def make():
    return only

def check(f):
    return f(5, 1, c=1) == 3 or 'behaviour: another result'

# case: comprehension with a closure
def make():
    return [(lambda i=i: i * i) for i in range(4)]

def check(fs):
    return [f() for f in fs] == [0, 1, 4, 9] or 'behaviour: other results'

# case: nested lambdas
def make():
    return lambda x: (lambda y: x * y)

def check(f):
    return f(6)(7) == 42 or 'behaviour: another result'

# case: operator function | data
def make():
    import operator
    return operator.add

def check(f):
    return f(2, 3) == 5 or 'behaviour: another result'

# case: function of a class body
class Owner:
    def method(self):
        return 1
    stored = method

def make():
    return Owner.stored

def check(f):
    return f(None) == 1 or 'behaviour: another result'

# case: decorator with arguments
def times(n):
    def wrap(f):
        def run(x):
            for _ in range(n):
                x = f(x)
            return x
        return run
    return wrap

@times(3)
def twice(x):
    return 2 * x

def make():
    return twice

def check(f):
    return f(1) == 8 or 'behaviour: another result'

# case: function that refers to a class
class Helper:
    value = 12

def uses():
    return Helper.value

def make():
    return uses

def check(f):
    return f() == 12 or 'behaviour: another result'
