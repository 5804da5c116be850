"""What Workers know survives their Env: at each request, every so often, on demand; in Env 0's memory and in a directory."""

import os
import signal
import tempfile
import threading

from corps import Conc, Corps, LocType, WorkerLost, checkpoint_counts, create_Concs, create_Corps, keep_checkpoint
from helpers import expect, wait_until


class Store(Conc):
    def __init__(self, start=0):
        super().__init__()
        self.items, self.broken = {'start': start}, False

    def checkpoint(self):
        if self.broken:
            raise LookupError('nothing to be found here')
        return self.items

    def restore(self, state):
        if 'useless' in state:
            raise LookupError('this state is of no use')
        self.items = state

    def put(self, key, value):
        self.items[key] = value
        return len(self.items)

    def put_and_raise(self, key, value):
        self.items[key] = value
        raise KeyError(key)

    def all(self):
        return self.items

    def pid(self):
        return os.getpid()

    def set_broken(self):
        self.broken = True

    def counts(self):
        return checkpoint_counts(self)

    def save(self):
        return keep_checkpoint(self)

    def save_from_a_thread(self):
        seen = []
        thread = threading.Thread(target=lambda: seen.append(keep_checkpoint(self)))
        thread.start()
        thread.join()
        self.saving = seen[0]                       # it is kept between two requests

    def saved(self):
        return self.saving.result(60)


class Coroutines(Store):
    """All of it on the event loop."""

    async def checkpoint(self):
        return dict(self.items)

    async def restore(self, state):
        self.items = state

    async def put(self, key, value):
        self.items[key] = value
        return len(self.items)


class OnDemand(Store):
    Checkpoint = 'demand'


class AsyncOnDemand(Coroutines):
    Checkpoint = 'demand'

    async def save(self):
        await keep_checkpoint(self)
        return 'saved'


class Often(Store):
    Checkpoint = 0.05


class Own(Store):
    Thread = 'own'


class OtherMeaning(Store):
    """The methods are called so, and are something else."""
    Checkpoint = None

    def checkpoint(self, path):
        return path


class Half(Conc):
    """As before there were checkpoints."""

    def checkpoint(self, path):
        return path


class HalfAndSaysSo(Half):
    Checkpoint = 'request'


class Wrong(Store):
    Checkpoint = 'sometimes'


class Service(Corps):
    def make(self, cls, *args):
        return create_Concs(cls, *args, LocType=LocType.EnvId, LocVal=1)[0]

    def make_store(self, start):
        return self.make(Store, start)


def kill(name):
    """Kill the Env of a Worker, and wait until the same Name answers again."""
    pid = name.pid().result(60)
    os.kill(pid, signal.SIGKILL)

    def answers():
        try:
            return name.pid().result(60) != pid
        except WorkerLost:
            return False

    assert wait_until(answers)


def check_each(service):
    for cls in Store, Coroutines, Own:
        store = service.make(cls, 7).result(60)
        assert store.put('key', [1, (2, 3), {'x': None}]).result(60) == 2
        kill(store)
        assert store.all().result(60) == {'start': 7, 'key': [1, (2, 3), {'x': None}]}
        expect(KeyError, lambda store=store: store.put_and_raise('more', b'bytes').result(60))
        kill(store)
        assert store.all().result(60)['more'] == b'bytes'
        assert store.put('last', 1).result(60) == 4


def check_on_demand(service):
    for cls in OnDemand, AsyncOnDemand:
        store = service.make(cls).result(60)
        store.put('a', 1).result(60)
        kill(store)
        assert store.all().result(60) == {'start': 0}
        store.put('b', 1).result(60)
        store.save().result(60)
        store.put('c', 1).result(60)
        kill(store)
        assert store.all().result(60) == {'start': 0, 'b': 1}
        store.put('d', 1).result(60)
        store.save_from_a_thread().result(60)
        assert store.saved().result(60) is None
        kill(store)
        assert store.all().result(60) == {'start': 0, 'b': 1, 'd': 1}


def check_fails(service):
    store = service.make(Store).result(60)
    store.put('a', 1).result(60)
    store.set_broken().result(60)
    assert store.put('b', 1).result(60) == 3                               # which is no failure of the request
    kept, failed = store.counts().result(60)
    assert (kept, failed) == (1, 2), (kept, failed)
    error = expect(RuntimeError, lambda: store.save().result(60))
    assert 'nothing to be found here' in str(error), error
    kill(store)
    assert store.all().result(60) == {'start': 0, 'a': 1}


def check_often(service):
    store = service.make(Often).result(60)
    store.put('a', 1).result(60)                                           # the first one is kept at once
    assert wait_until(lambda: store.counts().result(60)[0] >= 3)
    kill(store)
    assert store.all().result(60) == {'start': 0, 'a': 1}


def check_not_ours(service):
    for cls in OtherMeaning, Half:
        name = service.make(cls).result(60)
        assert name.checkpoint('somewhere').result(60) == 'somewhere'
    error = expect(TypeError, lambda: service.make(HalfAndSaysSo).result(60))
    assert 'lacks restore' in str(error), error
    error = expect(ValueError, lambda: service.make(Wrong).result(60))
    assert "'sometimes'" in str(error), error
    error = expect(TypeError, lambda: service.make(OtherMeaning).result(60).save().result(60))
    assert 'has no checkpoint' in str(error), error


def kept_in(folder):
    """The files of states; one that is being written has another name."""
    return {file for _, _, found in os.walk(folder) for file in found if not file.startswith('.')}


def check_ended(service, folder):
    """What has ended by its exit leaves nothing, and does not come back."""
    store = service.make(Store).result(60)
    other = service.make(Store).result(60)
    store.put('a', 1).result(60)
    other.put('a', 1).result(60)
    files = kept_in(folder) if folder else ()
    store.exit().result(60)
    if folder:
        left = kept_in(folder)
        assert len(left) == len(files) - 1, (files, left)
    kill(other)
    expect(WorkerLost, lambda: store.all().result(60))
    assert other.all().result(60) == {'start': 0, 'a': 1}


def check_useless_state():
    """A restore that raises is a failed start: when there were too many, the first error is told."""
    service = create_Corps(Service, NumEnvs=2, Restart='on_failure', Restart_Intensity=2, Restart_Backoff=0.01)
    store = service.make(Store).result(60)
    store.put('useless', 1).result(60)
    os.kill(store.pid().result(60), signal.SIGKILL)
    seen = []

    def is_lost():
        seen.append(str(expect(WorkerLost, lambda: store.all().result(60))))
        return 'is not started again' in seen[-1]

    assert wait_until(is_lost)
    assert 'SIGKILL' in seen[-1] and 'this state is of no use' in seen[-1], seen[-1]
    service.exit()


def check_msgpack():
    with create_Corps(Service, NumEnvs=2, Restart='on_failure', Serializer='msgpack') as service:
        store = service.make_store(3).result(60)
        store.put('key', [1, 'x', None]).result(60)
        kill(store)
        assert store.all().result(60) == {'start': 3, 'key': [1, 'x', None]}


def main():
    with tempfile.TemporaryDirectory() as directory:
        for folder in None, os.path.join(directory, 'kept'):
            with create_Corps(Service, NumEnvs=2, Restart='on_failure', Restart_Intensity=100, Restart_Backoff=0.001, Restart_Max_Backoff=0.001,
                              Keep_Directory=folder) as service:
                check_each(service)
                check_on_demand(service)
                check_fails(service)
                check_often(service)
                check_not_ours(service)
                check_ended(service, folder)
            assert folder is None or os.listdir(folder) == []
    with create_Corps(Service, NumEnvs=2) as service:                      # nothing is made again, nothing is kept
        store = service.make(Store).result(60)
        store.put('a', 1).result(60)
        assert store.save().result(60) is None
        assert store.counts().result(60) == (0, 0)
    check_useless_state()
    check_msgpack()


if __name__ == '__main__':
    main()
    print('OK')
