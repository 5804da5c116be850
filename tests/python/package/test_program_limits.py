# expect-stdout: OK
"""What a program has changed of itself since its first Corps holds in the Envs of the next ones: umask, limits, processors, niceness."""

import os
import resource
import tempfile

from corps import Corps, create_Corps


def look():
    with tempfile.TemporaryDirectory() as folder:
        os.close(os.open(os.path.join(folder, 'made'), os.O_CREAT | os.O_WRONLY, 0o666))
        mode = os.stat(os.path.join(folder, 'made')).st_mode & 0o777
    return {'mode of a file': mode, 'processors': os.sched_getaffinity(0), 'niceness': os.nice(0),
            **{name: resource.getrlimit(getattr(resource, name)) for name in dir(resource) if name.startswith('RLIMIT_')}}


class Service(Corps):
    def look(self):
        return look()

    def below(self):
        os.umask(0o077)
        with create_Corps(Service, NumEnvs=1) as below:
            return below.look().Ret, look()


def check(**options):
    with create_Corps(Service, NumEnvs=1, **options) as service:
        there, here = service.look().Ret, look()
        assert there == here, {name: (there[name], here[name]) for name in here if there[name] != here[name]}
        there, here = service.below().Ret
        assert there == here, {name: (there[name], here[name]) for name in here if there[name] != here[name]}


if __name__ == '__main__':
    check()
    os.umask(0o027)
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    os.nice(1)
    resource.setrlimit(resource.RLIMIT_NOFILE, (300, 400))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    check()
    os.umask(0o002)
    resource.setrlimit(resource.RLIMIT_NOFILE, (350, 400))
    check()
    print('OK')
