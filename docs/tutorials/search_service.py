"""A search service: Searchers in every Env, and a compiled regular expression as an argument.

Run with:  python search_service.py [FOLDER [PATTERN]]
"""

import os
import re
import sys

from corps import Conc, Corps, LocType, create_Concs, create_Corps, wait_all, wait_next


class Searcher(Conc):
    """Searches files. There are several in every Env."""

    def search(self, expression, paths):
        """Returns [(path, number of the line, line), …]."""
        found = []
        for path in paths:
            with open(path, encoding='utf-8', errors='replace') as file:
                for number, line in enumerate(file, 1):
                    if expression.search(line):
                        found.append((path, number, line.strip()))
        return found


class SearchService(Corps):
    """The front of the service. Programs call this one."""

    def __init__(self, searchers_per_env):
        super().__init__()
        self.searchers = create_Concs(Searcher, LocType=LocType.PerEnv, Num=searchers_per_env)

    def search(self, folder, expression):
        """Searches all Python files of a folder. Returns what was found, in order."""
        parts = self._parts(folder)
        answers = [searcher.search(expression, part) for searcher, part in zip(self.searchers, parts)]
        wait_all(answers)
        return sorted(hit for answer in answers for hit in answer.Ret)

    def count(self, folder, expression):
        """The same, but adds up numbers as the answers come in."""
        parts = self._parts(folder)
        answers = [searcher.search(expression, part) for searcher, part in zip(self.searchers, parts)]
        total = 0
        for index in wait_next(answers):    # indices, in the order in which the answers get ready
            total += len(answers[index].Ret)
        return total

    def _parts(self, folder):
        """The files of the folder, in as many parts as there are Searchers."""
        paths = sorted(os.path.join(folder, name) for name in os.listdir(folder) if name.endswith('.py'))
        return [paths[first::len(self.searchers)] for first in range(len(self.searchers))]


def main():
    folder = sys.argv[1] if len(sys.argv) > 1 else os.path.dirname(os.path.abspath(__file__))
    expression = re.compile(sys.argv[2] if len(sys.argv) > 2 else r'\bself\.searchers\b')
    with create_Corps(SearchService, 2, Tag='search', ConfigDicts=[{'NumEnvs': 3}]) as service:
        hits = service.search(folder, expression)
        total = service.count(folder, expression)
        for path, number, line in hits.Ret:
            print(f'{os.path.basename(path)}:{number}: {line}')
        print('total:', total.Ret)


if __name__ == '__main__':
    main()
