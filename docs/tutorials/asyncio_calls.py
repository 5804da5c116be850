"""Corps and asyncio: Futures are awaited, and methods may be coroutines.

Run with:  python asyncio_calls.py
"""

import asyncio

from corps import Corps, create_Corps


class Station(Corps):
    """Two ordinary methods and two coroutines."""

    def __init__(self):
        super().__init__()
        self.waiting = 0
        self.most = 0

    def double(self, number):
        return 2 * number

    def peak(self):
        """How many coroutines were under way at the same time, at most?"""
        return self.most

    async def fetch(self, seconds, what):
        """Stands for a request over a network."""
        self.waiting += 1
        self.most = max(self.most, self.waiting)
        await asyncio.sleep(seconds)
        self.waiting -= 1
        return what

    async def refuse(self):
        await asyncio.sleep(0.01)
        raise ValueError('not today')


async def main():
    station = create_Corps(Station, ConfigDicts=[{'NumEnvs': 1}])

    print(await station.double(21))     # waits, and lets other tasks of this loop run

    # Several at once. gather keeps the order.
    print(await asyncio.gather(*[station.double(number) for number in range(5)]))

    # Ten coroutines of one Worker. They wait together, not one after the other.
    fetched = await asyncio.gather(*[station.fetch(0.2, letter) for letter in 'abcdefghij'])
    print(''.join(fetched), 'at the same time:', await station.peak())

    # Timeouts of asyncio work as always.
    try:
        await asyncio.wait_for(station.fetch(60, 'late'), timeout=0.1)
    except asyncio.TimeoutError:
        print('too late')

    # So do exceptions.
    try:
        await station.refuse()
    except ValueError as error:
        print('refused:', error.Value)

    await station.exit()


if __name__ == '__main__':
    asyncio.run(main())
