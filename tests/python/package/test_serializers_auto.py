# expect-stdout: OK
"""The serializer auto over links: classes and code travel once, keep their identity, and are never stale."""

import queue
import threading
import weakref

from corps import Conc, Corps, LocType, create_Concs, create_Corps

SOURCE = '''
LIMIT = 10
class Base:
    __slots__ = ()
    made = 0
    def __init_subclass__(cls):
        Base.made += 1
class Point(Base):
    __slots__ = ('x', 'y')
    seen = []
    scale = 1
    def __init__(self, x, y):
        self.x, self.y = x, y
    def norm(self):
        return min(LIMIT, self.scale * (self.x + self.y))
    def count(self):
        return len(self.seen)
class Plain:
    scale = 1
    def __init__(self, x):
        self.x = x
    def scaled(self):
        return self.x * self.scale + OFFSET
OFFSET = 0
def counter(step):
    n = 0
    def up():
        nonlocal n
        n += step
        return n
    def get():
        return n
    return up, get
'''


class Worker(Conc):
    def __init__(self):
        self.kept = []

    def keep(self, thing):
        self.kept.append(thing)

    def same_types(self):
        return len({type(thing) for thing in self.kept})

    def kept_scaled(self):
        return [thing.scaled() for thing in self.kept]

    def clear(self):
        self.kept = []

    def call(self, function, *args):
        return function(*args)

    def method(self, thing, name):
        return getattr(thing, name)()

    def back(self, thing):
        return thing

    def has_dict(self, thing):
        return hasattr(thing, '__dict__')

    def made(self, thing):
        return type(thing).__bases__[0].made

    def pair(self, up, get):
        up(), up()
        return get()


class Service(Corps):
    def __init__(self):
        super().__init__()
        self.workers = create_Concs(Worker, LocType=LocType.PerEnv)

    def names(self):
        return self.workers


def check_identity(worker, names):
    Plain = names['Plain']
    for x in range(3):
        worker.keep(Plain(x)).Ret
    assert worker.same_types().Ret == 1
    returned = worker.back(Plain(7)).Ret
    assert type(returned) is Plain and returned.x == 7, 'what comes home is of our own class'
    assert worker.back(Plain).Ret is Plain


def check_change(worker, names):
    """What changed is seen; what was sent before changes with it."""
    Plain = names['Plain']
    assert worker.method(Plain(3), 'scaled').Ret == 3
    Plain.scale = 10
    assert worker.method(Plain(3), 'scaled').Ret == 30
    names['OFFSET'] = 5
    assert worker.method(Plain(3), 'scaled').Ret == 35, 'a global of a method'
    assert worker.kept_scaled().Ret == [5, 15, 25], 'of the same class'
    Plain.scaled = lambda self: 'other'
    assert worker.method(Plain(3), 'scaled').Ret == 'other'
    worker.clear().Ret
    Point = names['Point']
    assert worker.method(Point(1, 2), 'count').Ret == 0
    Point.seen.append(1)
    assert worker.method(Point(1, 2), 'count').Ret == 1, 'a list of the class'
    names['LIMIT'] = 2
    assert worker.method(Point(1, 2), 'norm').Ret == 2


def check_structure(worker, names):
    Point = names['Point']
    assert worker.has_dict(Point(1, 2)).Ret is False, 'slots stay slots'
    assert worker.made(Point(1, 2)).Ret == 1, '__init_subclass__ ran once, where the class was made'
    up, get = names['counter'](3)
    assert worker.pair(up, get).Ret == 6, 'two closures over one variable'
    assert (up(), get()) == (3, 3)
    assert [worker.call(up).Ret for _ in range(3)] == [6, 6, 6], 'a closure travels as it is each time'


def check_types(worker):
    lock = threading.Lock()
    lock.acquire()
    assert worker.back(lock).Ret.locked()
    assert not worker.back(threading.Lock()).Ret.locked()
    waiting = queue.Queue()
    waiting.put(5)
    assert worker.back(waiting).Ret.get_nowait() == 5
    target = Worker()
    reference, same = worker.back([weakref.ref(target), target]).Ret
    assert reference() is same
    thread = threading.Thread(target=len, args=('abc',), name='mine')
    assert worker.back(thread).Ret.name == 'mine'
    with worker.back(threading.RLock()).Ret, worker.back(threading.Condition()).Ret:
        pass
    error = ValueError('outer')
    error.__cause__ = KeyError('inner')
    assert repr(worker.back(error).Ret.__cause__) == "KeyError('inner')"


def check_without_reply(worker):
    """The first message that needs a definition may be one of a batch."""
    names = {'__name__': 'late'}
    exec('class Late:\n    def scaled(self): return 1\n', names)
    for _ in range(100):
        worker.keep(names['Late'](), NoReply=True)
    assert worker.kept_scaled().Ret == [1] * 100
    worker.clear().Ret


def check_threads(workers):
    """Many at once define the same and other classes."""
    names = {'__name__': 'threads'}
    exec(''.join('class C%d:\n    def scaled(self): return %d\n' % (i, i) for i in range(40)), names)
    errors = []

    def send():
        try:
            for i in range(40):
                for worker in workers:
                    worker.keep(names['C%d' % i](), NoReply=True)
                    assert worker.method(names['C%d' % i](), 'scaled').Ret == i
        except BaseException as error:
            errors.append(error)
    threads = [threading.Thread(target=send) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not errors, errors
    for worker in workers:
        assert worker.same_types().Ret == 40, 'each class is one, whoever sent it'
        worker.clear().Ret


def check_many(worker):
    """More code than a process names by itself: the rest travels in its messages."""
    futures = []
    for i in range(11000):
        futures.append(worker.call(eval('lambda: %d' % i)))
        if len(futures) == 500:
            assert [future.Ret for future in futures] == list(range(i - 499, i + 1))
            futures = []


def main():
    names = {'__name__': 'made_at_run_time'}
    exec(SOURCE, names)
    with create_Corps(Service, ConfigDicts=[{'NumEnvs': 2}], Serializer='auto') as service:
        workers = service.names().Ret
        worker = workers[1]
        check_identity(worker, names)
        check_structure(worker, names)
        check_change(worker, names)
        check_types(worker)
        check_without_reply(worker)
        check_threads(workers)
        check_many(worker)
    print('OK')


if __name__ == '__main__':
    main()
