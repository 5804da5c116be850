"""What the module typing makes."""
import typing
# data: union = typing.Union[int, str]
# data: optional = typing.Optional[int]
# data: list of int = typing.List[int]
# data: callable = typing.Callable[[int], str]
# data: any = typing.Any
# data: literal = typing.Literal['a', 1]
# data: annotated = typing.Annotated[int, 'note'] | since: 3.9
# data: built-in alias = list[int] | since: 3.9
# data: alias of dict = dict[str, int] | since: 3.9
# data: union by bar = int | str | since: 3.10
# data: forward reference = typing.ForwardRef('X')
# data: classvar = typing.ClassVar[int]

# case: type variable
import typing

T = typing.TypeVar('T', bound=int)

def make():
    return T

def check(t):
    return (t.__name__, t.__bound__) == ('T', int) or 'value: another variable'

# case: type variable identity
import typing

T = typing.TypeVar('T')

def make():
    return [T, T]

def check(x):
    return x[0] is x[1] or 'identity: two variables instead of one'

# case: new type
import typing

UserId = typing.NewType('UserId', int)

def make():
    return UserId

def check(n):
    return n(5) == 5 or 'behaviour: another result'

# case: generic alias of a class
import typing

T = typing.TypeVar('T')

class Box(typing.Generic[T]):
    pass

def make():
    return Box[int]

def check(a):
    return a.__args__ == (int,) or 'value: other arguments'

# case: typed dict
import typing

class Movie(typing.TypedDict):
    name: str
    year: int

def make():
    return Movie

def check(c):
    return c(name='x', year=1) == {'name': 'x', 'year': 1} or 'behaviour: another result'

# case: parameter specification | since: 3.10
import typing

P = typing.ParamSpec('P')

def make():
    return P

def check(p):
    return p.__name__ == 'P' or 'value: another name'
