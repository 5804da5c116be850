"""raw.py [N]: how deep a list each serializer writes, and what N damaged inputs (default 2000) of a lambda do to a process that loads them
with nothing between: no checksum, no definitions. Each input is loaded in a process of its own with limits on memory and time.
"""
import os
import random
import resource
import signal
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import carriers  # noqa: E402

MEMORY_BYTES = 1 << 30
NAMES = ('pickle5', 'dill', 'cloudpickle', 'auto', 'msgpack', 'marshal')


def nested(depth):
    value = []
    for _ in range(depth):
        value = [value]
    return value


def deepest(dumps):
    """The deepest nesting of lists that is written at the usual recursion limit."""
    low, high = 0, 100000
    while low < high:
        middle = (low + high + 1) // 2
        try:
            dumps(nested(middle))
            low = middle
        except Exception:  # RecursionError, or what the library makes of it
            high = middle - 1
    return low


def damaged(data, number):
    chance = random.Random(number)
    data = bytearray(data)
    for _ in range(chance.randint(1, 4)):
        at = chance.randrange(len(data))
        if chance.random() < 0.2:
            del data[at]
        else:
            data[at] = chance.randrange(256)
    return bytes(data)


def load_alone(loads, data):
    """How a process that loads this, and calls what it got, ends: 0, or the number of the signal that ended it."""
    pid = os.fork()
    if pid == 0:
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        nowhere = os.open(os.devnull, os.O_RDWR)
        for number in (0, 1, 2):
            os.dup2(nowhere, number)
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        signal.alarm(5)
        try:
            loads(data)(3)
        except BaseException:
            pass
        os._exit(0)
    _, status = os.waitpid(pid, 0)
    return os.WTERMSIG(status) if os.WIFSIGNALED(status) else 0


def main():
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 2000
    print('serializer    deepest list   of %d damaged lambdas, ended by a signal' % count)
    for name in NAMES:
        if carriers.version(name) is None:
            print('%-12s  not installed' % name)
            continue
        dumps, loads = carriers.CARRIERS[name][0]()
        step = 3
        try:
            data = dumps(lambda x: [i + step for i in range(x)])
        except Exception:
            ends = 'carries none'
        else:
            signals = [load_alone(loads, damaged(data, number)) for number in range(count)]
            found = {number: signals.count(number) for number in sorted(set(signals)) if number != 0}
            ends = '%d (%s)' % (sum(found.values()), ', '.join('%s %d' % (signal.Signals(k).name, v) for k, v in found.items()) or 'none')
        print('%-12s  %12d   %s' % (name, deepest(dumps), ends), flush=True)


if __name__ == '__main__':
    main()
