"""Every whole program that a page shows (in C: if it says what it prints) runs, and prints what the comments beside its prints say. Tutorials have a test of their own, and so
have first-steps.md, hosts.md and etcd.md.

    snippets.py PYTHON BUILD_FOLDER COMPILER
"""

import glob
import os
import re
import subprocess
import sys
import tempfile

import blocks

ELSEWHERE = {os.path.join('docs', name) for name in ('first-steps.md', 'hosts.md', 'etcd.md')}  # the last two: scripts/try-hosts
GUARD = "if __name__ == '__main__':"


def expected(text):
    """What the program prints, by the comments beside its prints."""
    return ''.join(found + '\n' for found in re.findall(r'^\s*print\(.*\)\s+# (.*)$', text, re.MULTILINE))


def expected_of_c(text):
    """The same of a program in C: one line for each printf."""
    return ''.join(found + '\n' for found in re.findall(r'^\s*printf\(.*\);\s+/\* (.*) \*/$', text, re.MULTILINE))


def run_c(text, compiler, folder, environment):
    """(status, what it printed, what it said) of a program in C."""
    with open(os.path.join(folder, 'program.c'), 'w', encoding='utf-8') as file:
        file.write(text)
    build = f'{compiler} -std=gnu11 -Wall -Wextra -Werror program.c -o program $(pkg-config --cflags --libs corps)'
    status, out, err = run(['bash', '-euc', build], folder, environment)
    return (status, out, err) if status else run([os.path.join(folder, 'program')], folder, environment)


def run(command, folder, environment):
    done = subprocess.run(command, cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, universal_newlines=True, timeout=120)
    return done.returncode, done.stdout, done.stderr


def unsaid(err, page):
    """The lines of standard error that the page does not have, whichever process they tell of."""
    with open(page, encoding='utf-8') as file:
        text = re.sub(r'\(pid \d+\)', '(pid)', ' '.join(file.read().split()))
    return [line for line in err.splitlines() if re.sub(r'\(pid \d+\)', '(pid)', line) not in text]


def check(page, python, build, compiler, runtime):
    """(programs that ran, faults) of a page."""
    ran, faults = 0, []
    environment = blocks.environment(build, runtime)
    environment['PATH'] = os.path.dirname(python) + os.pathsep + environment['PATH']  # pages say `python`
    with tempfile.TemporaryDirectory(prefix='snippets') as folder:
        for number, block in enumerate(blocks.of(page)):
            if block.name:
                with open(os.path.join(folder, block.name), 'w', encoding='utf-8') as file:
                    file.write(block.text)
            if block.language == 'sh' and '-shared' in block.text:  # what a program after it loads
                status, out, err = run(['bash', '-euc', block.text.replace('cc ', compiler + ' ', 1)], folder, environment)
                if status:
                    faults.append(f'{page}: {block.text}{out}{err}')
            if block.language == 'c' and 'int main(' in block.text and expected_of_c(block.text):
                ran += 1
                status, out, err = run_c(block.text, compiler, folder, environment)
                if status or out != expected_of_c(block.text) or unsaid(err, page):
                    faults.append(f'{page}: status {status}, printed\n{out}and on standard error\n{err}shown\n{expected_of_c(block.text)}of\n{block.text}')
            if block.language == 'python' and GUARD in block.text:
                program = block.name or f'program{number}.py'
                with open(os.path.join(folder, program), 'w', encoding='utf-8') as file:
                    file.write(block.text)
                ran += 1
                status, out, err = run([python, program], folder, environment)
                if status or not expected(block.text) or out != expected(block.text) or unsaid(err, page):
                    faults.append(f'{page}: status {status}, printed\n{out}and on standard error\n{err}shown\n{expected(block.text)}of\n{block.text}')
    return ran, faults


def main():
    python, build, compiler = sys.argv[1:]
    os.chdir(blocks.SOURCE)
    failed, programs = 0, 0
    for page in ['README.md'] + sorted(set(glob.glob(os.path.join('docs', '*.md'))) - ELSEWHERE):
        with tempfile.TemporaryDirectory(prefix='c') as runtime:
            ran, faults = check(page, python, build, compiler, runtime)
        programs += ran
        failed += len(faults)
        if ran:
            print('FAIL' if faults else 'ok', page, f'{ran} programs')
        for fault in faults:
            print(fault)
    if programs < 3:
        print(f'only {programs} programs were found: are they recognised?')
        failed += 1
    return int(failed > 0)


if __name__ == '__main__':
    sys.exit(main())
