#!/usr/bin/env python3
"""Print the cases of test programs, for meson: a program's own table is the only list of them.   cases.py SOURCE …

One line a case, "PROGRAM CASE": the stem of the source, and the name without its test_. A source without any is an error.
"""

import os
import re
import sys

# The rows of a table of cmocka's, also by a macro of the program's own that puts test_ before a name.
ROW = re.compile(r'(?:\bcmocka_unit_test\w*\(|\bTEST\()\s*(?:test_)?(\w+)')
TABLE = re.compile(r'struct CMUnitTest tests\[\] = \{(.*?)\};', re.S)


def cases_of(path):
    """The names of the cases in a program's table, in its order."""
    with open(path, encoding='utf-8') as file:
        table = TABLE.search(file.read())
    return ROW.findall(table[1]) if table else []


def main():
    for path in sys.argv[1:]:
        cases = cases_of(path)
        if not cases:
            sys.exit(f'{path}: no table of cases (struct CMUnitTest tests[]) is there')
        for case in cases:
            print(os.path.splitext(os.path.basename(path))[0], case)


if __name__ == '__main__':
    main()
