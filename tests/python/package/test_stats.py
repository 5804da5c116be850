"""What Envs have counted, from Python: of a Corps that this program has created, of the own one, and of one that is known by a Name alone; of
Workers that are asked and fail; what is wrong is said."""

import os
import signal

import corps
from corps import CallTimeout, Conc, Corps, LocType, WorkerLost, create_Concs, create_Corps
from helpers import expect


class Busy(Conc):
    def echo(self, thing):
        return thing

    def fail(self):
        raise ValueError('as asked')

    async def later(self, thing):
        return thing


class Service(Corps):
    def __init__(self):
        super().__init__()
        self.busy = create_Concs(Busy, LocType=LocType.EnvId, LocVal=1)[0]

    def worker(self):
        return self.busy

    def pid(self):
        return os.getpid()

    def own(self):
        return corps.stats()

    def of(self, name):
        return corps.stats(name)


def busy_of(found):
    """The dict of the only Busy in an Env's."""
    workers = [worker for worker in found['workers'] if worker['class'].startswith('Busy ')]
    assert len(workers) == 1, found['workers']
    return workers[0]


def check_envs(found, first_pid):
    assert sorted(found) == [0, 1], found
    for env, one in found.items():
        assert one['env'] == env and one['incarnation'] == 1 and one['threads'] > 0 and one['up_ns'] > 0, one
        assert one['rss_bytes'] > 1 << 20 and one['cpu_ns'] > 0 and one['pools'] == [] and one['workers_left'] == 0, one
        assert one['tag'] == 'seen' and all(link['corps'] >= 0 and link['state'] for link in one['links']), one
    assert found[0]['pid'] == first_pid and found[1]['pid'] not in (first_pid, os.getpid()), found
    assert found[0]['corps'] == found[1]['corps'] > 0


def check_worker(service):
    worker = service.worker().Ret
    before = busy_of(corps.stats(service)[1])
    for number in range(100):
        assert worker.echo(number).Ret == number
    expect(ValueError, lambda: worker.fail().Ret)
    assert worker.later(5).Ret == 5
    after = busy_of(corps.stats(worker)[1])  # the Name of any of its Workers stands for a Corps
    assert after['served'] == before['served'] + 102 and after['failed'] == before['failed'] + 1, (before, after)
    assert after['queued'] == 0 and after['restarted'] == 0 and after['running'] is False, after
    for times in after['wait'], after['service']:
        assert sum(count for _, count in times['buckets']) == times['count'], times


class stopped:
    """A block in which a process is stopped; after it, it goes on, if it is still there."""

    def __init__(self, pid):
        self.pid = pid

    def __enter__(self):
        os.kill(self.pid, signal.SIGSTOP)

    def __exit__(self, *unused):
        os.kill(self.pid, signal.SIGCONT)


def stats_when(holds, timeout):
    """What Envs say within that time, or within twice as long, and so on, once it is so: on a busy machine one may not run for seconds, and one
    that is being stopped may go on for a moment."""
    while True:
        try:
            found = corps.stats(timeout=timeout)
        except (CallTimeout, WorkerLost):
            found = None
        if holds(found):
            return found
        timeout *= 2


def check_ended():
    """One Env does not answer, and then has ended: the other one is there all the same."""
    found = corps.stats(timeout=None)
    first, second = found[0]['pid'], found[1]['pid']
    with stopped(second):
        found = stats_when(lambda found: found and 'error' not in found[0] and 'error' in found[1], 0.2)
        assert sorted(found[1]) == ['env', 'error'] and found[0]['env'] == 0, found
    os.kill(second, signal.SIGKILL)
    found = corps.stats(timeout=None)
    assert found[1]['env'] == 1 and 'killed' in found[1]['error'] and found[0]['env'] == 0, found[1]
    with stopped(first):
        stats_when(lambda found: found is None, 0.1)
    assert corps.stats(timeout=None)[0]['env'] == 0


def main():
    assert 'no Corps' in str(expect(ValueError, corps.stats))
    with create_Corps(Service, NumEnvs=2, Tag='seen') as service, create_Corps(Service, NumEnvs=2, Tag='other') as other:
        check_envs(corps.stats(service), service.pid().Ret)
        check_envs(service.own().Ret, service.pid().Ret)
        check_envs(other.of(service).Ret, service.pid().Ret)  # which has not created it
        check_worker(service)
        assert '2 Corps' in str(expect(ValueError, corps.stats))
        assert 'Name' in str(expect(TypeError, corps.stats, 5))
        expect(TypeError, corps.stats, service, 'soon')
        assert 'negative' in str(expect(ValueError, corps.stats, service, -1))
        gone = other.worker().Ret
    with create_Corps(Service, NumEnvs=2, Tag='seen') as service:
        check_envs(corps.stats(), service.pid().Ret)  # the only one
        assert 'has ended' in str(expect(WorkerLost, corps.stats, gone))
        check_ended()


if __name__ == '__main__':
    main()
    print('OK')
