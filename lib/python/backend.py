"""The build backend that pyproject.toml names: meson-python, once it is known that this machine can build. Otherwise one line says what is missing,
which is the last that pip shows; meson's and pip's own words for the same are long."""

import os
import shutil
import sys

if sys.version_info < (3, 8):
    raise SystemExit('corps needs Python 3.8 or later, and this is %d.%d' % sys.version_info[:2])
if sys.platform != 'linux':
    raise SystemExit('corps needs Linux 5.4 or later, and this is %s' % sys.platform)
if 'CC' not in os.environ and not any(map(shutil.which, ('cc', 'gcc', 'clang'))):
    raise SystemExit('corps is written in C, and there is no C compiler here: install one (Debian, Ubuntu: apt install gcc; Fedora: dnf install gcc; '
                     'Alpine: apk add gcc musl-dev), or install from a wheel')

from mesonpy import *  # noqa: E402,F401,F403 (the hooks of a backend)
