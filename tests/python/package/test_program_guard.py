"""Programs without `if __name__ == '__main__':` end at once, and their error shows the lines to write; files that are no main
program of their own, such as __main__.py, need none. (One Env a Corps: without the check they would start processes without
end, but slowly.)"""

import os
import py_compile
import sys
import tempfile
import zipfile

from helpers import run_python

SERVICE = """
from corps import Corps, create_Corps

class Service(Corps):
    def hi(self):
        return 'hi'

def main():
    with create_Corps(Service, ConfigDicts=[{'NumEnvs': 1}]) as service:
        print(service.hi().Ret)
"""
GUARDED = SERVICE + "\nif __name__ == '__main__':\n    main()\n"

THREADED = SERVICE.replace("return 'hi'", """while any(thread.name == 'Starter' for thread in threading.enumerate()):
            pass
        return 'hi'""") + """
import threading
threading.Thread(target=main, name='Starter').start()
"""

TESTS = """
import unittest
from service import Service
from corps import create_Corps

class Test(unittest.TestCase):
    def test_hi(self):
        with create_Corps(Service, ConfigDicts=[{'NumEnvs': 1}]) as service:
            self.assertEqual(service.hi().Ret, 'hi')
"""

RAISING = {
    'plain.py': (SERVICE + 'main()\n', "plain.py, line 11,", "        main()"),
    'threaded.py': (THREADED, 'threaded.py starts the thread Starter', ''),
    'library.py': (SERVICE + 'main()\n', "library.py, line 11,", "        main()"),
    'importer.py': ('import library\nlibrary.main()\n', 'library.py, line 11,', 'put the line into a function'),
    'runner.py': ("with open('plain.py') as file:\n    exec(file.read())\n", 'runner.py, line 2,',
                  "        exec(file.read())"),
    'late.py': (GUARDED.replace("    def hi", "    def __init__(self):\n        super().__init__()\n"
                                "        import library\n\n    def hi"), 'library.py, line 11,', 'put the line into a function'),
    'endless.py': (GUARDED.replace("    def hi", "    def __init__(self):\n        super().__init__()\n"
                                   "        main()\n\n    def hi"), 'Corps create each other in their __init__', ''),
}

ANSWERING = {
    'guarded.py': GUARDED,
    'runs.py': "import runpy\nrunpy.run_path('guarded.py', run_name='__main__')\n",
    'pack/__main__.py': SERVICE + 'main()\n',
    'folder/__main__.py': SERVICE + 'main()\n',
}


def write(folder, name, text):
    path = os.path.join(folder, name)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, 'w') as file:
        file.write(text)
    return path


def raises(name, answer):
    """The first line of the error, the lines to write, and no more than one error."""
    _, first, lines = RAISING[name]
    status, out, err = answer
    assert (status, out) == (1, '') or name == 'threaded.py', (name, answer)  # a thread's error is not the program's
    assert first in err and lines in err, (name, err)
    assert name == 'endless.py' or "if __name__ == '__main__':" in err, (name, err)
    assert name == 'late.py' or (err.count('RuntimeError: ') == 1 and 'At the Worker' not in err), (name, err)


def answers(name, answer):
    assert answer == (0, 'hi\n', ''), (name, answer)


CALLER = SERVICE + """
import os
import pickle

class Other(Corps):
    def told(self):
        return told

if __name__ == '__main__':
    with create_Corps(Service, ConfigDicts=[{'NumEnvs': 1}]) as service:
        os.environ['SERVICE'] = pickle.dumps(service).hex()
        with create_Corps(Other, ConfigDicts=[{'NumEnvs': 2}]) as other:
            print(other.told().Ret)
elif 'SERVICE' in os.environ:
    told = pickle.loads(bytes.fromhex(os.environ['SERVICE'])).hi().Ret
"""


def check_tests(folder):
    for arguments in (['unittest', '-q', 'tests'], ['pytest', '-q', 'tests.py']):
        status, out, err = run_python('-m', *arguments, cwd=folder)
        if 'No module named pytest' in err:
            print('note: pytest is not installed, and was not tried')
            continue
        assert status == 0 and ('OK' in err or '1 passed' in out), (arguments, status, out, err)


def check_streams(folder):
    """The program comes from standard input, by any of its names, or from an argument."""
    answers('-c', run_python('-c', SERVICE + 'main()\n', cwd=folder))
    with open(write(folder, 'stream.py', SERVICE + 'main()\n')) as program:
        for name in ([], ['-'], ['/dev/stdin']):
            program.seek(0)
            answers(name, run_python(*name, stdin=program, cwd=folder))


def main():
    with tempfile.TemporaryDirectory() as folder:
        for name, (text, _, _) in RAISING.items():
            write(folder, name, text)
        for name, text in ANSWERING.items():
            write(folder, name, text)
        write(folder, 'service.py', SERVICE)
        write(folder, 'tests.py', TESTS)
        for name in RAISING:
            if name != 'library.py':
                raises(name, run_python(name, cwd=folder))
        raises('plain.py', run_python('-m', 'plain', cwd=folder))
        raises('plain.py', run_python('-c', "import runpy; runpy.run_path('plain.py', run_name='__main__')", cwd=folder))
        answers('guarded.py', run_python('guarded.py', cwd=folder))
        answers('runs.py', run_python('runs.py', cwd=folder))
        answers('pyc', run_python(py_compile.compile(os.path.join(folder, 'guarded.py'), os.path.join(folder, 'g.pyc'))))
        answers('-m pack', run_python('-m', 'pack', cwd=folder))
        answers('folder', run_python('folder', cwd=folder))
        with zipfile.ZipFile(os.path.join(folder, 'program.pyz'), 'w') as archive:
            archive.write(os.path.join(folder, 'folder', '__main__.py'), '__main__.py')
        answers('archive', run_python('program.pyz', cwd=folder))
        write(folder, 'caller.py', CALLER)
        answers('calls while it is imported', run_python('caller.py', cwd=folder))
        check_streams(folder)
        frozen = run_python('-c', 'import sys\nsys.frozen = True\n' + SERVICE + 'main()\n')
        assert frozen[0] == 1 and 'RuntimeError: Envs are started by a Python interpreter' in frozen[2], frozen
        check_tests(folder)
    print('OK')


if __name__ == '__main__':
    sys.exit(main())
