"""Mistakes in creating: no Corps, no Conc, bad locations, unknown transport, serializer, wake, FastPath, config."""

import os

from corps import (AsyncExecutionError, Conc, Corps, LocType, create_Concs, create_Corps)
from helpers import expect


class Worker(Conc):
    def hello(self):
        return 'hello'


class Service(Corps):
    def locations(self):
        expect(IndexError, create_Concs, Worker, LocType=LocType.EnvId, LocVal=2)
        expect(IndexError, create_Concs, Worker, LocType=LocType.EnvId, LocVal=-1)
        expect(TypeError, create_Concs, Worker, LocType=LocType.EnvId, LocVal='1')
        expect(TypeError, create_Concs, Worker, LocType=LocType.EnvId)
        expect(ValueError, create_Concs, Worker, LocVal=1)
        expect(ValueError, create_Concs, Worker, LocType=LocType.PerEnv, LocVal=0)
        for kind in (LocType.Host, LocType.Cluster, LocType.Region):
            expect(NotImplementedError, create_Concs, Worker, LocType=kind)
        expect(Exception, create_Concs, Worker, LocType='EnvId', LocVal=1)

    def classes(self):
        expect(AssertionError, create_Concs, object)
        expect(AssertionError, create_Concs, dict)
        expect((TypeError, AssertionError), create_Concs, Worker(), Num=1)
        expect(Exception, create_Concs, Service)
        expect(AssertionError, create_Corps, Worker)

    def numbers(self):
        assert create_Concs(Worker, Num=0) is None and create_Concs(Worker, Num=-3) is None
        assert len(create_Concs(Worker, Num=3)) == 3
        for wrong in ('2', 1.5, None):
            expect(TypeError, create_Concs, Worker, Num=wrong)


def check_options():
    for name, value in (('Transport', 'pigeon'), ('Serializer', 'xml'), ('Wake', 'coffee')):
        error = expect(ValueError, create_Corps, Service, **{name: value})
        assert value in str(error), error
        error = expect(ValueError, create_Corps, Service, ConfigDicts=[{name: value}])
        os.environ['CORPS_' + name.upper()] = value
        error = expect(ValueError, create_Corps, Service)
        assert value in str(error), error
        del os.environ['CORPS_' + name.upper()]
    error = expect(ValueError, create_Corps, Service, ConfigDicts=[{'FastPath': 'slow'}])
    assert 'reference' in str(error)
    expect(TypeError, create_Corps, Service, ConfigDicts=[{'NumEnvs': 'four'}])
    expect(FileNotFoundError, create_Corps, Service, ConfigFiles=['no/such/file.py'])
    expect(Exception, create_Corps, Service, ConfigFiles='settings.py')
    expect(Exception, create_Corps, Service, ConfigDicts={'NumEnvs': 2})
    for wrong in ({'Boot_Timeout': 'x'}, {'Threads': 'x'}, {'Mailbox_Max_Requests': 'x'}):
        expect(Exception, create_Corps, Service, ConfigDicts=[dict(wrong, NumEnvs=1)])


def check_in_script():
    expect(RuntimeError, create_Concs, Worker)
    for wrong in (Worker, object, str):
        expect(AssertionError, create_Corps, wrong)
    expect((TypeError, AssertionError), create_Corps, 'Service')
    expect((TypeError, AssertionError), create_Corps, None)
    error = expect(AsyncExecutionError, create_Corps, Service, 1, 2, ConfigDicts=[{'NumEnvs': 1}])
    assert error.TypeName == 'TypeError', error          # its __init__ takes no arguments


def main():
    check_in_script()
    check_options()
    with create_Corps(Service, ConfigDicts=[{'NumEnvs': 2}]) as service:
        service.locations().Ret
        service.classes().Ret
        service.numbers().Ret
    print('OK')


if __name__ == '__main__':
    main()
