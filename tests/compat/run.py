#!/usr/bin/env python3
"""Run programs written for Corps Python 0.1 under `python -m corps.compat` and check how they end.

A program may say what is expected of it in comments at its very top, one a line:

    # expect-status: 1          exit status (default 0, and then the last line of stdout must be OK)
    # expect-stdout: some text  must occur in stdout (may be repeated)
    # expect-stderr: some text  must occur in stderr (may be repeated)
    # needs: cloudpickle|dill   skipped unless one of these serializers is in use (or none is named, one installed)

After a program has ended, no process of it may be left, and nothing in its runtime folder.
"""

import argparse
import os
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor

HERE = os.path.dirname(os.path.abspath(__file__))
GRACE = 60.0        # seconds that the processes of a program may need to vanish after its end, also on a busy machine
TAIL = 3000         # characters of output shown for a failed program
OPTIONS = ('expect-status', 'expect-stdout', 'expect-stderr', 'needs')


def read_header(program):
    """Return the options in the comments at the top of a program, each as a list of texts."""
    header = {option: [] for option in OPTIONS}
    with open(program, encoding='utf-8') as file:
        for line in file:
            if not line.startswith('#'):
                break
            option, colon, text = line[1:].partition(':')
            if colon and option.strip() in header:
                header[option.strip()].append(text.strip())
    return header


def is_program(path):
    """Tell whether a file is a program (has a main guard) and not only a module of one."""
    with open(path, encoding='utf-8') as file:
        return "__name__ == '__main__'" in file.read()


def find_programs(paths):
    """Replace every folder by the programs directly in it."""
    programs = []
    for path in paths:
        if os.path.isdir(path):
            files = [os.path.join(path, name) for name in sorted(os.listdir(path)) if name.endswith('.py')]
            programs += [file for file in files if is_program(file)]
        else:
            programs.append(path)
    return [os.path.abspath(program) for program in programs]


def program_environment(args, runtime):
    """Return the environment for one program with a runtime folder of its own."""
    env = dict(os.environ)
    env['XDG_RUNTIME_DIR'] = runtime
    env['PYTHONDONTWRITEBYTECODE'] = '1'
    env.pop('PYTHONUNBUFFERED', None)       # the system has to flush the output of its processes itself
    if env.get('PYTHONPATH'):               # the program runs in another folder
        env['PYTHONPATH'] = os.pathsep.join(os.path.abspath(path) for path in env['PYTHONPATH'].split(os.pathsep))
    if args.transport:
        env['CORPS_TRANSPORT'] = args.transport
    if args.serializer:
        env['CORPS_SERIALIZER'] = args.serializer
    return env


def can_import(python, env, module):
    """Tell whether the interpreter under test can import a module."""
    command = [python, '-c', 'import ' + module]
    return subprocess.run(command, env=env, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                          stderr=subprocess.DEVNULL).returncode == 0


def reason_to_skip(needs, python, env):
    """Return why a program cannot run with the serializer in use, or None."""
    for need in needs:
        choices = [choice.strip() for choice in need.split('|')]
        chosen = env.get('CORPS_SERIALIZER')
        if chosen and chosen not in choices:
            return 'needs {}, but the serializer is {}'.format(need, chosen)
        if not any(can_import(python, env, choice) for choice in ([chosen] if chosen else choices)):
            return 'needs {}, which is not installed'.format(need)
    return None


def make_room():
    """Let programs over mqueue run beside each other, where we may: the kernel bounds the queues of a user's processes together."""
    try:
        resource.setrlimit(resource.RLIMIT_MSGQUEUE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    except ValueError:
        pass        # only root may; then they find room as any program does


def survivors(session, runtime):
    """Return {pid: command line} of living processes of a session, or with this runtime folder in their environment."""
    mark = os.fsencode('XDG_RUNTIME_DIR=' + runtime)
    found = {}
    for entry in os.listdir('/proc'):
        if not entry.isdigit():
            continue
        folder = '/proc/' + entry
        try:
            with open(folder + '/stat', 'rb') as file:
                fields = file.read().rpartition(b')')[2].split()    # state, parent, group, session, ...
            if fields[0] in (b'Z', b'X'):
                continue
            ours = int(fields[3]) == session
            if not ours:
                with open(folder + '/environ', 'rb') as file:
                    ours = mark in file.read().split(b'\0')
            if ours:
                with open(folder + '/cmdline', 'rb') as file:
                    found[int(entry)] = file.read().replace(b'\0', b' ').decode(errors='replace').strip()
        except (OSError, IndexError, ValueError):
            continue            # it has ended meanwhile, or belongs to another user
    return found


def kill_all(pids):
    """Kill processes by their ids."""
    for pid in pids:
        try:
            os.kill(pid, signal.SIGKILL)
        except OSError:
            pass


def end_of_session(session, runtime):
    """Wait a moment until no process is left; kill what remains and return it."""
    limit = time.monotonic() + GRACE
    left = survivors(session, runtime)
    while left and time.monotonic() < limit:
        time.sleep(0.02)
        left = survivors(session, runtime)
    again = left
    while again:
        kill_all(again)
        time.sleep(0.02)
        again = survivors(session, runtime)
    return left


def leftover_files(runtime):
    """Return what is left in the runtime folder of the system."""
    folder = os.path.join(runtime, 'corps')
    try:
        return sorted(os.listdir(folder))
    except FileNotFoundError:
        return []


def last_line(text):
    """Return the last line that is not empty."""
    lines = [line for line in text.splitlines() if line.strip()]
    return lines[-1].strip() if lines else ''


def wrong_output(header, status, out, err):
    """Return the list of complaints about the status and the output of a program that ended by itself."""
    wanted = int(header['expect-status'][0]) if header['expect-status'] else 0
    wrong = []
    if status != wanted:
        wrong.append('exit status {} instead of {}'.format(status, wanted))
    elif wanted == 0 and last_line(out) != 'OK':
        wrong.append('last line of stdout is not OK')
    wrong += ['stdout lacks {!r}'.format(text) for text in header['expect-stdout'] if text not in out]
    wrong += ['stderr lacks {!r}'.format(text) for text in header['expect-stderr'] if text not in err]
    return wrong


def execute(args, program, env, runtime):
    """Run one program in its own session; return (complaints, stdout, stderr)."""
    header = read_header(program)
    wrong = []
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        process = subprocess.Popen([args.python, '-m', 'corps.compat', os.path.basename(program)],
                                   cwd=os.path.dirname(program), env=env, stdin=subprocess.DEVNULL, stdout=out,
                                   stderr=err, start_new_session=True)
        try:
            status = process.wait(args.timeout)
        except subprocess.TimeoutExpired:
            status = None
            wrong.append('no end after {:g} s'.format(args.timeout))
            kill_all(survivors(process.pid, runtime))
            process.wait()
        left = end_of_session(process.pid, runtime)
        texts = []
        for file in (out, err):
            file.seek(0)
            texts.append(file.read().decode(errors='replace'))
    if status is not None:
        wrong += wrong_output(header, status, *texts)
        if left:
            wrong.append('processes left: ' + ', '.join('{} ({})'.format(*item) for item in sorted(left.items())))
        files = leftover_files(runtime)
        if files:
            wrong.append('left in the runtime folder: ' + ', '.join(files))
    return wrong, texts[0], texts[1]


def run_program(args, program):
    """Run one program and return (failed, report)."""
    name = os.path.relpath(program, HERE)
    runtime = tempfile.mkdtemp(dir='/tmp', prefix='c')
    os.chmod(runtime, 0o700)
    try:
        env = program_environment(args, runtime)
        skip = reason_to_skip(read_header(program)['needs'], args.python, env)
        if skip:
            return False, 'skip {}: {}'.format(name, skip)
        start = time.monotonic()
        wrong, out, err = execute(args, program, env, runtime)
        if not wrong:
            return False, 'ok {} {:.2f} s'.format(name, time.monotonic() - start)
        report = ['FAIL {}: {}'.format(name, '; '.join(wrong))]
        for title, text in (('stdout', out), ('stderr', err)):
            if text.strip():
                report.append('  --- {} ---'.format(title))
                report += ['  ' + line for line in text[-TAIL:].rstrip().splitlines()]
        return True, '\n'.join(report)
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
    parser.add_argument('--serializer', choices=('pickle', 'dill', 'cloudpickle', 'auto'))
    parser.add_argument('--timeout', type=float, default=600, help='seconds for each program')
    parser.add_argument('--jobs', type=int, default=1, help='programs that run at the same time')
    parser.add_argument('programs', nargs='*', metavar='PROGRAM', help='program or folder of programs (default: all)')
    args = parser.parse_args()
    if os.sep in args.python:
        args.python = os.path.abspath(args.python)
    make_room()
    programs = find_programs(args.programs or [os.path.join(HERE, 'programs'), os.path.join(HERE, 'points')])
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
