"""A deep structure is carried or refused with an exception; no process dies of it, whichever side encodes."""

import os
import resource

from corps import Corps, create_Corps

LEVELS = 100, 1000, 20000  # carried by most; beyond Python's limit for some; beyond everyone's


class Node:
    """One link of a chain of instances."""

    def __init__(self, inner):
        self.inner = inner


class Reduced:
    """The same through __reduce__."""

    def __init__(self, inner):
        self.inner = inner

    def __reduce__(self):
        return Reduced, (self.inner,)


def nest(kind, levels):
    """Something of this kind with so many levels."""
    wrap = {"list": lambda x: [x], "tuple": lambda x: (x,), "dict": lambda x: {"k": x}, "set": lambda x: frozenset([x]),
            "instance": Node, "reduced": Reduced}[kind]
    found = 1
    for _ in range(levels):
        found = wrap(found)
    return found


KINDS = "list", "tuple", "dict", "set", "instance", "reduced"


def depth_of(thing):
    """How many levels there are, counted without recursion."""
    levels = 0
    while thing != 1:
        levels += 1
        if isinstance(thing, (Node, Reduced)):
            thing = thing.inner
        else:
            thing = next(iter(thing.values() if isinstance(thing, dict) else thing))
    return levels


class Service(Corps):
    """Takes and gives deep things, in an Env of its own."""

    def depth(self, thing):
        return depth_of(thing)

    def make(self, kind, levels):
        return nest(kind, levels)

    def pid(self):
        return os.getpid()


def attempt(function, levels):
    """'carried', or the name of the exception. A wrong depth fails."""
    try:
        found = function()
    except Exception as error:
        assert str(error), repr(error)
        return type(error).__name__
    assert found == levels, (found, levels)
    return "carried"


def check(serializer):
    """Every kind and depth, as an argument and as an answer; the Env that was called is the same one afterwards."""
    with create_Corps(Service, ConfigDicts=[{"NumEnvs": 1}], Serializer=serializer) as service:
        pid = service.pid().Ret
        for kind in KINDS:
            for levels in LEVELS:
                there = attempt(lambda: service.depth(nest(kind, levels)).Ret, levels)
                back = attempt(lambda: depth_of(service.make(kind, levels).Ret), levels)
                print(f"note: {serializer} {kind} {levels}: there {there}, back {back}", flush=True)
                assert levels > LEVELS[0] or serializer == "msgpack" or there == back == "carried"
        assert service.pid().Ret == pid, "another Env answers"


def check_small_stacks():
    """Threads of the pool have room enough where `ulimit -s` says little."""
    soft, hard = resource.getrlimit(resource.RLIMIT_STACK)
    resource.setrlimit(resource.RLIMIT_STACK, (256 << 10, hard))
    try:
        service = create_Corps(Service, ConfigDicts=[{"NumEnvs": 1}], Serializer="pickle")
    finally:
        resource.setrlimit(resource.RLIMIT_STACK, (soft, hard))
    with service:
        pid = service.pid().Ret
        for kind in KINDS:
            found = attempt(lambda: depth_of(service.make(kind, 20000).Ret), 20000)
            assert found == "AsyncExecutionError", (kind, found)
        assert service.pid().Ret == pid, "another Env answers"


def main():
    check_small_stacks()
    for serializer in ("auto", "pickle", "cloudpickle", "dill", "msgpack"):
        check(serializer)
    print("OK")


if __name__ == "__main__":
    main()
