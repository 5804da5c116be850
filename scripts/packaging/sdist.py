#!/usr/bin/env python3
"""Run by `meson dist` when the Python package is packed: keeps in the source archive what the package is built from, its documents and its
tests. The laboratory, its tests and the published results (most of the repository's size) stay out."""

import os
import shutil

KEPT = ['lib', 'serializers', 'transports', 'meson.build', 'meson_options.txt', 'pyproject.toml', 'scripts/packaging/sdist.py',
        'README.md', 'LICENSE', 'CHANGELOG.md', 'SECURITY.md', 'docs', 'tests/python/package', 'tests/compat', 'tests/release', 'examples']
LEFT_OUT = ['docs/report.png']  # a picture of the laboratory's


def prune(root):
    """Removes the other files, and the folders that are empty then."""
    kept = [os.path.join(root, path) for path in KEPT]
    missing = [path for path in kept if not os.path.exists(path)]
    if missing:
        raise SystemExit(f'sdist: these shall be in the source archive and are not: {missing}')
    for folder, _, files in os.walk(root, topdown=False):
        for path in [os.path.join(folder, name) for name in files]:
            if not any(path == one or path.startswith(one + os.sep) for one in kept) or os.path.relpath(path, root) in LEFT_OUT:
                os.remove(path)
        if not os.listdir(folder):
            shutil.rmtree(folder)


prune(os.environ['MESON_DIST_ROOT'])
