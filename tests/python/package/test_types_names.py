"""python -m corps.stubs: what it writes, that it notices changes, and that programs run with it; a class's own text."""

import os
import subprocess
import sys

import typed
from corps import Conc, Corps


def stubs(folder, *arguments):
    return subprocess.run([sys.executable, '-m', 'corps.stubs', *arguments], cwd=folder, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, universal_newlines=True)


def check_text(folder):
    with open(os.path.join(folder, 'service_names.pyi')) as file:
        lines = file.read().splitlines()
    for line in ('import points as pts', 'class AdderName(TypedName):', '    limit: int', '    word: str', '    prop: Any',
                 '    value: Attribute[int]', 'class BetterName(AdderName):',
                 '    def add(self, a: int, b: int=..., *, NoReply: bool=..., Retry: bool=...) -> Future[int]: ...',
                 '    def scale(self, number: float, *, NoReply: bool=..., Retry: bool=...) -> Future[float]: ...',
                 '    def of(self, n: int, *, NoReply: bool=..., Retry: bool=...) -> Future[str]: ...',
                 '    def later(self, p: pts.Point, *, NoReply: bool=..., Retry: bool=...) -> Future[List[pts.Point]]: ...',
                 '    def kind(self, what: Adder.Kind | None=..., *, NoReply: bool=..., Retry: bool=...) -> Future[Adder.Kind]: ...',
                 '    def kept(self, number: int, *, NoReply: bool=..., Retry: bool=...) -> Future[int]: ...',
                 '    def lost(self, *args: Any, **kwargs: Any) -> Future[Any]: ...',
                 '    def both(self, a: str, *, NoReply: bool=..., Retry: bool=...) -> Future[str]: ...',
                 '    def put(self, user: str, count: int=..., *, NoReply: bool=..., Retry: bool=..., Key: Any=...) -> Future[int]: ...',
                 '    def adders(self, *, NoReply: bool=..., Retry: bool=...) -> Future[List[AdderName]]: ...'):
        assert line in lines, line


def check_changes(folder):
    assert stubs(folder, '--check', 'service').returncode == 0
    path = os.path.join(folder, 'service.py')
    with open(path) as file:
        text = file.read()
    with open(path, 'w') as file:
        file.write(text.replace('def total(self, n: int)', 'def total(self, n: int, m: int = 2)'))
    run = stubs(folder, '--check', 'service')
    assert run.returncode == 1 and 'service_names.pyi' in run.stdout, run
    assert stubs(folder, 'service').returncode == 0 and stubs(folder, '--check', 'service').returncode == 0
    for module, said in (('points', 'no class of Workers'), ('nothing_there', 'cannot import')):
        run = stubs(folder, module)
        assert run.returncode == 1 and said in run.stderr and 'Traceback' not in run.stderr, run


def main():
    assert Conc['AnyName'] is Conc and Corps[int] is Corps
    if sys.version_info < (3, 9):
        run = stubs('.', 'service')
        assert run.returncode == 1 and '3.9' in run.stderr, run
        print('OK')
        return
    with typed.folder_of_sources() as folder:
        check_text(folder)
        run = subprocess.run([sys.executable, 'good.py'], cwd=folder, stdout=subprocess.PIPE, universal_newlines=True)
        assert run.stdout == typed.OUTPUT, run.stdout
        check_changes(folder)
    print('OK')


if __name__ == '__main__':
    main()
