# expect-stdout: OK
"""Shared memory that Envs find by its name stays when they end, and what they have made too: multiprocessing's tracker is the program's, one
for all. One of an Env's own would remove it."""

from multiprocessing import shared_memory

from corps import Conc, Corps, create_Concs, create_Corps


class Looker(Conc):
    def look(self, name):
        memory = shared_memory.SharedMemory(name=name)
        content = bytes(memory.buf[:3])
        memory.close()
        return content

    def make(self):
        memory = shared_memory.SharedMemory(create=True, size=100)
        memory.buf[:3] = b'xyz'
        memory.close()
        return memory.name


class Service(Corps):
    def __init__(self):
        super().__init__()
        self.workers = create_Concs(Looker, Num=2)

    def look(self, name):
        return [worker.look(name).Ret for worker in self.workers]

    def make(self):
        return self.workers[1].make().Ret

    def below(self, name):
        with create_Corps(Service, NumEnvs=1) as below:
            return below.look(name).Ret


def main():
    memory = shared_memory.SharedMemory(create=True, size=100)
    memory.buf[:3] = b'abc'
    for _ in range(2):
        with create_Corps(Service, NumEnvs=2) as service:
            assert service.look(memory.name).Ret == [b'abc'] * 2
            assert service.below(memory.name).Ret == [b'abc'] * 2
            made = service.make().Ret
        other = shared_memory.SharedMemory(name=made)  # its Env has ended
        assert bytes(other.buf[:3]) == b'xyz'
        other.close()
        other.unlink()
    again = shared_memory.SharedMemory(name=memory.name)
    again.close()
    memory.close()
    memory.unlink()
    print('OK')


if __name__ == '__main__':
    main()
