"""What every Env loads at boot: modules, and Workers, before the Corps itself is made."""

import os
import signal
import sys

from corps import AsyncExecutionError, Conc, Corps, create_Corps, find_Workers
from helpers import expect, wait_until


class Logger(Conc):
    def __init__(self, level='info'):
        super().__init__()
        self.level = level

    def loaded(self):
        return self.level, 'sched' in sys.modules, os.getpid()


class Service(Corps):
    def __init__(self):
        super().__init__()
        self.found = find_Workers(Logger)           # they are there already

    def loggers(self):
        return self.found

    def loaded(self):
        return 'sched' in sys.modules

    def configured(self):
        return self.ConfigDicts


def check(service, level, serializer):
    loggers = service.loggers().Ret
    assert service.loaded().Ret and [name.__corps_numbers__[1] for name in loggers] == [0, 1], loggers
    assert [name.loaded().Ret[:2] for name in loggers] == [(level, True)] * 2 or serializer == 'msgpack'


def main():
    with create_Corps(Service, NumEnvs=2, AutoLoad=['sched', (Logger, 'debug')], Restart='on_failure') as service:
        check(service, 'debug', None)
        logger = service.loggers().Ret[1]
        pid = logger.loaded().Ret[2]
        os.kill(pid, signal.SIGKILL)                # an Env that is started again loads the same

        def again():
            try:
                return logger.loaded().Ret[2] != pid
            except Exception:
                return False
        assert wait_until(again) and logger.loaded().Ret[:2] == ('debug', True)
    with create_Corps(Service, ConfigDicts=[{'AutoLoad': ['sched', Logger], 'NumEnvs': 2}], Serializer='msgpack') as service:
        check(service, 'info', 'msgpack')
        assert service.configured().Ret == [{'NumEnvs': 2}]
    assert expect(AsyncExecutionError, create_Corps, Service, NumEnvs=2, AutoLoad=['no_such_module']).TypeName == 'ModuleNotFoundError'
    assert 'positional arguments' in str(expect(TypeError, create_Corps, Service, NumEnvs=2, AutoLoad=[(Logger, 1, 2, 3)]))
    for wrong in 'sched', [1], [Logger()], [Service], [()], [('sched',)]:
        assert 'AutoLoad' in str(expect(TypeError, create_Corps, Service, NumEnvs=1, AutoLoad=wrong)), wrong


if __name__ == '__main__':
    main()
    print('OK')
