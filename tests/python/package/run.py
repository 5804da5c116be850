#!/usr/bin/env python3
"""Run the test programs of the Python package and check how they end.

Every `test_*.py` is a program of its own: it checks itself, prints OK as its last line and ends with status 0. It gets
a session and a runtime folder of its own; after its end no process of it may be left, and nothing in that folder.
Comments at its very top may say more, one a line, as for the programs in tests/compat (see run.py there):

    # expect-status: 1          exit status (default 0, and then the last line of stdout must be OK)
    # expect-stdout: some text  must occur in stdout (may be repeated)
    # expect-stderr: some text  must occur in stderr (may be repeated)
    # needs: numpy              skipped unless this module (or one of several: a|b) can be imported
"""

import argparse
import importlib.util
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor

HERE = os.path.dirname(os.path.abspath(__file__))


def load_compat_runner():
    """Import the runner of tests/compat, whose functions are shared, without writing byte code beside it."""
    path = os.path.join(HERE, os.pardir, os.pardir, 'compat', 'run.py')
    spec = importlib.util.spec_from_file_location('compat_run', os.path.abspath(path))
    module = importlib.util.module_from_spec(spec)
    sys.dont_write_bytecode = True
    spec.loader.exec_module(module)
    return module


compat = load_compat_runner()


def find_programs(paths):
    """Replace every folder by the test programs in it."""
    programs = []
    for path in paths:
        if os.path.isdir(path):
            programs += [os.path.join(path, name) for name in sorted(os.listdir(path))
                         if name.startswith('test_') and name.endswith('.py')]
        else:
            programs.append(path)
    return [os.path.abspath(program) for program in programs]


def reason_to_skip(needs, python, env):
    """Return why a program cannot run, or None."""
    for need in needs:
        if not any(compat.can_import(python, env, choice.strip()) for choice in need.split('|')):
            return 'needs {}, which is not installed'.format(need)
    return None


def start(args, program, env, out, err):
    """Start a program in a session of its own."""
    return subprocess.Popen([args.python, os.path.basename(program)], cwd=os.path.dirname(program), env=env,
                            stdin=subprocess.DEVNULL, stdout=out, stderr=err, start_new_session=True)


def read_back(file):
    """Return what was written to a temporary file."""
    file.seek(0)
    return file.read().decode(errors='replace')


def execute(args, program, env, runtime):
    """Run one program; return (complaints, stdout, stderr)."""
    wrong = []
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        process = start(args, program, env, out, err)
        try:
            status = process.wait(args.timeout)
        except subprocess.TimeoutExpired:
            status = None
            wrong.append('no end after {:g} s'.format(args.timeout))
            compat.kill_all(compat.survivors(process.pid, runtime))
            process.wait()
        left = compat.end_of_session(process.pid, runtime)
        texts = read_back(out), read_back(err)
    if status is not None:
        wrong += compat.wrong_output(compat.read_header(program), status, *texts)
        if left:
            wrong.append('processes left: ' + ', '.join('{} ({})'.format(*item) for item in sorted(left.items())))
        files = compat.leftover_files(runtime)
        if files:
            wrong.append('left in the runtime folder: ' + ', '.join(files))
    return (wrong,) + texts


def report_failure(name, wrong, out, err):
    """Return the report about a program that failed."""
    lines = ['FAIL {}: {}'.format(name, '; '.join(wrong))]
    for title, text in (('stdout', out), ('stderr', err)):
        if text.strip():
            lines.append('  --- {} ---'.format(title))
            lines += ['  ' + line for line in text[-compat.TAIL:].rstrip().splitlines()]
    return '\n'.join(lines)


def run_program(args, program):
    """Run one program and return (failed, report)."""
    name = os.path.basename(program)
    runtime = tempfile.mkdtemp(dir='/tmp', prefix='c')
    os.chmod(runtime, 0o700)
    try:
        env = compat.program_environment(args, runtime)
        skip = reason_to_skip(compat.read_header(program)['needs'], args.python, env)
        if skip:
            return False, 'skip {}: {}'.format(name, skip)
        begin = time.monotonic()
        wrong, out, err = execute(args, program, env, runtime)
        seconds = time.monotonic() - begin
        if wrong:
            return True, report_failure(name, wrong, out, err)
        notes = ''.join(' | ' + line[5:].strip() for line in out.splitlines() if line.startswith('note:'))
        return False, 'ok {} {:.2f} s{}'.format(name, seconds, notes)
    finally:
        shutil.rmtree(runtime, ignore_errors=True)


def main():
    """Run the programs named on the command line."""
    # What runs in the background of a shell inherits that Ctrl-C and Ctrl-\ are ignored, and would hand that on to its programs.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGQUIT, signal.SIG_DFL)
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--python', default=sys.executable, help='interpreter that can import corps')
    parser.add_argument('--transport', choices=('unix', 'tcp', 'shm', 'pipe', 'mqueue'))
    parser.add_argument('--serializer', choices=('auto', 'pickle', 'dill', 'cloudpickle'))
    parser.add_argument('--timeout', type=float, default=600, help='seconds for each program: far more than any needs')
    parser.add_argument('--jobs', type=int, default=1, help='programs that run at the same time')
    parser.add_argument('programs', nargs='*', metavar='PROGRAM', help='program or folder of programs (default: all)')
    args = parser.parse_args()
    if os.sep in args.python:
        args.python = os.path.abspath(args.python)
    compat.make_room()
    programs = find_programs(args.programs or [HERE])
    failures = []
    with ThreadPoolExecutor(max_workers=max(1, args.jobs)) as pool:
        for failed, report in pool.map(lambda program: run_program(args, program), programs):
            failures += [report] if failed else []
            print(report, flush=True)
    for report in failures:  # once more: the last lines of a long output are what is read
        print(report)
    print('{} of {} programs failed'.format(len(failures), len(programs)))
    return 1 if failures else 0


if __name__ == '__main__':
    sys.exit(main())
