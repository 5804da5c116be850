"""A Corps created with Managed=False inside another one survives it and its program, and another program ends it."""

import os
import pickle
import sys
import tempfile

from helpers import is_alive, run_python, script, session_of, start_python, wait_until

CREATOR = '''
import pickle, sys, os
from corps import Corps, create_Corps

class Lasting(Corps):
    def pid(self):
        return os.getpid()

    def add(self, n):
        self.total = getattr(self, 'total', 0) + n
        return self.total

class Creator(Corps):
    def make(self):
        return create_Corps(Lasting, Managed=False, Tag='lasting', ConfigDicts=[{'NumEnvs': 2}])

if __name__ == '__main__':
    with create_Corps(Creator, ConfigDicts=[{'NumEnvs': 2}]) as creator:
        name = creator.make().Ret
        assert name.add(1).Ret == 1
        with open(sys.argv[1], 'wb') as file:
            pickle.dump((name, name.pid().Ret), file)
    assert name.add(2).Ret == 3
    print('created')
'''

USER = '''
import pickle, sys
with open(sys.argv[1], 'rb') as file:
    name, _ = pickle.load(file)
print(name.add(4).Ret, name.my_Tag().Ret)
print(name.exit().Ret)
'''


def main():
    with tempfile.TemporaryDirectory() as folder, script(CREATOR) as program:
        path = os.path.join(folder, 'name')
        with open(os.path.join(folder, 'out'), 'w+') as output:
            process = start_python(program, path, stdout=output, stderr=output)
            status = process.wait(60)
            output.seek(0)
            text = output.read()
        assert (status, text) == (0, 'created\n'), (status, text)
        with open(path, 'rb') as file:
            _, pid = pickle.load(file)
        assert is_alive(pid)
        assert run_python('-c', USER, path) == (0, '7 lasting\nTrue\n', '')
        assert wait_until(lambda: not is_alive(pid) and not session_of(process.pid)), session_of(process.pid)
    print('OK')


if __name__ == '__main__':
    sys.exit(main())
