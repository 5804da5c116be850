"""The remote traceback: causes, contexts, groups, long and odd texts, deep recursion."""

import sys

from corps import AsyncExecutionError, Conc, Corps, create_Concs, create_Corps
from helpers import expect


class Worker(Conc):
    def cause(self):
        try:
            {}['missing']
        except KeyError as error:
            raise RuntimeError('outer') from error

    def context(self):
        try:
            int('x')
        except ValueError:
            raise RuntimeError('second')

    def group(self):
        raise ExceptionGroup('several', [ValueError('one'), TypeError('two')])

    def long(self):
        raise ValueError('x' * 1000000)

    def odd(self):
        raise ValueError('zero \0 surrogate \udcff umlaut ä')

    def recursion(self):
        return self.recursion()


class Service(Corps):
    def names(self):
        return create_Concs(Worker, Num=2)


def trace_of(future):
    return expect(AsyncExecutionError, lambda: future.result(60)).TracebackStrings


def main():
    with create_Corps(Service, ConfigDicts=[{'NumEnvs': 2}]) as service:
        worker = service.names().Ret[1]
        text = trace_of(worker.cause())
        assert "KeyError: 'missing'" in text and 'direct cause' in text and 'RuntimeError: outer' in text
        text = trace_of(worker.context())
        assert 'invalid literal' in text and 'During handling' in text and 'second' in text
        assert '/corps/_' not in text, text             # begins with the Worker's own code
        if sys.version_info >= (3, 11):
            error = expect(AsyncExecutionError, lambda: worker.group().Ret)
            assert 'ValueError: one' in error.TracebackStrings and 'TypeError: two' in error.TracebackStrings
            assert error.TypeName == 'ExceptionGroup' and len(error.Value.exceptions) == 2
        error = expect(ValueError, lambda: worker.long().Ret)
        assert len(error.Value.args[0]) == 1000000 and len(str(error)) < 10000
        error = expect(ValueError, lambda: worker.odd().Ret)
        assert 'umlaut ä' in error.Value.args[0]
        assert 'recursion' in trace_of(worker.recursion())
        assert expect(RecursionError, lambda: worker.recursion().Ret)
    print('OK')


if __name__ == '__main__':
    main()
