"""Corps that are ended by exit() alone, without a with block, are given back too; Futures and Names do not pile up."""

import gc
import os

from corps import Corps, create_Corps
from helpers import session_of, wait_until
from test_load_cycles import memory, numbers


class Service(Corps):
    def back(self, thing):
        return thing


def main():
    def cycle(count):
        for _ in range(count):
            service = create_Corps(Service, ConfigDicts=[{'NumEnvs': 2}])
            assert service.back(1).Ret == 1
            service.exit().Ret
    cycle(10)
    assert wait_until(lambda: len(session_of(os.getsid(0))) <= 2)
    first = numbers()
    cycle(50)
    assert wait_until(lambda: len(session_of(os.getsid(0))) <= 2)
    cycle(1)
    assert wait_until(lambda: all(now <= then + 6 for now, then in zip(numbers(), first))), (first, numbers())
    with create_Corps(Service, ConfigDicts=[{'NumEnvs': 2}]) as service:
        def call(count):
            for number in range(count):
                future = service.back('x' * 1000)
                if number % 3:
                    future.Ret
                if number % 5 == 0:
                    future.add_done_callback(lambda ready: None)
        call(5000)
        service.back(0).Ret
        gc.collect()
        before = memory()
        call(30000)
        service.back(0).Ret
        gc.collect()
        growth = (memory() - before) / 2**20
        print('note: {:.1f} MiB more after 30000 calls'.format(growth))
        assert growth < 10, growth
    print('OK')


if __name__ == '__main__':
    main()
