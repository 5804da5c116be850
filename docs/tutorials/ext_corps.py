"""Two programs and one Corps: starts two_programs/service.py and two_programs/client.py, and shows what they print.

Run with:  python ext_corps.py
"""

import os
import subprocess
import sys
import tempfile
import time

FOLDER = os.path.join(os.path.dirname(os.path.abspath(__file__)), 'two_programs')


def start(program, path):
    return subprocess.Popen([sys.executable, os.path.join(FOLDER, program), path])


def main():
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, 'board.name')
        service = start('service.py', path)
        while not os.path.exists(path) and service.poll() is None:
            time.sleep(0.01)
        client = start('client.py', path)
        client_status = client.wait()
        if client_status != 0:
            service.terminate()     # nobody has ended the Board
        service_status = service.wait()
    print('statuses:', client_status, service_status)
    return int(client_status != 0 or service_status != 0)


if __name__ == '__main__':
    sys.exit(main())
