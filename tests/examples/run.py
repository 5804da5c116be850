#!/usr/bin/env python3
"""Every example builds and runs by the lines in its head, in a folder of its own, and prints what stands there.

  run.py SOURCE MESON BUILD PYTHON PACKAGE [NAME …]

The C programs are built against an installation into a scratch prefix, by pkg-config. A program that names what it imports instead of the
standard library runs with that too, and prints the same.
"""

import os
import re
import subprocess
import sys
import tempfile

TIMEOUT_S = 180
IMPORT = re.compile(r'^from corps import .*# instead of: (from .* import .*)$', re.M)


def head(path):
    """(build, run, prints, may it say that an Env was killed?) as the head of an example says."""
    with open(path, encoding='utf-8') as file:
        text = file.read()
    comment = re.match(r'/\*(.*?)\*/|"""(.*?)"""', text, re.S)
    lines = [re.sub(r'^ \* ?', '', line) for line in (comment[1] or comment[2]).splitlines()]
    named = dict(re.match(r'(Build|Run): +(.*)', line).groups() for line in lines if re.match(r'(Build|Run): ', line))
    prints = lines[lines.index('Prints:') + 1:]
    return named['Build'], named['Run'], [line[4:] for line in prints if line.startswith('    ')], 'standard error' in text


def install(meson, build, scratch):
    """Installs, and says what a shell needs to know of it."""
    subprocess.run([meson, 'install', '-C', build, '--no-rebuild', '--quiet', '--destdir', scratch], check=True, stdout=subprocess.DEVNULL)
    (folder,) = [folder for folder, _, files in os.walk(scratch) if 'corps.pc' in files]
    prefix = os.path.dirname(next(folder for folder, _, files in os.walk(scratch) if 'corps.h' in files and not folder.endswith('/corps/include')))
    return {'PKG_CONFIG_PATH': folder, 'PREFIX': prefix, 'LD_LIBRARY_PATH': os.path.dirname(folder)}


def shell(line, folder, environment):
    return subprocess.run(['bash', '-c', line], cwd=folder, env=environment, capture_output=True, text=True, timeout=TIMEOUT_S, check=False)


def try_example(path, environment, scratch):
    """What is wrong with it, '' for nothing."""
    build, run, prints, loses_envs = head(path)
    folder = tempfile.mkdtemp(dir=scratch)
    name = os.path.basename(path)
    with open(path, encoding='utf-8') as file, open(os.path.join(folder, name), 'w', encoding='utf-8') as copy:
        copy.write(file.read())
    if build != 'nothing':
        line = build.replace('pkg-config ', 'pkg-config --define-variable=prefix="$PREFIX" ').replace('cc ', '${CC:-cc} -Wall -Wextra -Werror ', 1)
        built = shell(line, folder, environment)
        if built.returncode or built.stderr:
            return f'{build}\n{built.stderr}'
    runtime = tempfile.mkdtemp(prefix='c')  # paths of sockets are short
    done = shell(run, folder, dict(environment, XDG_RUNTIME_DIR=runtime))
    with open(path, encoding='utf-8') as file:
        text, changed = IMPORT.subn(r'\1', file.read())
    if changed and not done.returncode:
        with open(os.path.join(folder, name), 'w', encoding='utf-8') as file:
            file.write(text)
        theirs = shell(run, folder, dict(environment, PYTHONPATH=''))
        if theirs.stdout != done.stdout:
            return f'with the standard library it prints\n{theirs.stdout}{theirs.stderr}--- and with ours\n{done.stdout}'
    said = re.sub(r'corps: Env \d+ \(pid \d+\) was killed by signal 9 \(SIGKILL\)(?:; it is lost)?\n', '', done.stderr) if loses_envs else done.stderr
    left = [entry for _, _, files in os.walk(runtime) for entry in files]
    subprocess.run(['rm', '-rf', runtime], check=True)
    if done.returncode or said or done.stdout.splitlines() != prints or left:
        return f'status {done.returncode}\n--- printed\n{done.stdout}--- its head says\n' + '\n'.join(prints) + f'\n--- stderr\n{done.stderr}left: {left}'
    return ''


def main():
    source, meson, build, python, package, *names = sys.argv[1:]
    folder = os.path.join(source, 'examples')
    every = sorted(name for name in os.listdir(folder) if name.endswith(('.c', '.py')))
    with open(os.path.join(folder, 'README.md'), encoding='utf-8') as file:
        shown = sorted(re.findall(r'^\| \[(.*?)\]', file.read(), re.M))
    failed = int(shown != every)
    if failed:
        print(f'README.md lists {shown}, and there are {every}')
    with tempfile.TemporaryDirectory() as scratch:
        environment = dict(os.environ, PYTHONPATH=package, PYTHONDONTWRITEBYTECODE='1', **install(meson, build, os.path.join(scratch, 'root')))
        os.mkdir(os.path.join(scratch, 'bin'))
        os.symlink(python, os.path.join(scratch, 'bin', 'python3'))
        environment['PATH'] = os.path.join(scratch, 'bin') + ':' + environment['PATH']
        for name in names or every:
            wrong = try_example(os.path.join(folder, name), environment, scratch)
            print('FAIL' if wrong else 'ok', name, *([wrong] if wrong else []))
            failed += bool(wrong)
    return 1 if failed else 0


if __name__ == '__main__':
    sys.exit(main())
