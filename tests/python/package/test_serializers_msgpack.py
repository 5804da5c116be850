# expect-stdout: OK
"""A Corps made with msgpack loads no pickle, whoever sends it; and has what a Corps needs without: creating, Names,
exceptions, nested Corps, configuration."""

import datetime
import os
import pickle
import sys

import corps
from corps import Conc, Corps, LocType, create_Concs, create_Corps
from corps import _core, _hooks, _pickling, _plain
from helpers import expect

MARK = 'CORPS_TEST_FOLDER'


class Evil:
    def __reduce__(self):
        return os.mkdir, (os.environ[MARK],)


class Mine(ValueError):
    def __init__(self, a, b):
        super().__init__(a, b)


class Worker(Conc):
    def __init__(self, base=0, *, step=1, other=None):
        super().__init__()
        self.base, self.step, self.other = base, step, other

    def told(self):
        return [self.base, self.step, self.other]

    def raises(self, what):
        raise {'builtin': KeyError('no'), 'own': Mine(1, 2), 'system': OSError(2, 'gone')}[what]

    def exits(self):
        raise SystemExit(3)

    def allowed(self):
        return [_pickling.allowed, 'this' in sys.modules]

    def name_of(self, address):
        name = _hooks.restore(address)
        return [type(name).__name__, 'this' in sys.modules]

    def copied(self, thing):
        return thing


class Bad(Conc):
    def __init__(self):
        super().__init__()
        raise Mine(3, 4)


class Service(Corps):
    def __init__(self, names, *, words):
        super().__init__()
        self.names, self.words = names, words
        self.workers = create_Concs(Worker, 7, step=2, Mgr=self.my_Name(), LocType=LocType.PerEnv)

    def all(self):
        return [self.names, self.words, self.workers]

    def bad(self, env):
        try:
            create_Concs(Bad, LocType=LocType.EnvId, LocVal=env)
        except ValueError as error:
            return [type(error).__name__, str(error.Value)]

    def local_class(self):
        class Hidden(Conc):
            pass
        return str(expect(TypeError, create_Concs, Hidden))

    def with_object(self):
        return str(expect(TypeError, create_Concs, Worker, {1}, LocType=LocType.EnvId, LocVal=1))

    def config(self):
        from corps import _config
        return str(_config.values['ResultsCache_Max_Entry_TTL'])

    def inner(self, serializer):
        made = create_Corps(Service, [serializer], words={'in': 1}, Ext=False, Serializer=serializer,
                            ConfigDicts=[{'NumEnvs': 1}])
        told = made.told_back({'a': [1]}).Ret
        error = expect(corps.AsyncExecutionError, lambda: made.workers_raise().Ret)
        made.exit().Ret
        return [told, isinstance(error, KeyError)]

    def told_back(self, thing):
        return thing

    def workers_raise(self):
        return self.workers[0].raises('builtin').Ret

    def manager(self):
        return self.my_Mgr() is not None


def check(service, transport):
    names, words, workers = service.all().Ret
    assert names == [1, 'x'] and words == {'k': [None, 2.5]}, (names, words)
    for worker in workers:
        base, step, other = worker.told().Ret
        assert [base, step, other] == [7, 2, None]
        assert worker.allowed().Ret == [False, False]
        assert worker.my_Mgr().Ret == service
        error = expect(KeyError, lambda: worker.raises('builtin').Ret)
        assert isinstance(error, corps.AsyncExecutionError) and error.Value == "'no'", error
        error = expect(Mine, lambda: worker.raises('own').Ret)
        assert error.TypeName == 'Mine' and 'raise {' in error.TracebackStrings, error
        expect(OSError, lambda: worker.raises('system').Ret)
        expect(corps.AsyncExecutionError, lambda: worker.exits().Ret)
        # A text in a message does not import what it names.
        assert worker.name_of(worker.__corps_address__[:16] + b'S in this.py').Ret == ['Name', False]
    for env in (0, 1):
        kind, text = service.bad(env).Ret
        assert text == '(3, 4)', text
    assert 'no Env finds Service.local_class.<locals>.Hidden' in service.local_class().Ret
    assert 'set' in service.with_object().Ret
    assert service.config().Ret == '0:00:03'
    assert service.inner('msgpack').Ret == [{'a': [1]}, True]
    assert service.inner('auto').Ret == [{'a': [1]}, False], 'calls go as msgpack, and its details are pickles'


def check_details():
    """What a failure carries is loaded only when the core says so."""
    bad = pickle.dumps(Evil())
    error = _hooks.remote('REMOTE', 'KeyError', 'text', '', bad, 'L0:M0.1', False)
    assert isinstance(error, KeyError) and error.Value == 'text'
    for name in (b'os:system', b'builtins:eval', b'antigravity:X', b'\xff:\x80', b':', b'builtins:SystemExit'):
        error = _hooks.remote('REMOTE', 'Odd', 'text', '', name, 'L0:M0.1', False)
        assert type(error) is corps.AsyncExecutionError, type(error).__mro__
    assert 'antigravity' not in sys.modules
    for module, name in (('os', 'system'), ('builtins', 'eval'), ('subprocess', 'Popen'), ('helpers', 'expect')):
        expect(TypeError, _plain.find_class, module, name)
    assert not os.path.exists(os.environ[MARK])


def main():
    import tempfile
    with tempfile.TemporaryDirectory() as folder:
        os.environ[MARK] = os.path.join(folder, 'made')
        check_details()
        for transport in ('shm', 'tcp'):
            with create_Corps(Service, (1, 'x'), words={'k': (None, 2.5)}, Serializer='msgpack', Transport=transport,
                              ConfigDicts=[{'NumEnvs': 2}], ConfigFiles=[CONFIG]) as service:
                check(service, transport)
        assert not _pickling.allowed
        expect(TypeError, create_Corps, Service, Evil(), words=1, Serializer='msgpack')
        assert not os.path.exists(os.environ[MARK])
    print('OK')


if __name__ == '__main__':
    import tempfile
    with tempfile.NamedTemporaryFile('w', suffix='.py') as config:
        config.write('import datetime\nResultsCache_Max_Entry_TTL = datetime.timedelta(seconds=3)\n')
        config.flush()
        CONFIG = config.name
        main()
