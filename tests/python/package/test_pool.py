# expect-stdout: OK
"""create_Pool: one Name over several Workers; its methods, keys, map and Executor over it, how it grows, and what it refuses."""

import copy
import os
import pickle
import subprocess
import sys
import tempfile
import time

import corps
from corps import Conc, Corps, Executor, LocType, Name, create_Corps, create_Pool, pool_members
from corps._pool import key_of
from helpers import expect, wait_until


class Worker(Conc):
    """Counts."""

    limit = 5

    def __init__(self, base=0, *, step=1):
        super().__init__()
        self.base, self.step, self.seen = base, step, []

    def square(self, x):
        return x * x

    def where(self, user='nobody', *, other=0):
        """Who serves this user."""
        self.seen.append(user)
        return self.my_Name()

    def told(self):
        return self.base, self.step, self.limit

    def die(self):
        os.abort()

    def wait_for(self, path):
        while not os.path.exists(path):
            time.sleep(0.005)


class Own(Conc):
    Sticky = 'user'

    def map(self, user):
        return 'its own', user


class Service(Corps):
    def __init__(self):
        super().__init__()
        self.pools = {}

    def make(self, name, cls, *args, **options):
        self.pools[name] = create_Pool(cls, *args, **options)
        return self.pools[name]

    def refused(self, *args, **options):
        try:
            create_Pool(*args, **options)
        except Exception as error:
            return type(error).__name__, str(error)
        return None, ''

    def pool(self, name):
        return self.pools[name]

    def inside(self, name, n):
        return sum(self.pools[name].map('square', range(n)))

    def use(self, pool):
        return pool.square(3).Ret, type(pool).__name__


def check_calls(service):
    pool = service.make('plain', Worker, 7, step=2, Min=3, Max=3).Ret
    assert isinstance(pool, Name) and pool.__corps_class__ == 'pool of Worker in __main__.py' and pool.limit == 5, pool
    assert pool.told().Ret == (7, 2, 5) and type(pool).__name__ == 'PoolOfWorkerName'
    assert pool.where.__doc__ == 'Who serves this user.' and pool.__doc__ == 'Counts.'
    assert [pool.square(x).Ret for x in range(9)] == [x * x for x in range(9)]
    own = pool_members(pool)
    assert len(own) == 3 and {pool.where().Ret for _ in range(60)} <= set(own)
    assert {type(name).__name__ for name in own} == {'WorkerName'}
    again = service.pool('plain').Ret
    assert again == pool and hash(again) == hash(pool) and type(again) is type(pool)
    assert pickle.loads(pickle.dumps(pool)) == pool and copy.copy(pool) is pool
    assert service.use(pool).Ret == (9, 'PoolOfWorkerName')
    assert 'did you mean' in str(expect(AttributeError, lambda: pool.sqare(1)))
    assert 'each of its members' in str(expect(AttributeError, setattr, pool, 'base', 5))
    assert isinstance(expect(corps.AsyncExecutionError, lambda: pool.square('x').Ret), TypeError)
    assert expect(TypeError, pool_members, own[0]) and expect(TypeError, pool_members, 5)
    assert list(pool.map('square', range(500))) == [x * x for x in range(500)]
    assert list(pool.map(Worker.square, range(50))) == list(pool.map(pool.square, range(50))) == [x * x for x in range(50)]
    assert list(corps.map(pool, lambda x: -x, range(5))) == [0, -1, -2, -3, -4]
    assert list(pool.starmap(max, [(1, 2), (4, 3)])) == [2, 4] and list(pool.filter(None, [0, 1])) == [1]
    assert pool.reduce(max, range(100)) == 99
    assert service.inside('plain', 100).Ret == sum(x * x for x in range(100))
    with Executor(pool=pool) as executor:
        assert [executor.submit(pow, x, 2).result() for x in range(5)] == [0, 1, 4, 9, 16]
        assert list(executor.map(str, range(500))) == list(map(str, range(500)))
    assert 'sticky' in str(expect(ValueError, lambda: pool.square(3, Key='a').Ret))
    assert pool.exit().Ret is None
    assert wait_until(lambda: ended(pool))


def ended(pool):
    try:
        pool.square(1).Ret
    except corps.AsyncLocalMaxRetries:  # WorkerLost is one
        return True
    return False


def check_keys(service):
    pool = service.make('sticky', Worker, Min=4, Max=4, Sticky='user').Ret
    members = {user: pool.where(user).Ret for user in map(str, range(40))}
    assert len(set(members.values())) == 4
    for user, member in members.items():
        assert pool.where(user=user).Ret == member and pool.where('x', Key=user).Ret == member and pool.where(user, other=3).Ret == member
    assert pool.where().Ret == pool.where('nobody').Ret, 'the default is a value like others'
    assert 'Key=' in str(expect(ValueError, pool.square, 2))
    assert pool.square(2, Key=('a', 1, b'x')).Ret == 4 and pool.square(2, Key='a', NoReply=True).Ret is None
    assert 'a key is a text' in str(expect(ValueError, pool.where, 1.5))
    assert 'a key is a text' in str(expect(ValueError, pool.square, 1, Key=[1]))
    assert 'sticky' in str(expect(ValueError, pool.map, 'square', [1]))
    assert pickle.loads(pickle.dumps(pool)).where('7').Ret == members['7']
    bare = corps._name.restore(pool.__corps_address__)  # nothing but the address
    assert bare.where('x', Key='7').Ret == members['7']
    assert 'key' in str(expect(ValueError, lambda: bare.where('7').Ret))
    own = service.make('own', Own, Min=2, Max=2).Ret
    assert own.map('someone').Ret == ('its own', 'someone'), 'a method of the class is the class\'s'
    assert list(corps.filter([pool_members(own)[0]], None, [1])) == [1]
    anyone = service.make('keys', Worker, Min=2, Max=2, Sticky=True).Ret
    assert anyone.where(Key=1).Ret == anyone.where(Key=True).Ret and expect(ValueError, lambda: anyone.where().Ret)


def check_hash():
    """The same in another process, whatever its hash seed is."""
    keys = ['', 'a', 'é\ud800', b'', b'a', 0, -1, 255, 1 << 100, (), ('a',), (('a',), 1), ('a', 'b'), ('ab',)]
    assert len({key_of(key) for key in keys}) == len(keys)
    text = f'from corps._pool import key_of; print([key_of(key) for key in {keys!r}])'
    said = subprocess.run([sys.executable, '-c', text], stdout=subprocess.PIPE, universal_newlines=True,
                          env=dict(os.environ, PYTHONHASHSEED='77')).stdout
    assert said.strip() == str([key_of(key) for key in keys])
    for wrong in 1.5, None, [1], ('a', 1.5), {'a'}, object():
        expect(ValueError, key_of, wrong)


def check_growth(service, folder):
    """While requests wait it grows; a map that is under way uses the new members; and a member that dies is made again."""
    pool = service.make('grows', Worker, Min=1, Max=3, Target=0.01, LocType=LocType.EnvId, LocVal=1).Ret
    gate = os.path.join(folder, 'gate')
    held = []
    assert wait_until(lambda: held.append(pool.wait_for(gate)) or len(pool_members(pool)) == 3)
    open(gate, 'w').close()
    for future in held:
        future.Ret
    expect(corps.WorkerLost, lambda: pool.die().Ret)
    assert list(pool.map('square', range(20), Retry=True)) == [x * x for x in range(20)]
    near = service.make('near', Worker, Replicated=True).Ret
    assert len(pool_members(near)) == 2


class Moved:
    """The answer of a member that has just left its pool."""

    def ret_ready(self):
        return True

    def _wait(self, seconds):
        return True

    def _notify(self, callback):
        return False

    @property
    def Ret(self):
        raise corps.WorkerMoved('it has left (MOVED)')


def check_moved(service):
    """What has come to a member too late goes to another one; nothing is lost, and nothing is done twice."""
    from corps import _crew, _map
    pool = service.make('moved', Worker, Min=2, Max=2).Ret
    call, late = corps._core.call, [0]

    class Core:
        Name = corps._core.Name

        @staticmethod
        def wait_next(futures, seconds):
            moved = [index for index, future in enumerate(futures) if isinstance(future, Moved)]
            return moved[0] if moved else corps._core.wait_next(futures, seconds)

        @staticmethod
        def call(*args):
            late[0] += 1
            return Moved() if late[0] % 3 == 0 else call(*args)

    before = _map._core, _crew._core
    _map._core = _crew._core = Core
    try:
        for options in {}, {'Ordered': False}, {'Chunk': 7}:
            assert sorted(pool.map('square', range(300), **options)) == [x * x for x in range(300)]
        assert list(pool.filter(None, range(50), Chunk=3)) == list(range(1, 50)) and late[0] > 20
        with Executor(pool=pool) as executor:
            assert [executor.submit(pow, x, 2).result() for x in range(20)] == [x * x for x in range(20)]
            assert list(executor.map(str, range(100), chunksize=9)) == list(map(str, range(100)))
    finally:
        _map._core, _crew._core = before
    assert wait_until(lambda: not executor._crew.active)


def check_refusals(service):
    for kind, words, options in (
            ('ValueError', 'at least 3 members and at most 2', {'Min': 3, 'Max': 2}), ('ValueError', 'Target', {'Target': 0}),
            ('ValueError', 'Quiet', {'Quiet': -1}), ('TypeError', 'Target', {'Target': '1'}), ('ValueError', 'Min', {'Min': 0}),
            ('TypeError', 'Max', {'Max': 2.5}), ('ValueError', 'leave out Min and Max', {'Replicated': True, 'Min': 2}),
            ('ValueError', 'sticky', {'Replicated': True, 'Sticky': 'user'}), ('ValueError', "parameter of that name", {'Sticky': 'usr'}),
            ('TypeError', 'Sticky is', {'Sticky': 5}), ('IndexError', 'no Env 9', {'LocType': LocType.EnvId, 'LocVal': 9}),
            ('ValueError', 'leave out LocType', {'Replicated': True, 'LocType': LocType.EnvId, 'LocVal': 1}),
            ('ValueError', 'Restart', {'Restart': 'sometimes'}), ('ValueError', '2000', {'Max': 2000})):
        got = service.refused(Worker, **options).Ret
        assert got[0] == kind and words in got[1], (got, kind, words)
    assert service.refused(Service).Ret[0] == 'AttributeError' and service.refused(int).Ret[0] == 'AssertionError'
    assert service.refused('NoClass').Ret[0] == 'TypeError'
    assert service.refused(Worker, 1, 2, 3).Ret[0] == 'AsyncExecutionError', 'its __init__ takes no three'
    assert 'inside a Corps' in str(expect(RuntimeError, create_Pool, Worker))


def main():
    check_hash()
    with tempfile.TemporaryDirectory() as folder, create_Corps(Service, NumEnvs=2, Restart='on_failure') as service:
        check_calls(service)
        check_keys(service)
        check_moved(service)
        check_growth(service, folder)
        check_refusals(service)
    print('OK')


if __name__ == '__main__':
    main()
