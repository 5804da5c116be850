"""What the serializer remembers of classes does not keep them: classes that a program makes by the thousand go when it drops them."""

import dataclasses
import gc
import sys
import weakref

from corps import Conc, Corps, create_Concs, create_Corps


class Worker(Conc):
    def title(self, thing):
        return type(thing).__name__, thing.n


class Service(Corps):
    def __init__(self):
        super().__init__()
        self.worker = create_Concs(Worker)[0]

    def names(self):
        return self.worker


def classes():
    class Plain:
        def __init__(self):
            self.n = 1

    class Recursive(Plain):
        def again(self):
            return Recursive

    class Slotted:
        __slots__ = ('n',)

        def __init__(self):
            self.n = 1

    class Listed(list):
        n = 1

        def append(self, thing):
            super().append(thing)

    @dataclasses.dataclass
    class Data:
        n: int = 1

    class Table:
        n = 1
        held = {'a': [1], 'b': {1, 2}}

    class Wrong(Exception):
        n = 1

    return Plain, Recursive, Slotted, Listed, Data, Table, Wrong


def sent(worker):
    """Weak references to classes whose instances were sent."""
    gone = []
    for cls in classes():
        for things in cls(), cls():
            assert worker.title(things).Ret == (cls.__name__, 1)
        gone.append(weakref.ref(cls))
    return gone


def main():
    with create_Corps(Service, ConfigDicts=[{'NumEnvs': 1}]) as service:
        worker = service.names().Ret
        for _ in range(2):
            gone = sent(worker)
            for _ in range(3):
                gc.collect()
            if sys.version_info >= (3, 9):  # before, they are kept: see auto.py
                assert [ref() for ref in gone] == [None] * 7, [ref() for ref in gone]
    print('OK')


if __name__ == '__main__':
    main()
