"""Values of built-in types. A line `# data: name = expression` is a case whose value must come back equal, and of the same type."""
# data: none = None
# data: true = True
# data: small int = 7
# data: negative int = -129
# data: int of 64 bits = 2**63 - 1
# data: int beyond 64 bits = 2**64
# data: big int = 10**400
# data: float = 0.1
# data: negative zero = -0.0 | like: str
# data: infinity = float('inf')
# data: complex = 1.5-2j
# data: empty text = ''
# data: text = 'grüße, 世界'
# data: text with a nul = 'a\0b'
# data: long text = 'x' * 100000
# data: bytes = b'\x00\xff'
# data: long bytes = bytes(range(256)) * 400
# data: bytearray = bytearray(b'abc')
# data: empty tuple = ()
# data: tuple = (1, 'two', 3.0)
# data: nested tuple = ((1, 2), ((3,), ()))
# data: list = [1, 'two', None]
# data: empty list = []
# data: dict = {'a': 1, 'b': [2]}
# data: dict with int keys = {1: 'a', 2: 'b'}
# data: dict with tuple keys = {(1, 2): 'a'}
# data: dict with None as key = {None: 1}
# data: set = {1, 2, 3}
# data: frozenset = frozenset([1, 2])
# data: range = range(3, 30, 4)
# data: slice = slice(1, None, 2)
# data: ellipsis = Ellipsis
# data: not implemented = NotImplemented
# data: type object = int
# data: built-in function = len
# data: built-in method of a type = str.upper
# data: exception class = ValueError
# data: none type = type(None)

# case: nan | data
def make():
    return float('nan')

def check(x):
    return x != x or 'value: no NaN'

# case: lone surrogate | data
def make():
    return 'a\udc80b'

def check(x):
    return x == 'a\udc80b' or 'value: another text'

# case: order of a dict | data
def make():
    return {key: i for i, key in enumerate('zyxabc')}

def check(x):
    return ''.join(x) == 'zyxabc' or 'value: keys in another order'

# case: bound built-in method | data
def make():
    return [1, 2, 3].index

def check(f):
    return f(3) == 2 or 'behaviour: finds another place'

# case: function type | data
def make():
    import types
    return types.FunctionType

def check(x):
    import types
    return x is types.FunctionType or 'identity: another type'

# case: memoryview | data
def make():
    return memoryview(b'abc')

def check(x):
    if bytes(x) != b'abc':
        return 'value: other bytes'
    return type(x) is memoryview or 'type: ' + type(x).__name__

# case: code object of a lambda | data
def make():
    return (lambda x: x + 1).__code__

def check(code):
    import types
    return types.FunctionType(code, {})(2) == 3 or 'behaviour: runs otherwise'

# case: dict view | data
def make():
    return {'a': 1}.keys()

def check(x):
    return list(x) == ['a'] or 'value: other keys'

# case: reversed list | data
def make():
    return reversed([1, 2, 3])

def check(x):
    return list(x) == [3, 2, 1] or 'value: other items'
