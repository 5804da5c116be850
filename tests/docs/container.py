"""The Containerfile builds, and its smoke test passes. Skipped, with the reason, where no container tool works or the base image cannot be had.
It downloads an image and packages: not for CI; scripts/long runs it.

    container.py [BASE_IMAGE]
"""

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile

SOURCE = os.path.abspath(os.path.join(os.path.dirname(os.path.abspath(__file__)), os.pardir, os.pardir))
SKIPPED = 77
TOOLS = ('podman', 'docker', 'buildah')


def call(*command, seconds=300):
    """(status, the last line that was printed, all of it)"""
    done = subprocess.run(command, cwd=SOURCE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, universal_newlines=True, timeout=seconds)
    return done.returncode, (done.stdout.strip().splitlines() or ['nothing was printed'])[-1], done.stdout


def usable(base):
    """(a tool that works and has the base image, why others do not)."""
    reasons = []
    for tool in TOOLS:
        if not shutil.which(tool):
            reasons.append(f'there is no {tool}')
            continue
        for question in (('info',), ('pull', base)):
            status, last, _ = call(tool, *question)
            if status:
                reasons.append(f'{tool} {question[0]}: {last}')
                break
        else:
            return tool, reasons
    return None, reasons


def smoke(tool, image, command):
    """Runs what the image runs by default."""
    if tool != 'buildah':
        return call(tool, 'run', '--rm', image)
    status, container, out = call(tool, 'from', image)
    try:
        return (status, container, out) if status else call(tool, 'run', container, '--', *command)
    finally:
        call(tool, 'rm', container)


def main():
    with open(os.path.join(SOURCE, 'Containerfile'), encoding='utf-8') as file:
        text = file.read()
    base = sys.argv[1] if len(sys.argv) > 1 else re.search(r'^ARG BASE=(.*)$', text, re.MULTILINE)[1]
    tool, reasons = usable(base)
    if tool is None:
        print('skipped: ' + '; '.join(reasons))
        return SKIPPED
    with tempfile.TemporaryDirectory() as folder:
        name = os.path.join(folder, 'image')
        status, _, out = call(tool, 'build', '-f', 'Containerfile', '--build-arg', f'BASE={base}', '--iidfile', name, '.', seconds=3000)
        if status:
            print(f'{out}the image was not built')
            return 1
        with open(name, encoding='utf-8') as file:
            image = file.read().strip()
    try:
        status, _, out = smoke(tool, image, json.loads(re.search(r'^CMD (\[.*\])$', text, re.MULTILINE)[1]))
    finally:
        call(tool, 'rmi', '-f', image)
    print(out)
    return int(status != 0 or 'Hello, world!' not in out)


if __name__ == '__main__':
    sys.exit(main())
