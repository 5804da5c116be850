"""A remote exception that passes through several Workers: it can be caught by its original type at every stage, and
its text does not grow without bounds."""

from corps import AsyncExecutionError, Conc, Corps, create_Concs, create_Corps
from helpers import expect


class Worker(Conc):
    def down(self, others):
        if not others:
            raise ValueError('bottom')
        return others[0].down(others[1:]).Ret

    def caught(self, others):
        try:
            return self.down(others)
        except ValueError:
            return 'ValueError'
        except AsyncExecutionError as error:
            return error.TypeName


class Service(Corps):
    def names(self, count):
        return create_Concs(Worker, Num=count)


def main():
    with create_Corps(Service, ConfigDicts=[{'NumEnvs': 2}]) as service:
        workers = service.names(12).Ret
        for count in (1, 2, 3, 12):
            error = expect(AsyncExecutionError, lambda: workers[0].down(workers[1:count]).Ret)
            assert 'bottom' in str(error), count
            assert len(error.TracebackStrings) < 20000 and len(str(error)) < 20000, (count, len(error.TracebackStrings))
        assert workers[0].caught(workers[1:2]).Ret == 'ValueError'
        assert workers[0].caught(workers[1:3]).Ret == 'ValueError'
        expect(ValueError, lambda: workers[0].down(workers[1:3]).Ret)
    print('OK')


if __name__ == '__main__':
    main()
