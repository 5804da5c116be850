# expect-stdout: OK
"""Classes and functions by value with annotations, which Python 3.14 makes when they are asked for; namespaces that grow while they
are looked at."""

import sys
import typing

from corps import Corps, create_Corps

SOURCE = '''
import abc, ctypes, dataclasses, enum, functools, typing

class Plain:
    x: int
    y: tuple = ()
    def method(self, a: int, *, b: 'Plain' = None) -> str: return a
    @staticmethod
    def still(a: bytes) -> None: pass
    class Inner:
        z: float
class Abstract(abc.ABC):
    x: int
    @abc.abstractmethod
    def method(self) -> int: pass
class Told(typing.Protocol):
    x: int
    def method(self) -> int: ...
class Named(typing.NamedTuple):
    a: int
    b: str = 'b'
@dataclasses.dataclass
class Data:
    x: int
    y: list = dataclasses.field(default_factory=list)
class Colour(enum.Enum):
    extra: int
    RED = 1
class Structure(ctypes.Structure):
    x: int
    _fields_ = [('a', ctypes.c_int)]
def function(a: int, b: 'Data' = None) -> Plain: return a
'''
LAZY = '''
class Early:
    x: Later
    y: int
    def method(self, a: Later) -> Early: return a
def early(a: Later): return a
'''
GROWS = '''
class Looking:
    @property
    def __class__(self):
        setattr(Grows, 'seen_%d' % len(vars(Grows)), True)
        return Looking
class Grows:
    first, second = Looking(), Looking()
    def get(self): return 7
'''


class Service(Corps):
    def annotations(self, thing):
        return thing.__annotations__

    def hints(self, thing):
        return {name: getattr(hint, '__name__', str(hint)) for name, hint in typing.get_type_hints(thing).items()}

    def back(self, thing):
        return thing

    def get(self, cls):
        return cls().get()


def made(source):
    names = {'__name__': '__main__'}
    exec(source, names)
    return names


def check_annotations(service):
    names = made(SOURCE)
    kept = [value for name, value in names.items() if getattr(value, '__module__', None) == '__main__']
    assert len(kept) == 8, kept
    for thing in (*kept, names['Plain'].Inner, names['Plain'].method, names['Plain'].still):
        before = set(vars(thing)) if isinstance(thing, type) else None
        assert service.back(thing).Ret is thing or not isinstance(thing, type), thing
        assert before is None or set(vars(thing)) == before, thing       # asking leaves nothing
        hints = {name: getattr(hint, '__name__', str(hint)) for name, hint in typing.get_type_hints(thing).items()}
        assert service.hints(thing).Ret == hints, thing
    assert service.annotations(names['Data']).Ret == {'x': int, 'y': list}


def check_lazy(service):
    """What they name is not there yet: its name is."""
    names = made(LAZY)
    assert service.annotations(names['Early']).Ret == {'x': 'Later', 'y': 'int'}
    assert service.annotations(names['early']).Ret == {'a': 'Later'}
    assert service.annotations(names['Early'].method).Ret == {'a': 'Later', 'return': 'Early'}
    names['Later'] = int
    assert service.annotations(made(LAZY + 'Later = int\n')['Early']).Ret == {'x': int, 'y': int}


def main():
    with create_Corps(Service, NumEnvs=1) as service:
        check_annotations(service)
        if sys.version_info >= (3, 14):
            check_lazy(service)
        assert service.get(made(GROWS)['Grows']).Ret == 7
    print('OK')


if __name__ == '__main__':
    main()
