#!/usr/bin/env python3
"""Count the outcomes of meson's last run of tests, for scripts/test.   outcomes.py FOLDER FAILURES HOW [AGAIN]

Prints "passed failed skipped" of the build folder's log. What failed, and its last words, is added to the file FAILURES;
HOW says which attempt it was. Into the file AGAIN go the names of tests that may be tried again. Not those by which a
sanitizer found something, or where a call hung or its answer was wrong: that is found once.
"""

import json
import re
import sys

FOUND_ONCE = re.compile(r'Sanitizer|runtime error:|\b[1-9]\d* (hung|wrong|twice|disorder|not once)\b')
OUTCOMES = {'OK': 'passed', 'EXPECTEDFAIL': 'passed', 'SKIP': 'skipped'}  # whatever else a result is: failed
LAST_LINES = 40


def text_of(test):
    return test.get('stdout', '') + test.get('stderr', '')


def failure(test, folder, how):
    """What is said of a test that failed: a line that names it, and its last lines below."""
    title = f"failed{how}: {folder}: {test['name']}: {test['result']} after {test['duration']:.0f} s"
    return '\n    '.join([title, *text_of(test).splitlines()[-LAST_LINES:]]) + '\n'


def main():
    folder, failures, how = sys.argv[1:4]
    with open(f'{folder}/meson-logs/testlog.json', encoding='utf-8') as file:
        tests = [json.loads(line) for line in file]
    outcomes = [OUTCOMES.get(test['result'], 'failed') for test in tests]
    failed = [test for test, outcome in zip(tests, outcomes) if outcome == 'failed']
    with open(failures, 'a', encoding='utf-8') as file:
        file.writelines(failure(test, folder, how) for test in failed)
    if len(sys.argv) > 4:
        names = [test['name'].split(' / ')[-1] for test in failed if not FOUND_ONCE.search(text_of(test))]
        with open(sys.argv[4], 'w', encoding='utf-8') as file:
            file.writelines(name + '\n' for name in names)
    print(*(outcomes.count(outcome) for outcome in ('passed', 'failed', 'skipped')))


if __name__ == '__main__':
    main()
