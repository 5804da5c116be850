"""Reading Futures: result, exception, done, Ret; their time limits; what a Future is not."""

import copy
import pickle
import time

from corps import AsyncExecutionError, AsyncLocalMaxRetries, CallTimeout, Corps, Future, create_Corps
from gate import gates
from helpers import expect


class Service(Corps):
    def later(self, seconds, value):
        time.sleep(seconds)
        return value

    def held(self, gate, value):
        gate.wait()
        return value

    def nothing(self):
        pass

    def wrong(self):
        raise ValueError('no')


def check_value(service):
    with gates() as (gate,):
        future = service.held(gate, 'x')
        assert isinstance(future, Future)
        assert not future.done() and not future.ret_ready() and not future.running() and not future.cancelled()
        assert 'pending' in repr(future)
    assert future.result() == future.Ret == future.ret == future.result(0) == future.result(timeout=60) == 'x'
    assert future.done() and future.exception() is None and 'ready' in repr(future)
    assert service.nothing().Ret is None


def check_timeout(service):
    with gates() as (gate,):
        future = service.held(gate, 1)
        begin = time.monotonic()
        error = expect(CallTimeout, future.result, 0.05)
        assert isinstance(error, TimeoutError) and isinstance(error, AsyncLocalMaxRetries)
        assert '0.05' in str(error)
        expect(TimeoutError, future.exception, timeout=0.05)
        assert time.monotonic() - begin >= 0.1
        expect(TimeoutError, future.result, 0)
        expect(TimeoutError, future.result, -1)
        expect(TypeError, future.result, 'soon')
    assert future.result(None) == 1          # a limit that has passed does not spoil the Future
    assert service.later(0.1, 1).result(float('nan')) == 1  # no time is past it


def check_exception(service):
    future = service.wrong()
    error = future.exception(60)
    assert isinstance(error, AsyncExecutionError) and isinstance(error, ValueError), error
    assert expect(AsyncExecutionError, future.result) is error
    assert expect(ValueError, lambda: future.Ret) is error
    assert future.done() and not future.cancelled()


def check_limits_of_futures(service):
    future = service.later(0.0, 1)
    for attribute in ('nonsense', '_private', '__len__', 'value'):
        expect(AttributeError, getattr, future, attribute)
    for take in (pickle.dumps, copy.copy, copy.deepcopy):
        expect(TypeError, take, future)
    assert future.Ret == 1 and len({future, future}) == 1


def main():
    with create_Corps(Service, ConfigDicts=[{'NumEnvs': 2}]) as service:
        check_value(service)
        check_timeout(service)
        check_exception(service)
        check_limits_of_futures(service)
    print('OK')


if __name__ == '__main__':
    main()
