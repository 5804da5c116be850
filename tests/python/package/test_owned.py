"""Corps that outlive the program that created them, and its host: three agents on this machine, and a server of etcd."""

import os
import signal
import subprocess
import sys
import tempfile
import textwrap
import time

from corps import (AsyncExecutionError, AsyncLocalMaxRetries, CallTimeout, Conc, Corps, LocType, WorkerLost, add_Env, create_Concs, create_Corps,
                   delete_Concs, find_Corps, find_Workers, hosts, singleton, stats, take_Env)
from corps import _boot
from helpers import PATIENCE, exit_code, expect, is_alive, nothing_left, start_python, wait_until

sys.path.append(os.path.join(os.path.dirname(os.path.abspath(__file__)), os.pardir, os.pardir, 'hosts'))
from loopback import Hosts, NoAgent  # noqa: E402

OWNED = {'Hosts': 'auto', 'Detached': True, 'Restart': 'always', 'Restart_Backoff': 0.01}


class Worker(Conc):
    def where(self):
        return os.environ['XDG_RUNTIME_DIR'], os.getpid()


class Counter(Corps):
    """Counts; what it has counted survives it."""

    def __init__(self, first=0):
        super().__init__()
        self.value = first
        self.workers = create_Concs(Worker, LocType=LocType.PerEnv)

    def add(self, number):
        self.value += number
        return self.value

    def where(self):
        return os.environ['XDG_RUNTIME_DIR'], os.getpid()

    def variable(self, name):
        return os.environ.get(name)

    def each(self):
        return [worker.where().Ret for worker in self.workers]

    def apply(self, function, *args):
        return function(*args)

    def checkpoint(self):
        return self.value

    def restore(self, state):
        self.value = state


class Other(Corps):
    pass


PROGRAM = '''
import os
from corps import Corps, create_Corps, hosts

class {front}(Corps):
    def __init__(self, first=0):
        super().__init__()
        self.value = first

    def add(self, number):
        self.value += number
        return self.value

    def where(self):
        return os.environ['XDG_RUNTIME_DIR'], os.getpid()

if __name__ == '__main__':
    name = create_Corps({front}, 5, {options})
    print(name.add(1).Ret, hosts()[0].own)
'''


def run_on(host, agents, *arguments):
    """Run a program on a host to its end; what it has created goes on. Give what it has printed."""
    process = start_python(*arguments, env=agents.environment(host))
    out, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == 0 and nothing_left(process.pid), (exit_code(process.returncode), out, err)
    return out


def where(agents, name):
    """The number of the host that a Corps is on, and the process of its Env 0."""
    runtime, pid = name.where(Retry=True).result(PATIENCE)
    number, = [host.number for host in agents.hosts.values() if host.runtime == runtime]
    return number, pid


def has_gone(name):
    """Nothing of it is known any more."""
    return wait_until(lambda: singleton(name) is None)


def check_refused():
    for wrong, options in (('Hosts', {'Singleton': 'x'}), ('Detached', {'Singleton': 'x', 'Hosts': 'auto'}), ('Hosts', {'Singleton': 'x', 'Detached': True}),
                           ('stay', dict(OWNED, Cut_Off='wait')), ('Detached', {'Cut_Off': 'stay', 'Hosts': 'auto'}),
                           ("'a b'", dict(OWNED, Singleton='a b')), ('63', dict(OWNED, Singleton='x' * 64)), ('63', dict(OWNED, Singleton='')),
                           ('nowhere', dict(OWNED, Hosts=['nowhere'], NumEnvs=1))):
        text = str(expect(ValueError, create_Corps, Counter, **options)).split('\n\n')[0]
        assert wrong in text and '\n' not in text, (options, text)
    for options in dict(OWNED, Singleton=3), dict(OWNED, Detached='yes'):
        expect(TypeError, create_Corps, Counter, **options)
    expect(TypeError, singleton, None)
    expect(ValueError, singleton, 'a/b')
    expect(ValueError, singleton, 'x', Timeout=0)
    assert singleton('nobody') is None and [row.drained for row in hosts()] == [False] * 3
    error = expect(AsyncExecutionError, create_Corps, Counter, 1, 2, 3, Singleton='fails', NumEnvs=1, **OWNED)
    assert isinstance(error, TypeError) and has_gone('fails')
    text = str(expect(AsyncLocalMaxRetries, create_Corps, Counter, b'x' * (2 << 20), Singleton='large', NumEnvs=1, **OWNED))
    assert 'TOO_LARGE' in text and has_gone('large'), text


def check_goes_on(agents):
    """A program of the first host creates it and ends; it is found from the third."""
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, 'program.py')
        with open(path, 'w') as file:
            file.write(PROGRAM.format(front='Counter', options="NumEnvs=1, Tag='counts', Hosts='auto', Detached=True, Singleton='program'"))
        assert run_on(1, agents, path) == '6 True\n'
        name = singleton('program')
        assert where(agents, name)[0] == 1 and name.add(1).Ret == 7
        assert find_Corps(Tag='counts') == [name] and name in find_Workers('Counter') and find_Corps(Tag='other') == []
        assert run_on(2, agents, path) == '8 False\n'  # the same one
        assert add_Env(name, Host='host2') == 1 and sorted(stats(name)) == [0, 1]
        take_Env(1, PATIENCE, name)
        text = str(expect(ValueError, create_Corps, Other, Singleton='program', **OWNED))
        assert 'Counter' in text and 'Other' in text, text
        name.exit().Ret
        assert has_gone('program') and agents.is_quiet(1) and find_Corps(Tag='counts') == []
        expect(WorkerLost, lambda: name.add(1).result(PATIENCE))


def check_without_file(agents):
    """What has no file cannot be imported by a host, and needs not be."""
    options = "NumEnvs=2, Hosts='auto', Detached=True, Singleton='typed'"
    assert run_on(2, agents, '-c', PROGRAM.format(front='Typed', options=options)) == '6 False\n'
    with singleton('typed') as name:
        assert where(agents, name)[0] == 2 and name.add(1).Ret == 7
    assert has_gone('typed')


def check_envs(agents):
    """Envs on the host of Env 0 and on others; nothing of the creator's own is in any of them."""
    os.environ['SECRET'] = 'stays'
    for options in {'Serializer': 'msgpack'}, {'Cut_Off': 'stay', 'Env_Variables': ['SHOWN_*']}:
        os.environ['SHOWN_ONE'] = '1'
        with create_Corps(Counter, NumEnvs=6, **options, **OWNED) as name:
            assert where(agents, name)[0] == 3, where(agents, name)
            assert {runtime for runtime, _ in name.each().Ret} == {host.runtime for host in agents.hosts.values()}
            assert name.variable('SECRET').Ret is None
            assert name.variable('SHOWN_ONE').Ret == ('1' if 'Env_Variables' in options else None)
            own = [worker for worker in find_Workers(Worker, Corps=name) if worker.where().Ret[0] == agents.hosts[3].runtime]
            assert len(own) == 2
            delete_Concs(own[:1])
    factor = 3
    with create_Corps(Counter, NumEnvs=2, **OWNED) as name:
        assert name.apply(lambda text: text * factor, 'ab').Ret == 'ababab'
    del os.environ['SECRET'], os.environ['SHOWN_ONE']


def check_moves(agents, folder):
    """Its host's agent dies, with everything of it: it goes on elsewhere, under its Names, and knows what it knew."""
    arguments = dict(OWNED, Singleton='moves', Keep_Directory=os.path.join(folder, 'kept'), Tag='moves', NumEnvs=2)
    source = textwrap.dedent('''
        import sys
        sys.path.insert(0, {!r})
        import test_owned
        name = test_owned.create_Corps(test_owned.Counter, **{!r})
        print(name.add(1).Ret)
        ''').format(os.path.dirname(os.path.abspath(__file__)), arguments)
    assert run_on(1, agents, '-c', source) == '1\n'
    name = singleton('moves')
    before, pid = where(agents, name)
    assert before == 1 and find_Corps(Tag='moves') == [name]
    former = find_Workers('Worker', Corps=name)
    futures = [name.add(1, Retry=True) for _ in range(10)]
    agents.kill(1)
    assert wait_until(lambda: not is_alive(pid))
    futures += [name.add(1, Retry=True) for _ in range(10)]
    answers = [future.result(PATIENCE) for future in futures]
    assert answers == list(range(2, 22)), answers
    after, pid = where(agents, name)
    assert after in (2, 3) and name.add(0).Ret == 21
    assert find_Corps(Tag='moves') == [name] == [singleton('moves')]
    workers = find_Workers('Worker', Corps=name)
    assert len(workers) == len(former) == 2 and not set(workers) & set(former), (workers, former)
    for worker in former:
        expect(WorkerLost, lambda: worker.where().result(PATIENCE))
    assert create_Corps(Counter, **arguments) == name and where(agents, name) == (after, pid)
    agents.start(1)
    os.kill(pid, signal.SIGKILL)  # its Env 0 alone: the same host starts it again
    assert wait_until(lambda: where(agents, name) != (after, pid)) and where(agents, name)[0] == after
    assert name.add(0, Retry=True).result(PATIENCE) == 21
    name.exit().Ret
    assert has_gone('moves') and all(agents.is_quiet(number) for number in (1, 2))


def drain(agents, option, host):
    """As an operator does it; tell whether there is the program for it."""
    program = os.path.join(os.path.dirname(agents.agent), 'corps')
    if not os.access(program, os.X_OK):
        return False
    subprocess.run([program, 'hosts', option, host], env=agents.environment(1), check=True, stdout=subprocess.DEVNULL, timeout=PATIENCE)
    return True


def check_drained(agents, folder):
    """Its host is drained: it ends there in order and goes on elsewhere, at once; nothing is created there meanwhile."""
    with create_Corps(Counter, NumEnvs=1, Singleton='drained', Keep_Directory=os.path.join(folder, 'drained'), **OWNED) as name:
        assert name.add(1).Ret == 1 and where(agents, name)[0] == 3
        if not drain(agents, '--drain', 'host3'):
            print('note: no program corps is built: nothing is drained')
            return
        assert wait_until(lambda: where(agents, name)[0] in (1, 2))  # until it has ended on host3, it answers from there
        assert name.add(1, Retry=True).result(PATIENCE) == 2
        assert wait_until(lambda: [row.drained for row in hosts()] == [False, False, True])
        text = str(expect(AsyncLocalMaxRetries, create_Corps, Counter, NumEnvs=1, **OWNED))
        assert 'drained' in text, text
        drain(agents, '--undrain', 'host3')
        assert wait_until(lambda: [row.drained for row in hosts()] == [False] * 3)
    assert has_gone('drained')


def check_ledger_away(agents):
    """Without etcd nobody is told that there is none; what is there goes on for its time, and is back with etcd."""
    with create_Corps(Counter, NumEnvs=1, Singleton='waits', Cut_Off='stay', **OWNED) as name:
        assert name.add(1).Ret == 1
        agents.etcd.stop()
        expect(CallTimeout, singleton, 'nobody', Timeout=0.5)
        assert name.add(1).Ret == 2
        agents.etcd.start()
        assert wait_until(lambda: found('waits') == name)
        assert name.add(1, Retry=True).result(PATIENCE) == 3
    assert has_gone('waits')


def found(name):
    try:
        return singleton(name)
    except CallTimeout:
        return None


def main():
    try:
        agents = Hosts(3, etcd=True)
    except NoAgent as error:
        print('note: skipped: {}'.format(error))
        print('OK')
        return
    with agents, tempfile.TemporaryDirectory() as folder:
        os.environ.update(agents.environment(3))
        begin = time.monotonic()
        check_refused()
        check_goes_on(agents)
        check_without_file(agents)
        check_envs(agents)
        check_moves(agents, folder)
        check_drained(agents, folder)
        check_ledger_away(agents)
        _boot.stop_template()
        print('note: {:.1f} s'.format(time.monotonic() - begin))
    print('OK')


if __name__ == '__main__':
    main()
