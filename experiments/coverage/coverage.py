"""corps-lab coverage: what each serializer carries, from one process into a fresh one, checked by behaviour.

Every case in every home, dumped by one interpreter and loaded by the same or (--between) another. One line of JSON for each:
kind, group, case, home, serializer, serializer_version, python, load_python, outcome, level, detail, bytes, seconds. The first
line tells the interpreters. Outcomes: ok, silently wrong, refused at dump, refused at load, crash, hang, data loss, not run.

Exit status: 0 measured; 1 failure; 2 usage.
"""
import glob
import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
import carriers  # noqa: E402
import cases  # noqa: E402
import table  # noqa: E402

sys.path.append(os.path.join(HERE, '..', 'report'))
import program  # noqa: E402

TREE = os.path.dirname(os.path.dirname(HERE))
PROBE = os.path.join(HERE, 'probe.py')
PATIENCE_S = 60  # for one answer; a child's own limit is far shorter
KEYS = ('group', 'case', 'home', 'serializer')


class Failed(Exception):
    """Why nothing can be measured, in one line."""


def without_paths(text):
    """What is published names no folder of the machine that it was measured on."""
    for folder, name in ((TREE, 'TREE'), (os.path.expanduser('~'), 'HOME')):
        text = text.replace(os.path.join(folder, ''), name + '/') if len(folder) > 1 else text
    return text


class Worker:
    """A probe that dumps or loads; one request at a time."""

    def __init__(self, python, work, paths):
        env = dict(os.environ, PYTHONPATH=os.pathsep.join(paths), PYTHONDONTWRITEBYTECODE='1', PYTHONHASHSEED='0',
                   TMPDIR=os.path.dirname(paths[0]))
        self.process = subprocess.Popen([python, PROBE, work], stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=env, text=True,
                                        start_new_session=True)
        self.next = 0

    def ask(self, **request):
        self.next += 1
        self.process.stdin.write(json.dumps(dict(request, id=self.next)) + '\n')
        self.process.stdin.flush()
        answer = json.loads(self.process.stdout.readline() or '{}')
        if answer.pop('id', None) != self.next:
            raise Failed('a probe under %s ended: status %s' % (self.process.args[0], self.process.poll()))
        return answer

    def end(self):
        self.process.stdin.close()
        self.process.stdout.close()
        self.process.wait()


def about(python):
    """What an interpreter is and has. Raises Failed."""
    try:
        done = subprocess.run([python, PROBE, 'about'], capture_output=True, text=True, timeout=PATIENCE_S)
        return json.loads(done.stdout)
    except (OSError, ValueError, subprocess.TimeoutExpired) as error:
        raise Failed('%s cannot run the probe: %s' % (python, error))


def write_modules(folder):
    """The folders of modules that both sides have, and that the sender alone has."""
    both, sender = os.path.join(folder, 'both'), os.path.join(folder, 'sender')
    for path, home in ((both, 'mod'), (sender, 'ghost')):
        os.mkdir(path)
        for case, _ in cases.all_cases():
            if home in case.homes:
                with open(os.path.join(path, case.module(home) + '.py'), 'w', encoding='utf-8') as file:
                    file.write(case.source)
    return both, sender


def find_pythons():
    """Interpreters of this machine by version, the first of each: in the path, then pyenv's."""
    root = os.environ.get('PYENV_ROOT') or os.path.expanduser('~/.pyenv')
    candidates = [shutil.which('python3.%d' % minor) for minor in range(8, 20)] + [shutil.which('pypy3')]
    candidates += sorted(glob.glob(os.path.join(root, 'versions', '*', 'bin', 'python')))
    found = {}
    for python in candidates:
        if python:
            try:
                found.setdefault(about(python)['python'].rpartition('.')[0], python)
            except Failed:
                continue  # pyenv's shims of versions that are not there
    return list(found.values())


def chosen(case, home, only):
    values = {'group': case.group, 'case': case.name, 'home': home}
    return all(values[key] in wanted for key, wanted in only.items() if key in values)


class Run:
    """Everything for one pair of interpreters."""

    def __init__(self, args, write):
        self.args, self.write, self.lock, self.done = args, write, threading.Lock(), 0

    def one(self, workers, request, told):
        dump, load = workers
        started = time.monotonic()
        answer = dump.ask(**request)
        data = answer.pop('data', None)
        if answer['outcome'] == 'dumped':
            answer = dict(load.ask(data=data, **request), bytes=answer['bytes'])
        line = dict({'kind': 'coverage'}, **{key: request[key] for key in KEYS}, **told, level='', bytes=None)
        answer['detail'] = without_paths(answer.get('detail') or '')
        line.update(answer, seconds=round(time.monotonic() - started, 4))
        with self.lock:
            self.write(line)
            self.done += 1

    def thread(self, pair, paths, requests, errors):
        both, sender = paths
        workers = Worker(pair[0]['path'], 'dump', (both, sender)), Worker(pair[1]['path'], 'load', (both,))
        try:
            for request in requests:
                told = {'python': pair[0]['python'], 'load_python': pair[1]['python'],
                        'serializer_version': pair[0]['carriers'][request['serializer']]}
                self.one(workers, request, told)
        except (Failed, OSError, ValueError) as error:
            errors.append(error)
        finally:
            for worker in workers:
                worker.end()

    def pair(self, pair, paths):
        """Dumped by pair[0], loaded by pair[1]."""
        names = [name for name in self.args.serializer or carriers.CARRIERS
                 if all(side['carriers'].get(name) is not None for side in pair)]
        requests = [dict(group=case.group, case=case.name, home=home, serializer=name) for case, _ in cases.all_cases()
                    for home in case.homes if chosen(case, home, self.args.only) for name in names]
        errors = []
        threads = [threading.Thread(target=self.thread, args=(pair, paths, requests[i::self.args.jobs], errors))
                   for i in range(self.args.jobs)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        if errors:
            raise Failed(str(errors[0]))


def check_values(parser, key, wanted):
    """Every value that --only names must be one that a case has."""
    known = sorted({value for case, _ in cases.all_cases() for home in case.homes for value in ({'group': case.group, 'case': case.name, 'home': home}[key],)})
    for value in wanted:
        if value not in known:
            told = 'the groups are: %s' % ' '.join(known) if key == 'group' else 'the homes are: %s' % ' '.join(known) if key == 'home' else \
                'the first lines of a measurement name them all'
            parser.error("--only: there is no %s '%s'%s; %s" % (key, value, program.near(value, known), told))


def parse():
    parser = program.Parser(prog='corps-lab coverage', description='What each serializer carries into a fresh process.')
    parser.add_argument('--only', action='append', default=[], metavar='K=V[,V]', help='group, case or home')
    parser.add_argument('--serializer', action='append', choices=sorted(carriers.CARRIERS), help='this one alone; may be repeated')
    parser.add_argument('--python', action='append', metavar='PROGRAM', help='an interpreter; may be repeated (default: this one)')
    parser.add_argument('--all-pythons', action='store_true', help='every interpreter found')
    parser.add_argument('--between', action='store_true', help='also dumped by one interpreter and loaded by another')
    parser.add_argument('--table', action='append', metavar='FILE', help='measure nothing: print tables of what FILE holds')
    parser.add_argument('--jobs', type=int, default=os.cpu_count() or 1, metavar='N', help='at a time (default: one a processor)')
    parser.add_argument('--out', metavar='FILE', help='lines of JSON (default: standard output)')
    args = parser.parse_args()
    only = {}
    for text in args.only:
        key, equals, value = text.partition('=')
        if not equals or key not in ('group', 'case', 'home'):
            parser.error("--only wants group=…, case=… or home=…, not '%s'%s" % (text, program.near(key, ('group', 'case', 'home'))))
        only[key] = value.split(',')
        check_values(parser, key, only[key])
    args.only = only
    if not any(chosen(case, home, only) for case, _ in cases.all_cases() for home in case.homes):
        parser.error('--only leaves no case')
    if args.jobs < 1:
        parser.error('--jobs must be at least 1')
    return args


def measure(args, file):
    counts = {}

    def write(line):
        file.write(json.dumps(line, ensure_ascii=False) + '\n')
        file.flush()
        if 'outcome' in line:
            counts[line['outcome']] = counts.get(line['outcome'], 0) + 1

    missing = [name for name in carriers.CARRIERS if carriers.version(name) is None and name in (args.serializer or carriers.CARRIERS)]
    if missing:
        print('coverage: not installed for %s: %s' % (sys.executable, ', '.join(missing)), file=sys.stderr)
    pythons = [dict(about(path), path=path) for path in (find_pythons() if args.all_pythons else args.python or [sys.executable])]
    write({'kind': 'coverage-run', 'schema': 1, 'date': time.strftime('%Y-%m-%dT%H:%M:%SZ', time.gmtime()), 'pythons': [{k: v for k, v in p.items() if k != 'path'} for p in pythons]})
    pairs = [(a, b) for a in pythons for b in pythons if a is b or args.between]
    with tempfile.TemporaryDirectory(prefix='coverage-') as folder:
        paths = write_modules(folder)
        run = Run(args, write)
        for pair in pairs:
            run.pair(pair, paths)
            print('%s → %s: %s' % (pair[0]['python'], pair[1]['python'], ', '.join('%s %d' % item for item in sorted(counts.items()))),
                  file=sys.stderr)


def main():
    args = parse()
    try:
        if args.table:
            print(table.text(table.read(args.table)[1]))
            return 0
        if args.out is None:
            measure(args, sys.stdout)
        else:
            with open(args.out, 'w', encoding='utf-8') as file:
                measure(args, file)
    except (Failed, table.BadCoverage) as error:
        print('corps-lab coverage: %s' % error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print('corps-lab coverage: stopped by Ctrl-C; what was measured is kept', file=sys.stderr)
        return 130
    return 0


if __name__ == '__main__':
    program.run('coverage', main)
