"""Eight threads of a script call at the same time, create Corps of their own, and wait for each other's Futures."""

import threading

from corps import Conc, Corps, create_Concs, create_Corps, wait_all, wait_next


class Worker(Conc):
    def add(self, a, b):
        return a + b


class Service(Corps):
    def __init__(self):
        super().__init__()
        self.workers = create_Concs(Worker, Num=4)

    def names(self):
        return self.workers

    def back(self, thing):
        return thing


def in_threads(function, count=8):
    """Run function(0), function(1) ... at the same time; raise what one of them raised."""
    errors, gate = [], threading.Barrier(count)

    def run(number):
        gate.wait()
        try:
            function(number)
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=run, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert not any(thread.is_alive() for thread in threads), 'a thread hangs'
    if errors:
        raise errors[0]


def main():
    with create_Corps(Service, ConfigDicts=[{'NumEnvs': 2}]) as service:
        workers = service.names().Ret

        def calls(number):
            for i in range(200):
                assert workers[(number + i) % 4].add(number, i).Ret == number + i
            futures = [workers[i % 4].add(i, number) for i in range(200)]
            if number % 2:
                assert wait_all(futures)
            else:
                assert len(list(wait_next(futures))) == 200
            assert [future.Ret for future in futures] == [i + number for i in range(200)]
            assert service.back(('x' * 100000, number)).Ret == ('x' * 100000, number)

        in_threads(calls)
        pool = [workers[i % 4].add(i, i) for i in range(300)]
        in_threads(lambda number: [future.Ret for future in pool])
        assert [future.Ret for future in pool] == [2 * i for i in range(300)]

    def own_corps(number):
        for _ in range(2):
            with create_Corps(Service, ConfigDicts=[{'NumEnvs': 1}]) as own:
                assert own.back(number).Ret == number

    in_threads(own_corps, 4)
    print('OK')


if __name__ == '__main__':
    main()
