#!/usr/bin/env python3
"""Does a micro-benchmark work?   works.py BENCH NAME

It is listed, it measures for a few milliseconds, and each of its rows prints a line of the form that is expected. How fast it is, is not
looked at. Where a row needs two processors and one is there, the test is skipped (77).
"""

import re
import subprocess
import sys

LINE = re.compile(r'(\w+), (one thread|two threads), .+: (\d+\.\d\d) ns; .+: (\d+\.\d\d) ns; '
                  r'ratio (\d+\.\d\d) \((\d+\.\d\d) to (\d+\.\d\d), (\d+) blocks\)')


def check(line, name):
    """The complaint about a line, or None."""
    match = LINE.fullmatch(line)
    if match is None:
        return None if line.startswith(name + ', two threads: skipped,') else 'not of the form expected'
    ratio, low, high = map(float, match.group(5, 6, 7))
    return None if match[1] == name and low <= ratio <= high and int(match[8]) > 0 else 'figures that cannot be'


def main():
    bench, name = sys.argv[1:]
    rows = [line for line in subprocess.run([bench], check=True, stdout=subprocess.PIPE, encoding='utf-8').stdout.splitlines()
            if line.split()[0] == name]
    run = subprocess.run([bench, name, '0.005'], stdout=subprocess.PIPE, encoding='utf-8')
    print(run.stdout, end='')
    lines = run.stdout.splitlines()
    faults = [f'{line}: {fault}' for line in lines for fault in [check(line, name)] if fault]
    if run.returncode not in (0, 77):
        faults.append(f'exit status {run.returncode}')
    if not rows or len(lines) != len(rows):
        faults.append(f'{len(rows)} rows are listed, {len(lines)} were measured')
    if subprocess.run([bench, 'nothing'], stderr=subprocess.DEVNULL).returncode != 2:
        faults.append('a name that is not there is not refused with 2')
    for fault in faults:
        print(fault, file=sys.stderr)
    sys.exit(1 if faults else run.returncode)


if __name__ == '__main__':
    main()
