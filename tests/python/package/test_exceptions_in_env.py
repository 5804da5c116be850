"""Inside one Env exceptions, results and arguments need no serializer; across Envs of the same Corps they do."""

import threading

from corps import AsyncExecutionError, Conc, Corps, LocType, create_Concs, create_Corps
from helpers import expect


class Held(Exception):
    pass


class Worker(Conc):
    def take(self, thing):
        return thing

    def throw(self, thing):
        raise Held(thing)


class Service(Corps):
    def local(self):
        worker, = create_Concs(Worker, LocType=LocType.EnvId, LocVal=0)
        lock = threading.Lock()
        assert worker.take(lock).Ret is lock
        error = expect(AsyncExecutionError, lambda: worker.throw(lock).Ret)
        assert error.TypeName == 'Held' and 'in throw' in error.TracebackStrings
        error = expect(Held, lambda: worker.throw('plain').Ret)
        return error.Value.args


def main():
    with create_Corps(Service, ConfigDicts=[{'NumEnvs': 2}]) as service:
        assert service.local().Ret == ('plain',)
    print('OK')


if __name__ == '__main__':
    main()
