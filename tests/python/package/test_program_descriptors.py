# expect-stdout: OK
"""A program that has no standard streams, as services have none: nothing that Envs print goes into what Corps sends. And one that has
more descriptors than select() takes."""

import os
import resource
import subprocess
import sys
import tempfile

from corps import Conc, Corps, create_Concs, create_Corps


class Printer(Conc):
    def back(self, thing):
        print('printed by an Env')
        os.system('echo by a child; echo by a child >&2')
        for fd in 0, 1, 2:
            try:
                os.write(fd, b'written by an Env\n')
            except OSError:
                pass  # a file that is only read
        return thing


class Service(Corps):
    def __init__(self):
        super().__init__()
        self.printers = create_Concs(Printer, Num=2)

    def back(self, thing):
        return [printer.back(thing).Ret for printer in self.printers]


def without_streams():
    with create_Corps(Service, NumEnvs=2) as service:
        for i in range(10):
            assert service.back(i).Ret == [i, i]
            if sys.stderr is None:
                os.write(2, b'written by the program\n')
    os.close(3)  # is given by who starts this, and says that all went well


def with_many():
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)
    if limit[1] != resource.RLIM_INFINITY and limit[1] < 2000:
        print('note: not tried: a process may have', limit[1], 'descriptors')
        return
    resource.setrlimit(resource.RLIMIT_NOFILE, (2000, limit[1]))
    held = [open(os.devnull) for _ in range(1500)]
    for _ in range(2):
        with create_Corps(Service, NumEnvs=2) as service:
            assert service.back(1).Ret == [1, 1]
    for file in held:
        file.close()


if __name__ == '__main__':
    if sys.argv[1:]:
        without_streams()
    else:
        for closed in '>&-', '>&- 2>&-', '<&- >&- 2>&-':
            with tempfile.TemporaryFile() as said:
                process = subprocess.run(['/bin/sh', '-c', f'exec "$0" "$1" inner 3>&1 {closed}', sys.executable, os.path.abspath(__file__)],
                                         stdout=said, stderr=said)
                said.seek(0)
                assert process.returncode == 0, (closed, process.returncode, said.read().decode())
        with_many()
        print('OK')
