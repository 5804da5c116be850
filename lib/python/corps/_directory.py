"""Directories: Workers and Corps that are found by class or tag; and Workers that are ended by their Names."""

from . import _core
from ._errors import WorkerLost
from ._name import Name, class_text, name_class, restore


def _nanoseconds(seconds):
    number = float(seconds)
    if not 0 < number:
        raise ValueError(f'the Timeout must be more than 0 seconds, not {seconds!r}')
    return int(min(number, 9e9) * 1e9)


def _corps_ids(corps, timeout):
    """The numbers of the Corps that are meant; 0 is the own one."""
    if corps is None:
        return [0] if _core.own() is not None else [name.__corps_numbers__[0] for name in find_Corps(Timeout=timeout)]
    names = [corps] if isinstance(corps, Name) else list(corps)
    for name in names:
        if not isinstance(name, Name):
            raise TypeError(f'Corps is the Name of a Corps, or several, as find_Corps gives them; not {name!r}')
    return [name.__corps_numbers__[0] for name in names]


def find_Workers(cls_or_name=None, Tag=None, Env=None, Corps=None, Timeout=10.0):
    """The Names of the Workers that serve at this moment, in the order of Envs and of their making.

    cls_or_name: their class, or its name, as 'Adder' or 'Adder in app.py'; None: any. Tag: as create_Concs was given it; None: any. Env: its number;
    None: all. Corps: the Name of a Corps (or of any of its Workers), or a list of such; None: inside a Corps that one, in a program all that
    find_Corps finds. Classes are compared by their names, so that subclasses are others. The front of a Corps is one of its Workers.

    Raises IndexError (no such Env), WorkerLost (the Corps has ended), CallTimeout (an Env has not answered within Timeout seconds).
    """
    timeout_ns = _nanoseconds(Timeout)
    if isinstance(cls_or_name, type):
        text = class_text(cls_or_name)
    elif cls_or_name is None or isinstance(cls_or_name, str):
        text = cls_or_name
    else:
        raise TypeError(f'find_Workers takes a class of Workers, or its name, not {cls_or_name!r}')
    if Tag is not None and not isinstance(Tag, str):
        raise TypeError(f'a Tag is a text, not {Tag!r}')
    if Env is not None and (isinstance(Env, bool) or not isinstance(Env, int)):
        raise TypeError(f'Env is the number of one, not {Env!r}')
    if Env is not None and Env < 0:
        raise IndexError(f'there is no Env {Env}')
    found = []
    for corps in _corps_ids(Corps, Timeout):
        try:
            found += _core.find(corps, text, Tag, -1 if Env is None else Env, timeout_ns)
        except WorkerLost:
            if Corps is not None or corps == 0:
                raise  # of all that there were, one has ended meanwhile
        except ValueError as error:
            if Corps is not None or corps == 0:
                raise IndexError(str(error)) from None  # of several, one may have fewer Envs
    if isinstance(cls_or_name, type):
        made = name_class(cls_or_name)
        return [made(address) for address in found]
    return [restore(address) for address in found]


def find_Corps(Tag=None, Timeout=10.0):
    """The Names of the Corps of this user that run on this host, by their Tag (None: any), from programs and from within Corps; where the hosts
    have the ledger etcd, also of those on other hosts that belong to the hosts (create_Corps: Detached). One that does not answer within
    Timeout seconds is left out."""
    if Tag is not None and not isinstance(Tag, str):
        raise TypeError(f'a Tag is a text, not {Tag!r}')
    return [restore(address, True) for address in _core.find_fronts(Tag, _nanoseconds(Timeout))]


def delete_Concs(names, Timeout=None):
    """Ends Workers by their Names (names: one, or an iterable of them), from anywhere, in place of their exit: what they were asked before is
    done, their cleanup runs, and nobody makes them again.

    Returns when all have ended; within Timeout seconds (None: whatever it takes), or raises CallTimeout. With Timeout=0 it only asks, which
    is how a Worker ends itself from a method. Those that have ended already are no error. Raises ValueError (the front of a Corps, which ends with
    it, or this method's own Worker without Timeout=0), WorkerLost (there never was such a Worker, or its Env has died).
    """
    listed = [names] if isinstance(names, Name) else list(names)
    timeout_ns = 2 ** 63 - 1 if Timeout is None else 0 if Timeout == 0 else _nanoseconds(Timeout)
    _core.delete(listed, timeout_ns)


for _thing in (delete_Concs, find_Corps, find_Workers):
    _thing.__module__ = 'corps'  # where users find them
