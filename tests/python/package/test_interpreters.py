"""Sub-interpreters cannot import the package, are told so, and leave that of the main interpreter alone."""

import gc
import importlib
import os
import sys

from corps import Corps, create_Corps

PROGRAM = '''
import sys
sys.path[:0] = {path!r}
try:
    import corps
except ImportError as error:
    text = str(error)
else:
    text = 'it was imported'
with open({out!r}, 'w') as file:
    file.write(text)
'''


class Service(Corps):
    def double(self, number):
        return 2 * number


def legacy_interpreter():
    """(create, run, destroy) for interpreters that share the main one's lock, of whatever module this Python has."""
    for name in ('_interpreters', '_xxsubinterpreters'):
        try:
            module = importlib.import_module(name)
        except ImportError:
            continue
        if name == '_interpreters':
            return lambda: module.create('legacy'), module.run_string, module.destroy
        own = {} if sys.version_info < (3, 9) else {'isolated': False}
        return lambda: module.create(**own), module.run_string, module.destroy
    raise AssertionError('this Python has no sub-interpreters')


def text_of_import(create, run, destroy, folder):
    out = os.path.join(folder, 'said')
    interpreter = create()
    run(interpreter, PROGRAM.format(path=sys.path, out=out))
    destroy(interpreter)
    with open(out) as file:
        return file.read()


def main():
    import tempfile
    with create_Corps(Service, NumEnvs=1) as service, tempfile.TemporaryDirectory() as folder:
        assert service.double(2).Ret == 4
        for _ in range(2):
            text = text_of_import(*legacy_interpreter(), folder)
            assert 'interpreter' in text and 'main' in text, text
        gc.collect()
        assert service.double(3).Ret == 6
    print('OK')


if __name__ == '__main__':
    main()
