"""Several messages over one link: `messages()` gives what is sent one after the other, `check` gets the list of what came."""

# case: class identity over messages
class Point:
    pass

def messages():
    yield Point()
    yield Point()

def check(got):
    return type(got[0]) is type(got[1]) or 'identity: a class for each message'

# case: class redefined between messages
class Version:
    n = 1

def messages():
    yield Version()
    Version.n = 2
    yield Version()

def check(got):
    return got[1].n == 2 or 'value: the old definition'

# case: earlier instances after a class changed
class Version:
    n = 1

def messages():
    yield Version()
    Version.n = 2
    yield Version()

def check(got):
    return got[0].n in (1, 2) and got[1].n == 2 or 'value: another definition'

# case: a class sent again leaves earlier instances alone
def messages():
    def of(n):
        class Thing:
            value = n
        return Thing()
    yield of(1)
    yield of(2)

def check(got):
    return (got[0].value, got[1].value) == (1, 2) or 'state: an earlier instance changed'

# case: global state over messages
COUNT = [0]

def count():
    COUNT[0] += 1
    return COUNT[0]

def messages():
    yield count
    yield count

def check(got):
    return (got[0](), got[1]()) in ((1, 2), (1, 1)) or 'state: neither shared nor separate'

# case: mutable object sent twice arrives as it is now
def messages():
    a = [1]
    yield a
    a.append(2)
    yield a

def check(got):
    return got[1] == [1, 2] or 'state: a stale object'

# case: mutable attribute sent twice
class Box:
    pass

def messages():
    b = Box()
    b.v = 1
    yield b
    b.v = 2
    yield b

def check(got):
    return (got[0].v, got[1].v) == (1, 2) or 'state: a stale object'

# case: enum member over messages
import enum

class Colour(enum.Enum):
    RED = 1

def messages():
    yield Colour.RED
    yield Colour.RED

def check(got):
    return got[0] is got[1] or 'identity: a member for each message'

# case: isinstance over messages
class Base:
    pass

class Derived(Base):
    pass

def messages():
    yield Base
    yield Derived()

def check(got):
    return isinstance(got[1], got[0]) or 'identity: another base'

# case: function over messages keeps its closure apart
def messages():
    def make(n):
        return lambda: n
    yield make(1)
    yield make(2)

def check(got):
    return (got[0](), got[1]()) == (1, 2) or 'state: one closure for both'

# case: names in main do not collide
def helper():
    return 'sender'

def user():
    return helper()

def messages():
    yield user
    yield 5

def check(got):
    return got[0]() == 'sender' or 'state: another global of that name'

# case: thousand small messages
def messages():
    for i in range(1000):
        yield {'i': i}

def check(got):
    return [m['i'] for m in got] == list(range(1000)) or 'value: other messages'

# case: dataclass over messages
import dataclasses

@dataclasses.dataclass
class Record:
    a: int

def messages():
    yield Record(1)
    yield Record(1)

def check(got):
    return got[0] == got[1] or 'identity: equal ones are not equal any more'

# case: a class sent again changes earlier instances too
class Later:
    n = 1

def messages():
    yield Later()
    Later.n = 2
    yield Later()

def check(got):
    return (type(got[0]) is type(got[1]) and got[0].n == 2) or 'identity: two classes, the first with the old definition'

# case: class that goes back to what it was
class Version:
    n = 1

def messages():
    yield Version()
    for n in 2, 1, 2, 1:
        Version.n = n
        yield Version()

def check(got):
    if len({type(one) for one in got}) != 1:
        return 'identity: several classes'
    return got[-1].n == 1 or 'value: the definition before'

# case: class that changes keeps its instances
class Version:
    n = 1

def messages():
    yield Version()
    Version.n = 2
    yield Version()
    Version.n = 3
    yield Version()

def check(got):
    return len({type(one) for one in got}) == 1 and got[-1].n == 3 or 'identity: several classes'

# case: classes alike, one after the other
def messages():
    for n in 1, 1:
        class Made:
            number = n
        yield Made, Made()

def check(got):
    return all(isinstance(one, cls) and cls.number == 1 for cls, one in got) or 'identity: other classes'
