"""Arguments and results of 20 MiB over every transport, several at once; memory is given back."""

from corps import Conc, Corps, LocType, create_Concs, create_Corps
from helpers import in_turn
from test_load_cycles import memory

SIZE = 20 * 2 ** 20


class Worker(Conc):
    def size(self, thing):
        return len(thing)

    def make(self, size):
        return bytes(size)

    def back(self, thing):
        return thing


class Service(Corps):
    def __init__(self):
        super().__init__()
        self.workers = create_Concs(Worker, LocType=LocType.PerEnv)

    def names(self):
        return self.workers

    def inside(self):
        return [len(worker.back(bytes(SIZE)).Ret) for worker in self.workers]


def main():
    big = bytes(range(256)) * (SIZE // 256)
    for transport in in_turn(('shm', 'unix', 'tcp', 'pipe', 'mqueue')):
        with create_Corps(Service, Transport=transport, ConfigDicts=[{'NumEnvs': 2}]) as service:
            for worker in service.names().Ret:
                assert worker.size(big).Ret == SIZE, transport
                got = worker.back(big).Ret
                assert type(got) is bytes and got == big, (transport, type(got))
                got = worker.back(bytearray(big)).Ret
                assert type(got) is bytearray and got == big, (transport, type(got))
                got[:1] = b'x'                              # ours to change
                assert len(worker.make(SIZE).Ret) == SIZE
                del got
            assert service.inside().Ret == [SIZE, SIZE]
    with create_Corps(Service, ConfigDicts=[{'NumEnvs': 2}]) as service:
        worker = service.names().Ret[1]
        before = memory()
        for _ in range(3):
            futures = [worker.back(big) for _ in range(2)]
            assert all(future.Ret == big for future in futures)
            del futures
        print('note: {:.1f} MiB more after 6 calls with 20 MiB'.format((memory() - before) / 2**20))
        text = 'ä' * 5000000
        assert worker.back([text, {'k': text}]).Ret == [text, {'k': text}]
    print('OK')


if __name__ == '__main__':
    main()
