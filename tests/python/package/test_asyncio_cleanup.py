"""`async def cleanup` is awaited: by exit, by exit in a coroutine, at the end of the Corps. What could never be awaited is refused."""

import asyncio
import os
import sys
import tempfile

from corps import AsyncExecutionError, Conc, Corps, WorkerLost, create_Concs, create_Corps
from helpers import expect


class Worker(Conc):
    def __init__(self, path, name):
        super().__init__()
        self.path, self.name = path, name
        self.lock = None

    def note(self, text):
        with open(self.path, 'a') as file:
            file.write('{} {}\n'.format(self.name, text))

    async def cleanup(self):
        await asyncio.sleep(0.05)
        self.note('clean')

    async def leave(self):
        await asyncio.sleep(0)
        return await self.exit()

    def leave_waiting(self):
        return self.exit()


class Wrong(Worker):
    async def cleanup(self):
        await super().cleanup()
        raise KeyError(self.name)


class Own(Worker):
    async def exit(self):
        await asyncio.sleep(0)
        self.note('own exit')
        return await super().exit()


class Generator(Conc):
    def cleanup(self):
        yield 'never run'


class AsyncGenerator(Conc):
    async def cleanup(self):
        yield 'never run'


class AsyncInit(Conc):
    async def __init__(self):
        super().__init__()


class Service(Worker, Corps):
    def create(self, name, wrong=False):
        return create_Concs(Wrong if wrong else Own if name == 'own' else Worker, self.path, name)[0]

    def refused(self, cls):
        try:
            return create_Concs(cls)
        except AsyncExecutionError as error:
            return str(error.Value)


def check_texts(service):
    for cls in Generator, AsyncGenerator:
        text = service.refused(cls).Ret
        assert cls.__name__ + '.cleanup has a yield' in text, text
    text = service.refused(AsyncInit).Ret
    assert "AsyncInit.__init__ should return None, not 'coroutine'" in text, text


def main():
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, 'notes')
        with create_Corps(Service, path, 'corps', ConfigDicts=[{'NumEnvs': 2}]) as service:
            check_texts(service)
            for name, end in ('exit', 'exit'), ('exit in a coroutine', 'leave'), ('exit in a method', 'leave_waiting'), ('own', 'exit'):
                worker = service.create(name).Ret
                assert getattr(worker, end)().Ret is True
                assert worker.name.exception(60).__class__ is WorkerLost
            wrong = service.create('wrong', True).Ret
            expect(KeyError, lambda: wrong.exit().Ret)
            assert wrong.name.Ret == 'wrong'                # as with a cleanup that is no coroutine
            service.create('end of the Corps').Ret
        with open(path) as file:
            lines = file.read().splitlines()
    assert sorted(lines[-2:]) == ['end of the Corps clean', 'wrong clean'], lines
    assert lines[:-2] == ['exit clean', 'exit in a coroutine clean', 'exit in a method clean', 'own own exit', 'own clean', 'wrong clean',
                          'corps clean'], lines
    print('OK')


if __name__ == '__main__':
    sys.exit(main())
