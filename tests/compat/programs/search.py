"""Search service: Searchers in every Env look for a compiled expression in the standard library."""

import os
import re

from Workers import create_Corps
from search_service.SearchCorps import SearchCorps

MaxFiles = 150


def library_files():
    Folder = os.path.dirname(os.__file__)
    Paths = sorted(os.path.join(Folder, Name) for Name in os.listdir(Folder) if Name.endswith('.py'))
    return Paths[:MaxFiles]


def serial_search(Pattern, Paths):
    Counts = {}
    for Path in Paths:
        with open(Path, encoding='utf-8', errors='replace') as File:
            Count = sum(len(Pattern.findall(Line)) for Line in File)
        if Count:
            Counts[Path] = Count
    return Counts


if __name__ == '__main__':

    Paths = library_files()
    Pattern = re.compile(r'\bself\.\w+\s*=')
    Expected = serial_search(Pattern, Paths)

    Search = create_Corps(SearchCorps, 2, Tag='Search', ConfigFiles=['settings/SearchConfig.py'])
    assert Search.num_Searchers().Ret == 6

    Found = Search.search(Pattern, Paths).Ret
    print(f'{sum(Found.values())} hits in {len(Found)} of {len(Paths)} files')
    assert Found == Expected
    assert sum(Found.values()) > 0

    # A second search with another expression and with keyword arguments
    Pattern = re.compile('IMPORT', re.IGNORECASE)
    assert Search.search(Paths=Paths[:40], Pattern=Pattern).Ret == serial_search(Pattern, Paths[:40])

    Search.exit()
    print('OK')
