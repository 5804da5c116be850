"""Does `auto` write the same bytes in every process? Dumps the cases in many processes, each with hashes of its own.

    same.py [--processes N] [--only GROUP]     names the cells whose bytes differ; status 1 when one of them should not

The tests run it with few processes; the long form is --processes 100.
"""
import argparse
import hashlib
import json
import os
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
import cases  # noqa: E402

OTHER_VALUES, CHANGED = 'the values are other ones', 'a class that changes after it was sent is told apart by random bytes'
DIFFER = {
    ('stdlib', 'logging record'): OTHER_VALUES,
    ('system', 'environment'): OTHER_VALUES,
    ('system', 'file opened for appending'): OTHER_VALUES,
    ('system', 'file opened for reading'): OTHER_VALUES,
    ('stream', 'a class sent again changes earlier instances too'): CHANGED,
    ('stream', 'class redefined between messages'): CHANGED,
    ('stream', 'earlier instances after a class changed'): CHANGED,
    ('stream', 'class that goes back to what it was'): CHANGED,
    ('stream', 'class that changes keeps its instances'): CHANGED,
}
if sys.version_info < (3, 11):
    DIFFER.update({('order', name): 'marshal writes the constant as it lies' for name in ('set as a constant of code', 'set as a field')})
"""Cases whose bytes are other ones in each process, and why."""


def digests(only, out):
    """In a process of its own: to a file of JSON, for each cell [group, case, home, digest or None where it is refused]."""
    import carriers
    import workers
    dumps, lines = carriers.auto_module().dumps, []
    for case, needs in cases.all_cases():
        if only in (None, case.group) and cases.runnable(case, needs) is None:
            for home in case.homes:
                names, module = workers.in_home(case, home)
                carriers.auto_by_value(module if home == 'ghost' else None)
                try:
                    data = b''.join(map(dumps, names['messages']() if case.stream else [names['make']()]))
                except Exception:
                    data = None
                lines.append([case.group, case.name, home, data and hashlib.sha256(data).hexdigest()])
    with open(out, 'w', encoding='utf-8') as file:
        json.dump(lines, file)
    os._exit(0)  # whatever the cases have started


def run(folder, seed, only):
    """What one process finds."""
    env = dict(os.environ, PYTHONHASHSEED=str(seed), PYTHONDONTWRITEBYTECODE='1', TMPDIR=folder,
               PYTHONPATH=os.pathsep.join((HERE, os.path.join(folder, 'both'), os.path.join(folder, 'sender'))))
    out = os.path.join(folder, 'digests')
    work = '__import__("same").digests(%r, %r)' % (only, out)
    subprocess.run([sys.executable, '-W', 'ignore', '-c', work], env=env, stdout=subprocess.DEVNULL, stdin=subprocess.DEVNULL, check=True,
                   timeout=300, start_new_session=True)
    with open(out, encoding='utf-8') as file:
        return json.load(file)


def compare(processes, only):
    """{cell: how many different messages} over so many processes."""
    import coverage
    found = {}
    with tempfile.TemporaryDirectory(prefix='coverage-same-') as folder:
        coverage.write_modules(folder)
        for seed in range(1, processes + 1):
            for *cell, digest in run(folder, seed, only):
                found.setdefault(tuple(cell), []).append(digest)
    return {cell: len(set(all_of)) for cell, all_of in found.items()}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--processes', type=int, default=5)
    parser.add_argument('--only', metavar='GROUP')
    options = parser.parse_args()
    found = compare(options.processes, options.only)
    differ = sorted(cell for cell, count in found.items() if count > 1)
    for cell in differ:
        print('%s: %s' % (' / '.join(cell), DIFFER.get(cell[:2], '%d kinds of bytes' % found[cell])))
    print('%d of %d cells differ over %d processes' % (len(differ), len(found), options.processes))
    return int(any(cell[:2] not in DIFFER for cell in differ))


if __name__ == '__main__':
    sys.exit(main())
