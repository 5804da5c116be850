"""docs/first-steps.md: every command runs in the order of the page, in one shell, in a fresh copy of the sources beside the build that is there
already (which stands for the page's first block). What the page shows as output is what is printed.

    steps.py BUILD_FOLDER PYTHON_EXECUTABLE
"""

import os
import shutil
import subprocess
import sys
import tempfile

import blocks

PAGE = os.path.join('docs', 'first-steps.md')
SETUP = 'git clone'
OPTIONAL = ('cmake',)  # blocks that begin with it are left out where it is not
KEPT_APART = {'.git', '.venv', 'build', 'results'}  # links, or what nobody needs here
MARK = '--- block '


def copy(build, python, folder):
    """The sources, without what is not theirs; the build, and the environment of this Python, as links."""
    for name in os.listdir(blocks.SOURCE):
        path = os.path.join(blocks.SOURCE, name)
        if name in KEPT_APART or name.startswith(('build', '.mesonpy')):  # wheels that are being built beside have their own
            continue
        if os.path.isdir(path):
            shutil.copytree(path, os.path.join(folder, name), symlinks=True)
        else:
            shutil.copy2(path, folder)
    os.symlink(build, os.path.join(folder, 'build'))
    os.symlink(os.path.dirname(os.path.dirname(python)), os.path.join(folder, '.venv'))


def script(page, folder):
    """(a program for bash, {number of a block: the output that the page shows}); the page's files are written."""
    text, shown, last = 'set -euo pipefail\n', {}, None
    for number, block in enumerate(page):
        if block.name:
            with open(os.path.join(folder, block.name), 'w', encoding='utf-8') as file:
                file.write(block.text)
        elif block.language == 'text':
            if last is not None:
                shown[last] = block.text
        elif block.language == 'sh' and not shutil.which(block.text.split()[0]) and block.text.startswith(OPTIONAL):
            print(f'left out, since it is not installed: {block.text}')
            last = None
        elif block.language == 'sh' and not block.text.startswith(SETUP):
            last = number
            text += f'echo "{MARK}{number}"\n{block.text}'
    return text, shown


def outputs(out):
    """number of a block → what it printed."""
    found = {}
    for part in out.split(MARK)[1:]:
        number, _, printed = part.partition('\n')
        found[int(number)] = printed
    return found


def main():
    build, python = sys.argv[1:]
    with tempfile.TemporaryDirectory(prefix='first-steps') as folder, tempfile.TemporaryDirectory(prefix='c') as runtime:
        copy(build, python, folder)
        text, shown = script(blocks.of(PAGE), folder)
        environment = blocks.environment(build, runtime)
        done = subprocess.run(['bash', '-c', text], cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, universal_newlines=True, timeout=600)
        page_made = os.path.exists(os.path.join(folder, 'first.html'))
    printed = outputs(done.stdout)
    wrong = [number for number, expected in shown.items() if printed.get(number) != expected]
    if done.returncode or wrong or not page_made or len(shown) < 2:
        print(f'status {done.returncode}; other output than shown in blocks {wrong}; page made: {page_made}\n{done.stdout}')
        return 1
    print(f'{len(printed)} blocks of commands ran, {len(shown)} outputs are as shown')
    return 0


if __name__ == '__main__':
    sys.exit(main())
