"""Variables of the configuration as keywords of create_Corps; how many Envs there are when nobody says it."""

import os
import tempfile

from corps import AsyncExecutionError, Corps, LocType, create_Concs, create_Corps, Conc
from corps import _processors
from helpers import expect


class Worker(Conc):
    pass


class Service(Corps):
    def __init__(self, word='none', *, named=None):
        super().__init__()
        self.given = word, named

    def envs(self):
        return len(create_Concs(Worker, LocType=LocType.PerEnv))

    def what(self):
        return self.given


class Own(Service):
    def __init__(self, NumEnvs):
        super().__init__(NumEnvs)


class Open(Service):
    def __init__(self, **anything):
        super().__init__(anything)


class Index:
    def __index__(self):
        return 3


def check_keywords():
    with create_Corps(Service, 'w', NumEnvs=3, named=1, Threads=1, FastPath='copy') as service:
        assert service.envs().Ret == 3 and service.what().Ret == ('w', 1)
    with create_Corps(Service, NumEnvs=1, ConfigDicts=[{'NumEnvs': 2}]) as service:    # the call comes last
        assert service.envs().Ret == 1
    with create_Corps(Service, NumEnvs=Index()) as service:
        assert service.envs().Ret == 3
    with create_Corps(Own, NumEnvs=7, ConfigDicts=[{'NumEnvs': 1}]) as service:        # the class has it for itself
        assert service.envs().Ret == 1 and service.what().Ret == (7, None)
    with create_Corps(Open, other=5, ConfigDicts=[{'NumEnvs': 1}]) as service:
        assert service.what().Ret == ({'other': 5}, None)


def check_wrong():
    error = expect(TypeError, create_Corps, Open, NumEnvs=2)
    assert isinstance(error, AsyncExecutionError) and "ConfigDicts=[{'NumEnvs'" in str(error), error
    for wrong, right in (('NumEnv', 'NumEnvs'), ('numenvs', 'NumEnvs'), ('MaxThreads', 'Max_Threads')):
        error = expect(TypeError, create_Corps, Service, **{wrong: 2})
        assert right in str(error) and wrong in str(error), error
    expect(TypeError, create_Corps, Service, nothing_like_it=1)                        # the __init__ says so
    expect(TypeError, create_Corps, Service, NumEnvs='2')
    expect(TypeError, create_Corps, Service, NumEnvs=2.0)


def check_numbers():
    """What cannot be meant is refused, by the variable's own name, and nothing wraps around."""
    inf, nan, wrap = float('inf'), float('nan'), 2 ** 32 + 2
    for name, values in (('NumEnvs', (1025, 10 ** 30)), ('Threads', (-1, wrap, 10 ** 30)), ('Max_Threads', (-5, wrap)), ('Mailbox_Max_Requests', (-1, wrap, 10 ** 30)),
                         ('Mailbox_Max_Bytes', (-1, 2 ** 64 + 1)), ('Buffer_Bytes', (-1, 2 ** 64 + 1)), ('Boot_Timeout', (-1, inf, nan, 1e300, 10 ** 30)),
                         ('Restart_Period', (-1, 0, inf, nan)), ('Restart_Backoff', (inf,)), ('Restart_Max_Backoff', (1e12,)), ('Restart_Intensity', (0, 10 ** 30))):
        for value in values:
            error = expect(ValueError, create_Corps, Service, **{name: value, **({} if name == 'NumEnvs' else {'NumEnvs': 1})})
            assert name in str(error), (name, value, error)
    for name in 'Threads', 'Max_Threads', 'Mailbox_Max_Requests', 'Mailbox_Max_Bytes', 'Buffer_Bytes', 'Boot_Timeout', 'Restart_Period':
        error = expect(TypeError, create_Corps, Service, NumEnvs=1, **{name: '1'})
        assert f"{name} must be a " in str(error) and "not '1'" in str(error), error
    error = expect(ValueError, create_Corps, Service, NumEnvs=1, Keep_Directory='')
    assert 'Keep_Directory' in str(error), error


def check_default():
    usable = os.sched_getaffinity(0)
    assert 1 <= _processors.count() <= len(usable)
    os.sched_setaffinity(0, {min(usable)})
    try:
        with create_Corps(Service) as service:
            assert service.envs().Ret == 1
    finally:
        os.sched_setaffinity(0, usable)


def group(root, path, **files):
    folder = os.path.join(root, path)
    os.makedirs(folder, exist_ok=True)
    for name, text in files.items():
        with open(os.path.join(folder, name.replace('__', '.')), 'w') as file:
            file.write(text)


def check_quota():
    """Of this group and of those above it; both kinds; files that are missing or empty, as containers have them."""
    infinite = float('inf')
    for own, groups, expected in (
            ('0::/', {'': {'cpu__max': '200000 100000\n'}}, 2),
            ('0::/', {'': {'cpu__max': ''}}, infinite),
            ('0::/', {}, infinite),
            ('0::/a/b c', {'': {}, 'a': {'cpu__max': '150000 100000'}, 'a/b c': {'cpu__max': 'max 100000'}}, 1.5),
            ('0::/a/b', {'a': {'cpu__max': '400000 100000'}, 'a/b': {'cpu__max': '50000 100000'}}, 0.5),
            ('4:memory:/x\n3:cpu,cpuacct:/x', {'cpu,cpuacct/x': {'cpu__cfs_quota_us': '300000', 'cpu__cfs_period_us': '100000'}}, 3),
            ('3:cpu,cpuacct:/', {'cpu': {'cpu__cfs_quota_us': '-1', 'cpu__cfs_period_us': '100000'}}, infinite),
            ('nonsense', {}, infinite)):
        with tempfile.TemporaryDirectory() as root:
            for path, files in groups.items():
                group(root, path, **files)
            group(root, '', own=own)
            assert _processors.quota(os.path.join(root, 'own'), root) == expected, (own, groups)


def main():
    check_quota()
    check_keywords()
    check_wrong()
    check_numbers()
    check_default()
    print('OK')


if __name__ == '__main__':
    main()
