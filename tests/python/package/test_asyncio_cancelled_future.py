"""A cancelled Future ends a task that awaits it; one Future awaited in loops of several threads."""

import asyncio
import concurrent.futures
import threading
import time

from corps import Corps, create_Corps


class Service(Corps):
    def later(self, seconds, value=None):
        time.sleep(seconds)
        return value


async def value_of(future):
    return await future


async def check_cancel(service):
    future = service.later(0.5)
    task = asyncio.ensure_future(value_of(future))
    await asyncio.sleep(0.05)
    begin = time.monotonic()
    future.cancel()
    try:
        await task
    except (asyncio.CancelledError, concurrent.futures.CancelledError):
        assert time.monotonic() - begin < 0.3
    else:
        raise AssertionError('not cancelled')


def main():
    with create_Corps(Service, ConfigDicts=[{'NumEnvs': 1}]) as service:
        asyncio.run(check_cancel(service))
        future = service.later(0.2, 'v')
        got = []
        threads = [threading.Thread(target=lambda: got.append(asyncio.run(value_of(future)))) for _ in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(10)
        assert got == ['v'] * 6, got
    print('OK')


if __name__ == '__main__':
    main()
