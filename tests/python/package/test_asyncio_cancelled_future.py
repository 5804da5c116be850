"""A cancelled Future ends a task that awaits it; one Future awaited in loops of several threads."""

import asyncio
import concurrent.futures
import threading
import time

from corps import Corps, create_Corps
from gate import gates


class Service(Corps):
    def held(self, gate, value=None):
        gate.wait()
        return value


async def value_of(future):
    return await future


async def check_cancel(service, gate):
    future = service.held(gate)
    task = asyncio.ensure_future(value_of(future))
    await asyncio.sleep(0.05)
    future.cancel()
    try:
        await task
    except (asyncio.CancelledError, concurrent.futures.CancelledError):
        assert not gate.is_open()
    else:
        raise AssertionError('not cancelled')


def main():
    with create_Corps(Service, ConfigDicts=[{'NumEnvs': 1}]) as service:
        with gates() as (gate,):
            asyncio.run(check_cancel(service, gate))
        got = []
        with gates() as (gate,):
            future = service.held(gate, 'v')
            threads = [threading.Thread(target=lambda: got.append(asyncio.run(value_of(future)))) for _ in range(6)]
            for thread in threads:
                thread.start()
            time.sleep(0.1)         # most of them wait by now
        for thread in threads:
            thread.join(60)
        assert got == ['v'] * 6, got
    print('OK')


if __name__ == '__main__':
    main()
