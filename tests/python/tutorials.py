"""The tutorials' programs run, end with status 0, write nothing to standard error, and print what their pages show."""

import os
import re
import subprocess
import sys
import tempfile

FOLDER = os.path.join(os.path.dirname(os.path.abspath(__file__)), os.pardir, os.pardir, 'docs', 'tutorials')
PAGES = {
    '1-hello.md': ['hello.py'],
    '2-search-service.md': ['search_service.py'],
    '3-asyncio.md': ['asyncio_calls.py'],
    '4-funcs.md': ['funcs.py'],
    '5-corps-for-each-other.md': ['ext_corps.py', 'corps_in_corps.py'],
}


def shown(page):
    """The outputs that a page shows, in order."""
    with open(os.path.join(FOLDER, page), encoding='utf-8') as file:
        return re.findall(r'^```text\n(.*?)^```', file.read(), re.MULTILINE | re.DOTALL)


def main():
    python = sys.argv[1]
    failed = 0
    for page, programs in PAGES.items():
        outputs = shown(page)
        assert len(outputs) == len(programs), f'{page} shows {len(outputs)} outputs of {len(programs)} programs'
        for program, expected in zip(programs, outputs):
            with tempfile.TemporaryDirectory(prefix='c') as runtime:
                done = subprocess.run([python, program], cwd=FOLDER, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                      timeout=120, env=dict(os.environ, XDG_RUNTIME_DIR=runtime, PYTHONDONTWRITEBYTECODE='1'))
                left = os.listdir(os.path.join(runtime, 'corps')) if os.path.isdir(os.path.join(runtime, 'corps')) else []
            out, err = done.stdout.decode(), done.stderr.decode()
            good = done.returncode == 0 and not err and out == expected and not left
            print('ok' if good else 'FAIL', program)
            if not good:
                failed += 1
                print(f'status {done.returncode}\n--- printed\n{out}--- shown\n{expected}--- stderr\n{err}left: {left}')
    sys.exit(failed > 0)


main()
