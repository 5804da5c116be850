"""Every public name of the package has a docstring of its own, which names each parameter; and scripts/reference makes HTML that has them all,
where pdoc is installed.

    docstrings.py SCRIPT BUILD_FOLDER
"""

import enum
import html
import importlib.util
import inspect
import os
import subprocess
import sys
import tempfile
import unittest

import corps

SCRIPT, BUILD = sys.argv[1:3]
OF_ENUMS = {name for name in dir(enum.IntEnum)}
EXPLAINED = {'TracebackStrings', 'TypeName', 'Value', 'Mgr', 'Thread', 'Stuck_Timeout'}  # attributes, which the docstring of their class explains


def own_doc(thing):
    """Its docstring, if it is not that of its class."""
    doc = inspect.getdoc(thing)
    return doc if doc and doc != inspect.getdoc(type(thing)) else None


def public():
    """(name, thing) of every public name, and of the public members of the classes among them."""
    for name in corps.__all__:
        thing = getattr(corps, name)
        yield name, thing
        if inspect.isclass(thing):
            for member, value in vars(thing).items():
                if not member.startswith('_') and not isinstance(value, thing) and not (issubclass(thing, enum.Enum) and member in OF_ENUMS):
                    yield f'{name}.{member}', value


class Docstrings(unittest.TestCase):
    def test_everything_public_has_one(self):
        seen = 0
        for name, thing in public():
            seen += 1
            with self.subTest(name=name):
                if name.rpartition('.')[2] in EXPLAINED:
                    self.assertIn(name.rpartition('.')[2], inspect.getdoc(getattr(corps, name.partition('.')[0])))
                elif name == 'NoRet':  # the one object of its type
                    self.assertTrue(inspect.getdoc(type(thing)))
                else:
                    self.assertTrue(own_doc(thing))
        self.assertGreater(seen, 60)

    def test_functions_name_their_parameters(self):
        for name in corps.__all__:
            thing = getattr(corps, name)
            if not inspect.isfunction(thing):
                continue
            for parameter in inspect.signature(thing).parameters:
                with self.subTest(name=name, parameter=parameter):
                    self.assertRegex(own_doc(thing), rf'\b{parameter}\b')

    @unittest.skipUnless(importlib.util.find_spec('pdoc'), 'there is no pdoc: scripts/setup --tests installs it')
    def test_the_reference_has_them_all(self):
        with tempfile.TemporaryDirectory() as folder:
            done = subprocess.run([SCRIPT, '--python', folder], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, universal_newlines=True, timeout=300,
                                  env={**os.environ, 'PYTHON': sys.executable, 'BUILD': BUILD})
            self.assertEqual(0, done.returncode, done.stdout)
            with open(os.path.join(folder, 'python', 'corps.html'), encoding='utf-8') as file:
                page = html.unescape(file.read())
        for name in corps.__all__:
            with self.subTest(name=name):
                self.assertIn(f'id="{name}"', page)


if __name__ == '__main__':
    unittest.main(argv=sys.argv[:1])
