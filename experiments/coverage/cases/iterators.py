"""Iterators in mid-way: what they give next must go on where they were."""

# case: list iterator | data
def make():
    it = iter([1, 2, 3])
    next(it)
    return it

def check(it):
    return list(it) == [2, 3] or 'behaviour: at another place'

# case: dict iterator | data
def make():
    it = iter({'a': 1, 'b': 2})
    next(it)
    return it

def check(it):
    return list(it) == ['b'] or 'behaviour: at another place'

# case: range iterator | data
def make():
    it = iter(range(5))
    next(it)
    return it

def check(it):
    return list(it) == [1, 2, 3, 4] or 'behaviour: at another place'

# case: zip | data
def make():
    it = zip([1, 2], 'ab')
    next(it)
    return it

def check(it):
    return list(it) == [(2, 'b')] or 'behaviour: at another place'

# case: enumerate | data
def make():
    it = enumerate('ab', 5)
    next(it)
    return it

def check(it):
    return list(it) == [(6, 'b')] or 'behaviour: at another place'

# case: map of a built-in | data
def make():
    it = map(str, [1, 2, 3])
    next(it)
    return it

def check(it):
    return list(it) == ['2', '3'] or 'behaviour: at another place'

# case: map of a lambda
def make():
    it = map(lambda x: x * x, [1, 2, 3])
    next(it)
    return it

def check(it):
    return list(it) == [4, 9] or 'behaviour: at another place'

# case: filter of a lambda
def make():
    it = filter(lambda x: x % 2, [1, 2, 3])
    next(it)
    return it

def check(it):
    return list(it) == [3] or 'behaviour: at another place'

# case: count | data
def make():
    import itertools
    it = itertools.count(5)
    next(it)
    return it

def check(it):
    return next(it) == 6 or 'behaviour: at another place'

# case: cycle | data
def make():
    import itertools
    it = itertools.cycle('abc')
    next(it)
    return it

def check(it):
    return [next(it) for _ in range(3)] == ['b', 'c', 'a'] or 'behaviour: at another place'

# case: chain | data
def make():
    import itertools
    it = itertools.chain([1, 2], [3])
    next(it)
    return it

def check(it):
    return list(it) == [2, 3] or 'behaviour: at another place'

# case: islice | data
def make():
    import itertools
    return itertools.islice([1, 2, 3, 4], 1, 3)

def check(it):
    return list(it) == [2, 3] or 'behaviour: at another place'

# case: product | data
def make():
    import itertools
    it = itertools.product('ab', repeat=2)
    next(it)
    return it

def check(it):
    return next(it) == ('a', 'b') or 'behaviour: at another place'

# case: user iterator
class Down:
    def __init__(self, n):
        self.n = n

    def __iter__(self):
        return self

    def __next__(self):
        if self.n == 0:
            raise StopIteration
        self.n -= 1
        return self.n

def make():
    d = Down(3)
    next(d)
    return d

def check(it):
    return list(it) == [1, 0] or 'behaviour: at another place'

# case: generator
def numbers():
    for i in range(3):
        yield i

def make():
    g = numbers()
    next(g)
    return g

def check(g):
    return list(g) == [1, 2] or 'behaviour: at another place'

# case: generator not begun
def numbers():
    yield 1

def make():
    return numbers()

def check(g):
    return list(g) == [1] or 'behaviour: other items'

# case: generator expression
def make():
    return (x * x for x in range(3))

def check(g):
    return list(g) == [0, 1, 4] or 'behaviour: other items'

# case: coroutine
async def later():
    return 5

def make():
    return later()

def check(c):
    import asyncio
    return asyncio.run(c) == 5 or 'behaviour: another result'

# case: async generator
async def numbers():
    yield 1

def make():
    return numbers()

def check(g):
    import asyncio
    async def take():
        return [x async for x in g]
    return asyncio.run(take()) == [1] or 'behaviour: other items'

# case: reversed | data
def make():
    it = reversed([1, 2, 3])
    next(it)
    return it

def check(it):
    return list(it) == [2, 1] or 'behaviour: at another place'

# case: file lines as an iterator of a list | data
def make():
    it = iter('a\nb\nc'.splitlines())
    next(it)
    return it

def check(it):
    return list(it) == ['b', 'c'] or 'behaviour: at another place'

# case: callable iterator
def make():
    items = [3, 2, 1, 0]
    return iter(items.pop, 3)

def check(it):
    return list(it) == [0, 1, 2] or 'behaviour: other items'
