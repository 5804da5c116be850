"""Every requirement is imported by some program of the laboratory, and everything these import is required, optional with a reason, or ours."""

import ast
import functools
import os
import re
import sys
import unittest

SOURCE = os.path.abspath(os.path.join(os.path.dirname(os.path.abspath(__file__)), os.pardir, os.pardir))
FOLDERS = ('experiments', 'serializers')
IMPORTED_AS = {'xstatic-d3': 'xstatic'}
OPTIONAL = {
    'annotationlib': 'of the standard library from Python 3.14 on',
    'cbor2': 'a row of corps-lab coverage, where somebody has installed it',
    'ormsgpack': 'the same',
    'ray': 'a peer, which scripts/peers installs',
    'corps': 'the package that is measured',
    'joblib': 'a way that maps.py measures, where somebody has installed it',
}


def programs():
    for folder in FOLDERS:
        for path, _, names in os.walk(os.path.join(SOURCE, folder)):
            yield from (os.path.join(path, name) for name in names if name.endswith('.py'))


@functools.lru_cache(None)
def imported():
    """module → one of the files that import it; of modules that are neither Python's nor in the tree. Names beginning with _ are the core's."""
    standard = getattr(sys, 'stdlib_module_names', None)
    found, own = {}, set()
    for path in programs():
        own.update((os.path.basename(path)[:-3], os.path.basename(os.path.dirname(path))))
        with open(path, encoding='utf-8') as file:
            tree = ast.parse(file.read())
        for node in ast.walk(tree):
            names = [a.name for a in node.names] if isinstance(node, ast.Import) else [node.module] if isinstance(node, ast.ImportFrom) and not node.level else []
            found.update((name.split('.')[0], os.path.relpath(path, SOURCE)) for name in names)
    return {name: path for name, path in found.items() if name not in standard and not name.startswith('_') and (name not in own or name in required().values())}


@functools.lru_cache(None)
def required():
    """requirement → the module that it brings."""
    with open(os.path.join(SOURCE, 'experiments', 'requirements.txt'), encoding='utf-8') as file:
        names = [re.match(r'[\w.-]+', line)[0].lower() for line in file if line.strip() and not line.startswith('#')]
    return {name: IMPORTED_AS.get(name, name) for name in names}


@unittest.skipUnless(hasattr(sys, 'stdlib_module_names'), 'this Python does not say which modules are its own (3.10 does)')
class Dependencies(unittest.TestCase):
    def test_what_is_required_is_imported(self):
        self.assertGreater(len(required()), 3)
        self.assertEqual(set(), set(required().values()) - set(imported()))

    def test_what_is_imported_is_required(self):
        lacking = {name: path for name, path in imported().items() if name not in required().values() and name not in OPTIONAL}
        self.assertEqual({}, lacking, 'add it to experiments/requirements.txt, or to OPTIONAL here with the reason')

    def test_nothing_is_excused_in_vain(self):
        self.assertEqual(set(), set(OPTIONAL) - set(imported()))

    def test_the_fallback_is_the_same(self):
        """The distribution's packages, where the Python index cannot be reached, are among the requirements."""
        with open(os.path.join(SOURCE, 'scripts', 'setup'), encoding='utf-8') as file:
            packages = re.search(r'^fallback_packages=\((.*?)\)', file.read(), re.MULTILINE)[1].split()
        self.assertLessEqual({package.replace('python3-', '', 1) for package in packages}, set(required()))


if __name__ == '__main__':
    unittest.main()
