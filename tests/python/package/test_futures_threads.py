"""One Future read by many threads at once: each gets the same object, or the same exception."""

import threading
import time

from corps import Corps, create_Corps


class Service(Corps):
    def later(self, seconds, value):
        time.sleep(seconds)
        return [value] * 1000

    def wrong(self, seconds):
        time.sleep(seconds)
        raise LookupError('no')


def read_by_many(future, count=16):
    """Return what that many threads got."""
    got = []
    gate = threading.Barrier(count)

    def read(number):
        gate.wait()
        try:
            got.append(future.Ret if number % 2 else future.result(60))
        except LookupError as error:
            got.append(error)

    threads = [threading.Thread(target=read, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert len(got) == count, got
    return got


def main():
    with create_Corps(Service, ConfigDicts=[{'NumEnvs': 1}]) as service:
        for seconds in (0.2, 0, 0, 0, 0):
            got = read_by_many(service.later(seconds, 7))
            assert got[0] == [7] * 1000 and all(item is got[0] for item in got)
            got = read_by_many(service.wrong(seconds))
            assert isinstance(got[0], LookupError) and all(item is got[0] for item in got), got
    print('OK')


if __name__ == '__main__':
    main()
