"""Several scripts call the same Corps by a Name from a file, and each gets its own results."""

import os
import pickle
import subprocess
import sys
import tempfile

from Workers import create_Corps
from team import Team

if __name__ == '__main__':
    corps = create_Corps(Team, 'shared', ConfigDicts=[{'NumEnvs': 1}])
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, 'name')
        with open(path, 'wb') as file:
            pickle.dump(corps, file)
        env = dict(os.environ)
        env['PYTHONPATH'] = os.pathsep.join([os.getcwd()] + [part for part in [env.get('PYTHONPATH')] if part])
        guests = [subprocess.Popen([sys.executable, '-m', 'corps.compat', 'guest/guest.py', path, name], env=env,
                                   stdout=subprocess.PIPE) for name in ('first', 'second')]
        for number in range(100):
            assert corps.echo(('host', number)).Ret == ('host', number)
        for guest in guests:
            output = guest.communicate(timeout=120)[0].decode()
            assert guest.returncode == 0 and output.split()[-1] == 'OK', (guest.returncode, output)
    assert sorted(corps.noted().Ret) == ['first', 'second']
    corps.exit()
    print('OK')
