"""A wheel is installed as users install it, runs tests/release/smoke.py from there, and is uninstalled without leaving anything.

    places.py WHEEL [--all]      run by the Python that it is for

Without --all: a virtual environment in a folder whose name has a space and a letter beyond ASCII. With it, also: --user, --target, and an
environment that belongs to another user and cannot be written. Everything happens in a temporary folder; no index is asked.
"""

import os
import shutil
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
NOBODY = 65534


def run(*command, **environment):
    """Fails loudly: with the output, and the command."""
    cleared = {name: value for name, value in os.environ.items() if name not in ('PYTHONPATH', 'PYTHONHOME', 'VIRTUAL_ENV')}
    subprocess.run(command, cwd=environment.pop('cwd', '/'), env=dict(cleared, PIP_DISABLE_PIP_VERSION_CHECK='1', **environment), check=True)


def files_in(folder):
    """Paths below a folder. Byte code comes and goes by itself."""
    return {os.path.join(where, name) for where, _, names in os.walk(folder) for name in names if not name.endswith('.pyc')}


class Places:
    def __init__(self, wheel, scratch):
        self.wheel = os.path.abspath(wheel)
        self.scratch = scratch
        self.version = os.path.basename(wheel).split('-')[1]

    def smoke(self, python, inside, prefix=(), **environment):
        program = shutil.copy(os.path.join(HERE, 'smoke.py'), self.scratch)
        run(*prefix, python, program, '--version', self.version, '--inside', inside, **environment)

    def venv(self):
        folder = os.path.join(self.scratch, 'with a space, and ü')
        run(sys.executable, '-m', 'venv', folder)
        python = os.path.join(folder, 'bin', 'python')
        before = files_in(folder)
        run(python, '-m', 'pip', 'install', '-q', '--no-index', self.wheel)
        self.smoke(python, folder)
        run(python, '-m', 'pip', 'uninstall', '-q', '-y', 'corps')
        assert files_in(folder) == before, files_in(folder) ^ before
        print('in a virtual environment: works, and leaves nothing')
        return python

    def user(self, pip):
        folder = os.path.join(self.scratch, 'user')
        given = {'PYTHONUSERBASE': folder, 'PIP_BREAK_SYSTEM_PACKAGES': '1'}
        run(pip, '-m', 'pip', '--python', sys.executable, 'install', '-q', '--no-index', '--user', self.wheel, **given)
        self.smoke(sys.executable, folder, **given)
        run(pip, '-m', 'pip', '--python', sys.executable, 'uninstall', '-q', '-y', 'corps', **given)
        assert not files_in(folder), files_in(folder)
        print('with --user: works, and leaves nothing')

    def target(self, pip):
        folder = os.path.join(self.scratch, 'target')
        run(pip, '-m', 'pip', 'install', '-q', '--no-index', '--target', folder, self.wheel)
        self.smoke(sys.executable, folder, PYTHONPATH=folder)
        print('with --target: works')

    def read_only(self):
        if os.getuid() != 0 or shutil.which('setpriv') is None:
            print("where nothing can be written: not tried, since that needs root and setpriv to become another user")
            return
        folder = os.path.join(self.scratch, 'read-only')
        run(sys.executable, '-m', 'venv', folder)
        python = os.path.join(folder, 'bin', 'python')
        run(python, '-m', 'pip', 'install', '-q', '--no-index', '--no-compile', self.wheel)
        home = os.path.join(self.scratch, 'home')
        os.mkdir(home)
        os.chown(home, NOBODY, NOBODY)
        before = files_in(folder)
        self.smoke(python, folder, ('setpriv', f'--reuid={NOBODY}', f'--regid={NOBODY}', '--clear-groups'), HOME=home, TMPDIR=home)
        assert files_in(folder) == before, files_in(folder) ^ before
        print('where nothing can be written: works')


def main():
    wheel, everywhere = sys.argv[1], sys.argv[2:] == ['--all']
    with tempfile.TemporaryDirectory(prefix='corps-places-') as scratch:
        os.chmod(scratch, 0o755)
        places = Places(wheel, scratch)
        pip = places.venv()
        if everywhere:
            places.user(pip)
            places.target(pip)
            places.read_only()
    print('OK')


main()
