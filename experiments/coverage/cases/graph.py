"""Objects that refer to each other: sharing and circles."""

# case: shared list | data
def make():
    a = [1]
    return [a, a]

def check(x):
    return x[0] is x[1] or 'sharing: two lists instead of one'

# case: shared across a dict and a list | data
def make():
    a = {'k': 1}
    return {'first': a, 'second': [a]}

def check(x):
    return x['first'] is x['second'][0] or 'sharing: two dicts instead of one'

# case: shared tuple | data
def make():
    t = tuple([1, 2])
    return [t, t]

def check(x):
    return x[0] is x[1] or 'sharing: two tuples instead of one'

# case: shared text | data
def make():
    s = ''.join(['some ', 'text'])
    return [s, s]

def check(x):
    return x == ['some text', 'some text'] or 'value: other texts'

# case: recursive list | data
def make():
    a = [1]
    a.append(a)
    return a

def check(x):
    return x[1] is x or 'sharing: the circle is open'

# case: recursive dict | data
def make():
    d = {}
    d['self'] = d
    return d

def check(x):
    return x['self'] is x or 'sharing: the circle is open'

# case: recursive tuple by a list | data
def make():
    a = []
    t = (a,)
    a.append(t)
    return t

def check(x):
    return x[0][0] is x or 'sharing: the circle is open'

# case: recursive object
class Node:
    pass

def make():
    n = Node()
    n.me = n
    return n

def check(x):
    return x.me is x or 'sharing: the circle is open'

# case: circle of two objects
class Node:
    def __init__(self, name):
        self.name = name

def make():
    a, b = Node('a'), Node('b')
    a.other, b.other = b, a
    return a

def check(x):
    if x.other.name != 'b':
        return 'value: another name'
    return x.other.other is x or 'sharing: the circle is open'

# case: hash circle
class Key:
    def __init__(self):
        self.children = {self: 1}

    def __hash__(self):
        return 7

    def __eq__(self, other):
        return self is other

def make():
    return Key()

def check(x):
    return x.children.get(x) == 1 or 'behaviour: the key is not found'

# case: nesting of 400 lists | data
def make():
    a = []
    for _ in range(400):
        a = [a]
    return a

def check(x):
    depth = 0
    while x:
        x, depth = x[0], depth + 1
    return depth == 400 or 'value: depth %d' % depth

# case: nesting of 5000 lists | data
def make():
    a = []
    for _ in range(5000):
        a = [a]
    return a

def check(x):
    depth = 0
    while x:
        x, depth = x[0], depth + 1
    return depth == 5000 or 'value: depth %d' % depth

# case: linked list of 200 objects
class Link:
    def __init__(self, next):
        self.next = next

def make():
    head = None
    for _ in range(200):
        head = Link(head)
    return head

def check(x):
    n = 0
    while x is not None:
        x, n = x.next, n + 1
    return n == 200 or 'value: %d links' % n

# case: doubly linked list
class Link:
    def __init__(self, before):
        self.before, self.after = before, None
        if before is not None:
            before.after = self

def make():
    first = last = Link(None)
    for _ in range(50):
        last = Link(last)
    return first

def check(x):
    n = 0
    while x.after is not None:
        if x.after.before is not x:
            return 'sharing: back link to another'
        x, n = x.after, n + 1
    return n == 50 or 'value: %d links' % n

# case: object in its own set
class Item:
    def __init__(self):
        self.all = {self}

def make():
    return Item()

def check(x):
    return x in x.all or 'behaviour: not in its own set'

# case: shared attribute dict
class Box:
    pass

def make():
    a, b = Box(), Box()
    a.data = b.data = {}
    return [a, b]

def check(x):
    x[0].data['k'] = 1
    return x[1].data.get('k') == 1 or 'sharing: two dicts instead of one'

# case: class shared by instances
class Point:
    pass

def make():
    return [Point(), Point()]

def check(x):
    return type(x[0]) is type(x[1]) or 'identity: two classes instead of one'

# case: two memoryviews of one bytearray | data
def make():
    data = bytearray(20)
    return memoryview(data)[2:10], memoryview(data)[5:15], data

def check(three):
    three[0][3] = 7
    return (three[1][0], three[2][5]) == (7, 7) or 'sharing: several memories instead of one'
