"""Programs for type checkers: a module of Workers, one that uses it well, and one whose every marked line is wrong."""

import os
import re
import subprocess
import sys
import tempfile
import textwrap

SOURCES = {
    'points.py': '''
        from typing import NamedTuple

        class Point(NamedTuple):
            x: int
            y: int
        ''',
    'service.py': '''
        from __future__ import annotations

        import functools
        from typing import TYPE_CHECKING, Any, Callable, Dict, List, Optional, Union, overload

        from corps import Conc, Corps, create_Concs

        import points as pts

        if TYPE_CHECKING:
            from service_names import AdderName, BetterName, CartName, ServiceName


        def strange(function: Any) -> Any:
            def call(self: Any, *args: Any) -> Any:
                return function(self, *args)
            return call


        def wrapped(function: Callable[[Any, int], int]) -> Callable[[Any, int], int]:
            @functools.wraps(function)
            def call(self: Any, number: int) -> int:
                return function(self, number)
            return call


        class Helper:
            def helped(self, a: int, /, b: str = 'x', *rest: float, key: Optional[bytes] = None, **more: int) -> Dict[str, int]:
                return {'a': a}


        class Adder(Conc['AdderName']):
            limit: int = 3
            word = 'w'

            class Kind:
                number = 1

            def __init__(self) -> None:
                super().__init__()
                self.value: int = 5

            def add(self, a: int, b: int = 1) -> int:
                return a + b

            @staticmethod
            def scale(number: float) -> float:
                return number

            @classmethod
            def of(cls, n: int) -> str:
                return str(n)

            @property
            def prop(self) -> int:
                return self.value

            async def later(self, p: pts.Point) -> List[pts.Point]:
                return [p]

            def kind(self, what: "Kind | None" = None) -> 'Kind':
                return self.Kind()

            @overload
            def both(self, a: int) -> int: ...
            @overload
            def both(self, a: str) -> str: ...
            def both(self, a: Union[int, str]) -> Union[int, str]:
                return a

            @wrapped
            def kept(self, number: int) -> int:
                return number

            @strange
            def lost(self, number: int) -> int:
                return number


        class Better(Adder):
            if TYPE_CHECKING:
                def my_Name(self) -> BetterName: ...

            def more(self) -> None:
                pass


        class Cart(Conc['CartName']):
            Sticky = 'user'

            def put(self, user: str, count: int = 1) -> int:
                return count


        class Service(Helper, Corps['ServiceName']):
            def total(self, n: int) -> int:
                return n

            def adders(self) -> List[AdderName]:
                return [*create_Concs(Adder), *create_Concs(Better)]
        ''',
    'good.py': '''
        import asyncio
        import concurrent.futures
        from typing import Dict, List, Optional

        import corps
        import points
        from corps import Corps, Name, as_completed, create_Corps, create_Pool, pool_members, wait_all
        from service import Cart, Service


        def many() -> List[int]:
            carts = create_Pool(Cart, Min=2, Sticky='user')
            counts: List[int] = [carts.put('a', Key='b').Ret, carts.put('a', 3).Ret, *corps.map(carts, Cart.put, ['a'])]
            members: List[Name] = pool_members(carts)
            slots: Dict[str, int] = {host.name: host.slots for host in corps.hosts() if host.number in host.envs and not host.drained}
            there: Optional[Name] = corps.singleton('carts', Timeout=1)
            counts += [] if there is None else [there.count().Ret]
            counts += slots.values()
            counts += corps.map(members, len, ['abc'], Ordered=False)
            counts.append(corps.reduce(members, max, [1, 2], 0))
            with corps.Executor(2) as executor, corps.ProcessPool(2) as pool:
                counts += [executor.submit(len, 'abc').result(), *executor.map(len, ['abc'], chunksize=2)]
                counts += pool.map(len, ['abc']) + pool.map_async(len, ['abc']).get(60) + [pool.imap(len, ['abc']).next(60)]
            return counts


        class Plain(Corps):
            def go(self) -> int:
                return 1


        async def main() -> None:
            with create_Corps(Service, NumEnvs=2) as service:
                numbers: List[int] = [service.total(3).Ret, service.total(n=3).result(60), await service.total(3)]
                future: concurrent.futures.Future[int] = service.total(2)
                adder = service.adders().Ret[0]
                text: str = adder.both('x').Ret + adder.of(1).Ret + adder.word
                got: List[points.Point] = adder.later(points.Point(1, 2)).Ret
                adder.value = 4
                value: int = adder.value.Ret + adder.limit + adder.kept(1).Ret + adder.kind().Ret.number
                futures = [adder.add(1), adder.add(1, b=2)]
                wait_all(iter(futures))
                total: int = sum(ready.Ret for ready in as_completed(futures))
                total += service.helped(1, 'b', 2.0, key=b'', other=4).Ret['a']
                task = asyncio.create_task(service.total(1).as_coroutine())
                numbers.append(await task)
                adder.add(1, NoReply=True)
                numbers.append(adder.add(1, b=2, Retry=True).Ret)
                name: str = service.my_Tag().Ret
                print(numbers, future.result(), text, got, value, total, name, adder.lost(4).Ret)
            with create_Corps(Plain, NumEnvs=1) as other:
                plain: Name = other
                plain.anything = plain.go().Ret
                print(plain.anything.Ret)


        if __name__ == '__main__':
            asyncio.run(main())
        ''',
    'bad.py': '''
        from typing import List

        import corps
        from corps import Conc, create_Concs, create_Corps, create_Pool
        from service import Better, Cart, Service

        service = create_Corps(Service)
        service.totl(3)  # wrong
        service.total('x')  # wrong
        service.total()  # wrong
        service.total(1, 2)  # wrong
        text: str = service.total(3).Ret  # wrong
        other: str = service.total(3).result()  # wrong
        adder = service.adders().Ret[0]
        adder.value = 'x'  # wrong
        adder.more()  # wrong
        adder.both(2.5)  # wrong
        adder.add(1, Retry='x')  # wrong
        create_Concs(Better)[0].more()
        create_Concs(Better)[0].less()  # wrong
        create_Corps(Conc)  # wrong


        async def wait() -> str:
            return await service.total(3)  # wrong


        carts = create_Pool(Cart)
        carts.put(3)  # wrong
        carts.put('a', Kye='b')  # wrong
        counts: List[str] = list(corps.map(carts, Cart.put, ['a']))  # wrong
        corps.map(carts, Cart.put, ['a'], Chunk='x')  # wrong
        corps.Executor(2).submit()  # wrong
        corps.singleton(3)  # wrong
        corps.singleton('carts').exit()  # wrong
        ''',
}
OUTPUT = "[3, 3, 3, 1, 3] 2 x1w [Point(x=1, y=2)] 9 6 No Name 4\n1\n"


def folder_of_sources():
    """A temporary folder with them and with the typed Names of service."""
    made = tempfile.TemporaryDirectory()
    for name, text in SOURCES.items():
        with open(os.path.join(made.name, name), 'w') as file:
            file.write(textwrap.dedent(text).lstrip('\n'))
    subprocess.run([sys.executable, '-m', 'corps.stubs', 'service'], cwd=made.name, check=True, stdout=subprocess.DEVNULL)
    return made


def marked_lines():
    lines = textwrap.dedent(SOURCES['bad.py']).lstrip('\n').splitlines()
    return {number for number, line in enumerate(lines, 1) if line.endswith('# wrong')}


def package_folder():
    import corps
    return os.path.dirname(os.path.dirname(os.path.abspath(corps.__file__)))


def check(command):
    """Runs a type checker (command(files) → arguments) over what is right and over what is wrong."""
    with folder_of_sources() as folder:
        def run(*files):
            return subprocess.run(command(folder, files), cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                  universal_newlines=True, timeout=500,
                                  env=dict(os.environ, MYPYPATH=os.pathsep.join((folder, package_folder()))))
        right = run('good.py', 'service.py', 'service_names.pyi', 'points.py')
        assert right.returncode == 0, right.stdout
        wrong = run('bad.py')
        found = {int(number) for number in re.findall(r'bad\.py:(\d+):.*error', wrong.stdout)}
        assert found == marked_lines(), '{} and not {}:\n{}'.format(sorted(found), sorted(marked_lines()), wrong.stdout)
        own = run(os.path.join(package_folder(), 'corps', '__init__.pyi'))
        assert own.returncode == 0, own.stdout
