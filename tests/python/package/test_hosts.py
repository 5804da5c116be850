"""A Corps of several hosts: two agents on this machine, each with a runtime folder of its own."""

import os
import re
import signal
import sys
import tempfile

from corps import (AsyncLocalMaxRetries, Conc, Corps, Executor, LocType, WorkerLost, add_Env, create_Concs, create_Corps, create_Pool, hosts, my_EnvId,
                   pool_members, singleton, take_Env)
from corps import _boot
from helpers import expect, is_alive, wait_until

sys.path.append(os.path.join(os.path.dirname(os.path.abspath(__file__)), os.pardir, os.pardir, 'hosts'))
from loopback import Hosts, NoAgent  # noqa: E402


class Worker(Conc):
    def __init__(self, start=0):
        super().__init__()
        self.value = start

    def where(self):
        return os.environ['XDG_RUNTIME_DIR'], os.getpid()

    def variable(self, name):
        return os.environ.get(name)

    def add(self, number):
        self.value += number
        return self.value

    def apply(self, function, *args):
        return function(*args)

    def fail(self):
        raise KeyError('on the other host')

    def ask(self, other, number):
        return other.add(number).Ret

    def nest(self):
        with create_Corps(Service, Hosts='auto', NumEnvs=2) as inner:
            return [name.where().Ret[0] for name in inner.create(LocType.Cluster).Ret]


class Service(Corps):
    def create(self, kind, where=None, num=1):
        return create_Concs(Worker, LocType=LocType(kind), LocVal=where, Num=num)

    def hosts(self):
        return hosts()

    def pool(self, **options):
        return create_Pool(Worker, **options)

    def grow(self, host):
        return add_Env(Host=host)


def sockets_of(pid):
    """{(own end, other end)} of the TCP connections of a process."""
    inodes = set()
    for entry in os.listdir(f'/proc/{pid}/fd'):
        try:
            inodes.add(os.readlink(f'/proc/{pid}/fd/{entry}'))
        except OSError:
            pass        # it was closed meanwhile
    with open('/proc/net/tcp') as file:
        rows = [line.split() for line in file][1:]
    return {(row[1], row[2]) for row in rows if f'socket:[{row[9]}]' in inodes}


def are_linked_by_tcp(one, other):
    there = sockets_of(other)
    return any((far, near) in there for near, far in sockets_of(one))


def on(host, names):
    """Are they all on that host?"""
    return {name.where().Ret[0] for name in names} == {host.runtime}


def check_placed(here, there):
    os.environ.update(SECRET='stays', MYAPP_LEVEL='3')
    with create_Corps(Service, Hosts='auto', NumEnvs=4, Env_Variables=['MYAPP_*', 'NOT_SET']) as service:
        rows = service.hosts().Ret
        assert [row.number for row in rows] == [1, 2] and [row.name for row in rows] == ['host1', 'host2'], rows
        assert not rows[0].drained and rows[0].own and not rows[1].own and rows[0].labels == () and rows[1].labels == ('far', 'gpu') and rows[1].slots == 4, rows
        assert 0 in rows[0].envs and rows[1].envs and sorted(rows[0].envs + rows[1].envs) == [0, 1, 2, 3], rows
        cluster = service.create(LocType.Cluster).Ret
        assert len(cluster) == 2 and on(here, cluster[:1]) and on(there, cluster[1:]), [name.where().Ret for name in cluster]
        assert on(there, service.create(LocType.Host, 'host2', 3).Ret) and on(there, service.create(LocType.Host, 2).Ret)
        assert on(there, service.create(LocType.Region, 'gpu').Ret) and on(here, service.create(LocType.Host, 1).Ret)
        near, far = cluster
        pids = [name.where().Ret[1] for name in cluster]
        assert near.ask(far, 1).Ret == 1 and near.ask(far, -1).Ret == 0
        assert os.getpgid(pids[1]) == pids[1] and os.getpgid(pids[0]) == os.getpgrp()  # a terminal's signals reach agents, not their Envs
        assert are_linked_by_tcp(os.getpid(), pids[1]) and are_linked_by_tcp(*pids) and not are_linked_by_tcp(os.getpid(), pids[0])
        assert near.variable('SECRET').Ret == 'stays' and near.variable('MYAPP_LEVEL').Ret == '3'
        assert far.variable('SECRET').Ret is None and far.variable('MYAPP_LEVEL').Ret == '3'
        assert near.ask(far, 5).Ret == 5 and far.ask(near, 7).Ret == 7 and near.add(0).Ret == 7
        assert far.nest().Ret == [there.runtime, here.runtime]
        factor = 3
        assert far.apply(lambda text: text * factor, b'x' * 1000000).Ret == b'x' * 3000000
        assert 'on the other host' in str(expect(KeyError, lambda: far.fail().Ret))
        pool = service.pool(Min=2, Max=2, LocType=LocType.Region, LocVal='far').Ret
        assert on(there, pool_members(pool)) and pool.add(1).Ret == 1
        grown = service.grow('host2').Ret
        assert grown == 4 and grown in service.hosts().Ret[1].envs
        assert add_Env(service, Host=1) == 5 and 5 in service.hosts().Ret[0].envs
        take_Env(grown, 60, service)
        assert grown not in service.hosts().Ret[1].envs
        assert "'nowhere'" in str(expect(ValueError, lambda: service.create(LocType.Host, 'nowhere').Ret))
        expect(ValueError, lambda: service.create(LocType.Cluster, 'host2').Ret)
        expect(TypeError, lambda: service.create(LocType.Host).Ret)
        expect(ValueError, lambda: service.grow('a,b').Ret)
    for name in 'SECRET', 'MYAPP_LEVEL':
        del os.environ[name]


def check_detached(here, there):
    """Without the ledger etcd its Env 0 is on the host of its creator, and is lost with it; it lives on without the creator."""
    with create_Corps(Service, Hosts='auto', NumEnvs=2, Detached=True) as service:
        assert [name.where().Ret[0] for name in service.create(LocType.Cluster).Ret] == [here.runtime, there.runtime]


def check_msgpack():
    with create_Corps(Service, Hosts=['host1', 2], NumEnvs=2, Serializer='msgpack') as service:
        far, = service.create(int(LocType.Host), 2).Ret
        assert far.add(2).Ret == 2


def check_executor(hosts):
    with Executor(3, Hosts=['gpu']) as executor:
        assert list(executor.map(abs, range(-20, 0))) == list(range(20, 0, -1))
        assert executor.submit(lambda: 6 * 7).result() == 42
        assert len(hosts.left_on(2)) == 3, hosts.left_on(2)  # all but Env 0, which is here


def check_refused(agents):
    expect(TypeError, create_Corps, Service, Hosts=2.5)
    assert 'auto' in str(expect(ValueError, create_Corps, Service, Hosts=[]))
    expect(ValueError, create_Corps, Service, Hosts=['host1,host2'])
    expect(TypeError, create_Corps, Service, Hosts='auto', Env_Variables='HOME')
    assert 'nowhere' in str(expect(ValueError, create_Corps, Service, Hosts=['nowhere'], NumEnvs=2))
    with create_Corps(Service, NumEnvs=1) as alone:
        for kind in LocType.Host, LocType.Cluster, LocType.Region:
            assert 'Hosts' in str(expect(NotImplementedError, lambda: alone.create(kind, 'host2').Ret))
    for options in {'Singleton': 'x'}, {'Cut_Off': 'stop'}:
        text = str(expect(ValueError, create_Corps, Service, Hosts='auto', Detached=True, **options)).split('\n\n')[0]
        assert 'ledger etcd' in text and '\n' not in text, text
    assert 'ledger' in str(expect(ValueError, singleton, 'x'))
    os.environ['CORPS_AGENT'] = '/nowhere/agent'
    for attempt in hosts, lambda: create_Corps(Service, Hosts='auto', NumEnvs=2), lambda: singleton('x'):
        text = str(expect(AsyncLocalMaxRetries, attempt))
        assert 'corps-agent' in text and '\n' not in text, text
    os.environ['CORPS_AGENT'] = agents.hosts[1].socket


PROGRAM = '''
import sys
import {helper}
from corps import Corps, add_Env, create_Corps

class Service(Corps):
    pass

def refused(service):
    try:
        return add_Env(service, Host=2)
    except Exception as error:
        return '%s: %s' % (type(error).__name__, error)

if __name__ == '__main__':
    with create_Corps(Service, Hosts='auto', NumEnvs=1) as service:
        print(refused(service))
        for path in {helper}.__file__, __file__:
            with open(path, 'a') as file:
                file.write('# changed')
            print(refused(service))
'''


def check_changed():
    """What is another file there is refused, with both hashes."""
    from helpers import run_python
    with tempfile.TemporaryDirectory() as folder:
        program = os.path.join(folder, 'program.py')
        with open(os.path.join(folder, 'its_helper.py'), 'w') as file:
            file.write('value = 1\n')
        with open(program, 'w') as file:
            file.write(PROGRAM.format(helper='its_helper'))
        status, out, err = run_python('-B', program)
        lines = out.splitlines()
        assert status == 0 and len(lines) == 3 and lines[0] == '1', (status, out, err)
        for line, name in zip(lines[1:], ('its_helper.py', 'program.py')):
            assert name in line and len(set(re.findall(r'\b[0-9a-f]{16}\b', line))) == 2, line


def check_lost(agents):
    """An Env of another host dies, and then the agent with all Envs of its host: one Corps heals, on the first host; the other one tells."""
    healing = {'Restart': 'on_failure', 'Restart_Backoff': 0.01}
    with create_Corps(Service, Hosts='auto', NumEnvs=2, **healing) as heals, create_Corps(Service, Hosts='auto', NumEnvs=2) as loses:
        far, = heals.create(LocType.EnvId, 1).Ret
        lost, = loses.create(LocType.Host, 2).Ret
        pid = far.where().Ret[1]
        os.kill(pid, signal.SIGKILL)
        assert far.where(Retry=True).result(60)[1] != pid and on(agents.hosts[2], [far])
        pid, env = lost.where().Ret[1], loses.hosts().Ret[1].envs[0]
        agents.kill(2)
        assert wait_until(lambda: not is_alive(pid))
        assert wait_until(lambda: answers_from(agents.hosts[1], far))
        assert f'Env {env}' in str(expect(WorkerLost, lambda: lost.where().result(60)))
        assert wait_until(lambda: loses.hosts().Ret[1].envs == ()) and heals.hosts().Ret[0].envs == (0, 1)
        agents.start(2)


def answers_from(host, name):
    try:
        return name.where().result(60)[0] == host.runtime
    except WorkerLost:
        return False  # nobody knows yet what has become of it


def main():
    try:
        agents = Hosts(labels={2: 'far gpu'})
    except NoAgent as error:
        print('note: skipped: {}'.format(error))
        print('OK')
        return
    with agents:
        os.environ.update(agents.environment(1))
        assert my_EnvId() == -1 and [row.envs for row in hosts()] == [(), ()]
        check_placed(agents.hosts[1], agents.hosts[2])
        assert agents.is_quiet(2), agents.left_on(2)
        check_detached(agents.hosts[1], agents.hosts[2])
        check_msgpack()
        check_executor(agents)
        check_refused(agents)
        check_changed()
        check_lost(agents)
        assert agents.is_quiet(2), agents.left_on(2)
        _boot.stop_template()  # it would end with this program, which is one of the first host
    print('OK')


if __name__ == '__main__':
    main()
