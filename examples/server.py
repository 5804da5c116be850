"""An asyncio server whose requests are computed by Workers: the event loop never waits for a computation.

It serves lines over TCP on a port that the system chooses, asks itself five things at once as clients would, and ends.

Build:  nothing
Run:    python3 server.py
Prints:
    10007 is prime
    10011 = 3 * 47 * 71
    10013 = 17 * 19 * 31
    10037 is prime
    soon is not a number
"""

import asyncio

from corps import Conc, Corps, LocType, create_Concs, create_Corps


class Factorizer(Conc):
    def factors(self, number):
        found = []
        divisor = 2
        while number > 1:
            while number % divisor == 0:
                found.append(divisor)
                number //= divisor
            divisor += 1
        return found


class Pool(Corps):
    def __init__(self):
        super().__init__()
        self.workers = create_Concs(Factorizer, LocType=LocType.PerEnv)

    def names(self):
        return self.workers


def handler(workers):
    turn = 0

    async def serve(reader, writer):
        nonlocal turn
        async for line in reader:
            word = line.decode().strip()
            if word.isdigit():
                turn += 1
                found = await workers[turn % len(workers)].factors(int(word))   # other clients go on meanwhile
                answer = f'{word} is prime' if len(found) == 1 else f'{word} = {" * ".join(map(str, found))}'
            else:
                answer = f'{word} is not a number'
            writer.write((answer + '\n').encode())
            await writer.drain()
        writer.close()
    return serve


async def ask(port, word):
    reader, writer = await asyncio.open_connection('127.0.0.1', port)
    writer.write((word + '\n').encode())
    answer = (await reader.readline()).decode().strip()
    writer.close()
    return answer


async def main():
    with create_Corps(Pool, NumEnvs=2) as pool:
        workers = await pool.names()                            # a Worker's Name can be called from anywhere
        server = await asyncio.start_server(handler(workers), '127.0.0.1', 0)
        port = server.sockets[0].getsockname()[1]
        for answer in await asyncio.gather(*[ask(port, word) for word in ('10007', '10011', '10013', '10037', 'soon')]):
            print(answer)
        server.close()


if __name__ == '__main__':
    asyncio.run(main())
