# needs: pytest
# needs: xdist
"""pytest: in one process and in several (pytest-xdist), by a module's name and by its file; what Envs print is captured by descriptor."""

import sys

from runners import check, programs

CAPTURES = '''
from corps import Corps, create_Corps

class Service(Corps):
    def say(self):
        print('said in an Env', flush=True)

def test_descriptors(capfd):
    with create_Corps(Service, ConfigDicts=[{'NumEnvs': 1}]) as service:
        service.say().Ret
    assert capfd.readouterr().out == 'said in an Env\\n'

def test_objects(capsys):
    with create_Corps(Service, ConfigDicts=[{'NumEnvs': 1}]) as service:
        service.say().Ret
    assert capsys.readouterr().out == ''
'''


def main():
    with programs(test_captures=CAPTURES) as folder:
        check(folder, '-m', 'pytest', '-q', '-p', 'no:cacheprovider')
        check(folder, '-m', 'pytest', '-q', '-p', 'no:cacheprovider', '--import-mode=importlib', 'test_program.py')
        check(folder, '-m', 'pytest', '-q', '-p', 'no:cacheprovider', '-n', '2')
    print('OK')


if __name__ == '__main__':
    sys.exit(main())
