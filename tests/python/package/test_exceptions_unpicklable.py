"""Exceptions, results and arguments that cannot travel: told at once, with their path, and the Worker goes on."""


from corps import (AsyncExecutionError, AsyncLocalMaxRetries, Conc, Corps, LocType, NotSerializable, create_Concs,
                   create_Corps)
from helpers import expect


class Holder(Exception):
    def __init__(self, text):
        super().__init__(text)
        self.lock = (i for i in 'ab')


class TwoRequired(Exception):
    def __init__(self, first, second):
        super().__init__(first)         # cannot be loaded again: its args are too few


class NoText(Exception):
    def __str__(self):
        raise RuntimeError('no text')


class LoadsBadly:
    def __reduce__(self):
        return int, ('x',)


class Thing:
    pass


class Worker(Conc):
    def throw(self, which):
        raise {'holder': lambda: Holder('held'), 'two': lambda: TwoRequired('a', 'b'), 'text': NoText}[which]()

    def result(self, which):
        thing = Thing()
        thing.x = (i for i in 'ab')
        return {'lock': (i for i in 'ab'), 'deep': {'k': [1, thing]}, 'loads': LoadsBadly()}[which]

    def take(self, *args, **kwargs):
        return len(args)


class Service(Corps):
    def __init__(self):
        super().__init__()
        self.workers = create_Concs(Worker, LocType=LocType.PerEnv)

    def names(self):
        return self.workers

    def paths(self):
        return [str(expect(NotSerializable, self.workers[1].take, *args, **kwargs)) for args, kwargs in cases()]


def cases():
    thing = Thing()
    thing.x = (i for i in 'ab')
    return [((1, thing), {}), (({'k': (i for i in 'ab')},), {}), ((1, 2, [0, (thing,)]), {}), ((), {'key': thing}),
            ((1,), {'key': [thing]})]


PATHS = ['args[1].x', "args[0]['k']", 'args[2][1][0].x', 'key.x', 'key[0].x']


def check_exceptions(worker):
    error = expect(AsyncExecutionError, lambda: worker.throw('holder').result(60))
    assert error.TypeName == 'Holder' and 'held' in str(error.Value) and 'in throw' in error.TracebackStrings
    error = expect(AsyncExecutionError, lambda: worker.throw('two').result(60))
    assert error.TypeName == 'TwoRequired' and str(error.Value) == 'a'
    error = expect(AsyncExecutionError, lambda: worker.throw('text').result(60))
    assert error.TypeName == 'NoText'


def check_results(worker):
    for which, part in (('lock', 'lock'), ('deep', 'x')):
        error = expect((AsyncExecutionError, AsyncLocalMaxRetries), lambda: worker.result(which).result(60))
        assert 'generator' in str(error), error
        assert which != 'deep' or part in str(error).replace('"', "'"), error
    expect(Exception, lambda: worker.result('loads').result(60))


def main():
    with create_Corps(Service, ConfigDicts=[{'NumEnvs': 2}]) as service:
        for worker in service.names().Ret:
            check_exceptions(worker)
            check_results(worker)
            for (args, kwargs), path in zip(cases(), PATHS):
                error = expect(NotSerializable, worker.take, *args, **kwargs)
                assert isinstance(error, TypeError) and path in str(error).replace('"', "'"), (path, error)
            expect(Exception, lambda: worker.take(LoadsBadly()).result(60))
            assert worker.take(1, 2).result(60) == 2                 # still well
        for text, path in zip(service.paths().Ret, PATHS):
            assert path in text.replace('"', "'"), (path, text)
    print('OK')


if __name__ == '__main__':
    main()
