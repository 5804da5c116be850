"""Configuration files: values from the environment of that moment, and absolute paths."""

import os
import tempfile

from Workers import create_Corps
from settings.reader import Reader

if __name__ == '__main__':
    for number in (1, 3):
        os.environ['NumEnvs'] = str(number)
        corps = create_Corps(Reader, ConfigFiles=['settings/from_environment.py'])
        assert corps.read('NumEnvs', 'Max_Msg_Request_Attempts').Ret == [number, 10 * number]
        assert corps.exit().Ret is True

    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, 'absolute.py')
        with open(path, 'w') as file:
            file.write('NumEnvs = 2\nMax_Msg_Request_Attempts = 77\n')
        corps = create_Corps(Reader, ConfigFiles=['settings/first.py', path])
        assert corps.read('NumEnvs', 'Max_Msg_Request_Attempts').Ret == [2, 77]
        assert corps.exit().Ret is True
    print('OK')
