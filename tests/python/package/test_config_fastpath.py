"""FastPath: inside an Env the objects themselves are passed, or with 'copy' copies; between Envs always copies."""

import asyncio

from corps import Conc, Corps, LocType, create_Concs, create_Corps


class Worker(Conc):
    def __init__(self):
        super().__init__()
        self.kept = [0]

    def change(self, things, key=None):
        things.append(5)
        return things

    def own(self):
        return self.kept

    async def own_later(self):
        await asyncio.sleep(0)
        return self.kept


class Service(Corps):
    def run(self, env):
        worker, = create_Concs(Worker, LocType=LocType.EnvId, LocVal=env)
        things = [1]
        got = worker.change(things).Ret
        worker.change([], key=things).Ret
        nested = {'a': [2]}
        worker.change(nested['a']).Ret
        worker.own().Ret.append(1)
        worker.own_later().Ret.append(2)
        return things, got, got is things, nested, worker.own().Ret

    def identity(self):
        worker, = create_Concs(Worker, LocType=LocType.EnvId, LocVal=0)
        fixed = (1, 'a', (None, 2.5))
        worker.kept = fixed
        return worker.own().Ret == fixed


COPIED = ([1], [1, 5], False, {'a': [2]}, [0])
PASSED = ([1, 5], [1, 5], True, {'a': [2, 5]}, [0, 1, 2])


def main():
    for choice, expected in (('reference', PASSED), ('copy', COPIED), (None, PASSED)):
        with create_Corps(Service, ConfigDicts=[{'NumEnvs': 2, 'FastPath': choice}]) as service:
            got = service.run(0).Ret
            assert got == expected, (choice, got)
            assert service.run(1).Ret == COPIED
            assert service.identity().Ret
    print('OK')


if __name__ == '__main__':
    main()
