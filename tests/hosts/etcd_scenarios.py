"""What may befall owned Corps, their hosts and etcd, and what it must come to: each under constant load, with the oracle of owned.h.

    etcd_scenarios.py BUILD [NAME …]       all of them, or those; some lines each. Exit status 77: no namespaces can be made here, or there is no etcd
    etcd_scenarios.py --list
"""

import sys
import time

import cluster
import etcd_servers
import etcd_world
import host

SHORT_S, LONG_S = 3, 12  # etcd is away: so much shorter than a lease that a busy machine does not matter, and longer


class Wrong(Exception):
    """What should have come has not."""


def expect(condition, text):
    if not condition:
        raise Wrong(text)


def moved(here, index, life, old, callers=None):
    """One Corps of the load is answered by a later life; from another host, unless `old` is None. Gives when everybody had been answered."""
    at = here.await_life(index, life, callers)
    if old is not None:
        expect(here.owner(index) != old, f'one-{index} has not left host {old}')
    return at


def others(here, *numbers):
    return [number for number in here.callers if number not in numbers]


def lose_and_see(here, number):
    """A host is off. Gives for each Corps that was there how long it took until everybody else was answered anew."""
    before = here.fences()
    began = time.time()
    here.lose(number)
    gone = [index for index, fence in enumerate(before) if fence['host'] == number]
    times = [moved(here, index, before[index]['life'], number) - began for index in gone]
    for index, fence in enumerate(before):
        if index not in gone and here.corps[index] == 'stop':
            expect(here.life(index) == fence['life'], f'one-{index} was not on host {number}, and has begun anew')
    return 'answered anew after ' + ', '.join(f'{took:.2f} s' for took in times)


def owner_lost(here):
    return lose_and_see(here, here.owner(0))


def owner_back(here):
    said = lose_and_see(here, here.owner(0))
    here.heal()
    here.etcd.await_leader(60)
    for index in range(len(here.corps)):
        here.await_life(index, 0)
    return said + '; then ' + lose_and_see(here, here.owner(0))


def owner_and_leader(here):
    here.etcd.lead_on(here.owner(0))
    here.term = None  # a new leader is meant
    return lose_and_see(here, here.owner(0))


def stay_where_they_are(here, begin, seconds, end):
    """Something befalls etcd that is no reason for any Corps to begin anew."""
    before = [fence['life'] for fence in here.fences()]
    begin()
    time.sleep(seconds)
    end()
    time.sleep(6)  # longer than a lease
    expect([fence['life'] for fence in here.fences()] == before, 'a Corps has begun anew, though it had no reason to')
    return 'all Corps ran on'


def leader_killed(here):
    return stay_where_they_are(here, here.kill_leader, 6, here.start_all_etcd)


def leader_stopped(here):
    return stay_where_they_are(here, here.stop_leader, 10, here.go_on_etcd)


def leader_unheard(here):
    """Its host's agent reaches the other servers, and is not answered by its own."""
    leader = here.leader()
    here.drop_etcd_from(leader)
    time.sleep(10)
    here.mend_etcd(leader)
    return f'the leader was on host {leader}'


def leader_deaf(here):
    leader = here.leader()
    here.drop_etcd_to(leader)
    time.sleep(10)
    here.mend_etcd(leader)
    return f'the leader was on host {leader}'


def etcd_short(here):
    return stay_where_they_are(here, here.stop_all_etcd, SHORT_S, here.go_on_etcd)


def etcd_gone(here):
    """All servers are killed; Corps that are to stop end, and begin anew when etcd is back; those that are to stay do not."""
    before = here.fences()
    here.kill_all_etcd()
    time.sleep(LONG_S)
    left = {one.number: len(here.env_pids(one.number)) for one in here.hosts}
    stays = sum(cut_off == 'stay' for cut_off in here.corps)
    expect(sum(left.values()) == stays * here.envs, f'there should be {stays} Corps without etcd, and by hosts there are Envs: {left}')
    began = time.time()
    here.start_all_etcd()
    times = [moved(here, index, fence['life'], None) - began for index, fence in enumerate(before) if here.corps[index] == 'stop']
    return 'answered anew ' + ', '.join(f'{took:.2f} s' for took in times) + ' after etcd was started'


def etcd_stopped(here):
    before = here.fences()
    here.stop_all_etcd()
    time.sleep(LONG_S)
    began = time.time()
    here.go_on_etcd()
    times = [moved(here, index, fence['life'], None) - began for index, fence in enumerate(before) if here.corps[index] == 'stop']
    return 'answered anew ' + ', '.join(f'{took:.2f} s' for took in times) + ' after etcd went on'


def agent_killed(here):
    before, number, began = here.fences(), here.owner(0), time.time()
    here.kill_agent(number)
    host.until(lambda: not here.env_pids(number), 10, 'the end of the Envs of an agent that was killed')
    ended = time.time() - began
    took = moved(here, 0, before[0]['life'], number, others(here, number)) - began
    return f'its Envs had ended after {ended:.2f} s, answered anew after {took:.2f} s'


def agent_back(here):
    """An agent is started again at once: what the one before it granted runs to its end."""
    before, number, began = here.fences(), here.owner(0), time.time()
    here.kill_agent(number)
    here.start_agent(number)
    return f'answered anew after {moved(here, 0, before[0]["life"], None) - began:.2f} s'


def agent_stopped(here):
    before, number, began = here.fences(), here.owner(0), time.time()
    here.stop_agent(number)
    took = moved(here, 0, before[0]['life'], number, others(here, number)) - began
    time.sleep(3)
    here.continue_all()
    return f'answered anew after {took:.2f} s'


def front_killed(here):
    before, number, began = here.fences(), here.owner(0), time.time()
    here.kill_front(0)
    took = moved(here, 0, before[0]['life'], None) - began
    expect(here.owner(0) == number, 'its own host is there, and it has moved')
    return f'answered anew after {took:.2f} s'


def front_stopped(here):
    """Env 0 says nothing for ten seconds, and lives. Its host need do nothing; what it does then must be right."""
    here.stop_front(0)
    time.sleep(10)
    here.continue_all()
    return ''


def owner_frozen(here):
    before, number, began = here.fences(), here.owner(0), time.time()
    here.freeze(number)
    took = moved(here, 0, before[0]['life'], number, others(here, number)) - began
    time.sleep(1)
    here.thaw(number)
    return f'answered anew after {took:.2f} s'


def owner_cut(here):
    before, number, began = here.fences(), here.owner(0), time.time()
    here.cut(number)
    took = moved(here, 0, before[0]['life'], number, others(here, number)) - began
    here.mend(number)
    return f'answered anew after {took:.2f} s'


def owner_cut_stays(here):
    """The one case in which a Corps may be twice for a while: so the fence must have seen it."""
    said = owner_cut(here)
    host.until(lambda: here.fences()[0]['refused'] > 0, 20, 'acts of the former life, which ran on')
    return f'{said}; the former life was refused {here.fences()[0]["refused"]} times'


def owner_without_etcd(here):
    """The host reaches all others, but no server of etcd, its own one neither. It must stop, and another one go on."""
    before, number, began = here.fences(), here.owner(0), time.time()
    here.drop_etcd_from(number)
    here.drop_etcd_to(number)
    here.kill_etcd(number)
    took = moved(here, 0, before[0]['life'], number, others(here, number)) - began
    here.mend_etcd(number)
    return f'answered anew after {took:.2f} s'


def drained(here):
    before, number, began = here.fences(), here.owner(0), time.time()
    expect(here.drain(number), f'it is not drained: {here.doubts}')
    took = [moved(here, index, fence['life'], number) - began for index, fence in enumerate(before) if fence['host'] == number]
    host.until(lambda: not here.env_pids(number), 30, 'a drained host without Envs')
    here.undrain(number)
    expect(not here.doubts, f'it is not undrained: {here.doubts}')
    return 'answered anew after ' + ', '.join(f'{one:.2f} s' for one in took)


def wiped(here):
    """Each server in its turn loses all that it has written, and joins anew."""
    before = [fence['life'] for fence in here.fences()]
    for one in here.hosts:
        here.etcd.await_leader(30)
        here.wipe_etcd(one.number)
        host.until(here.etcd.is_healthy, 60, f'etcd of {one.name} anew')
    here.term = None
    expect([fence['life'] for fence in here.fences()] == before, 'a Corps has begun anew, though it had no reason to')
    return 'all Corps ran on'


def one_name(here):
    """While one has the name nobody gets it. A free one is given to one of those who ask at once; and again when that one has ended."""
    def ask(index):
        return [here.created(process) for process in [here.begin_create(index, one.number) for one in here.hosts]]
    told = ask(0)
    expect([one['code'] for one in told] == ['LIMIT'] * 3, f'the name is taken, and it was said: {told}')

    def race():
        told = ask(1)
        won = sum(one['event'] == 'created' for one in told)
        expect(won <= 1, f'one name was given {won} times: {told}')
        return won
    for _ in range(2):
        host.until(race, 30, 'a name that is free')
        here.leave(1)
    begun = here.fences(2)[1]['begun']
    expect(begun == 2, f'two Corps of the name were created, and {begun} lives have begun')
    return ''


BOTH = ('stop', 'stay')
# name: (what is said of it, Corps, clocks that are off, function)
SCENARIOS = {
    'owner lost': ('the host of Env 0 is off', ('stop', 'stop'), {}, owner_lost),
    'owner back': ('the host of Env 0 is off and comes back, then the next one', ('stop', 'stop'), {}, owner_back),
    'owner and leader': ('the host of Env 0 is off, and etcd\'s leader was there', ('stop', 'stop'), {}, owner_and_leader),
    'leader killed': ('etcd\'s leader is killed, and started again', BOTH, {}, leader_killed),
    'leader stopped': ('etcd\'s leader is stopped for ten seconds', BOTH, {}, leader_stopped),
    'leader unheard': ('etcd\'s leader is not heard, and hears', BOTH, {}, leader_unheard),
    'leader deaf': ('etcd\'s leader hears nothing, and is heard', BOTH, {}, leader_deaf),
    'etcd away shortly': ('all of etcd is stopped for three seconds', BOTH, {}, etcd_short),
    'etcd gone': ('all of etcd is killed, and started again after twelve seconds', BOTH, {}, etcd_gone),
    'etcd stopped': ('all of etcd is stopped for twelve seconds', BOTH, {}, etcd_stopped),
    'etcd wiped': ('each server of etcd loses what it has written, and joins anew', BOTH, {}, wiped),
    'agent killed': ('the agent of the owner is killed', ('stop', 'stop'), {}, agent_killed),
    'agent back': ('the agent of the owner is killed, and started at once', ('stop', 'stop'), {}, agent_back),
    'agent stopped': ('the agent of the owner is stopped', ('stop', 'stop'), {}, agent_stopped),
    'front killed': ('Env 0 is killed', ('stop', 'stop'), {}, front_killed),
    'front stopped': ('Env 0 is stopped for ten seconds', ('stop', 'stop'), {}, front_stopped),
    'owner frozen': ('every process of the owner\'s host stops', ('stop', 'stop'), {}, owner_frozen),
    'owner cut': ('the cable of the owner\'s host is cut', ('stop', 'stop'), {}, owner_cut),
    'owner cut, stays': ('the same for a Corps that is to stay: it is there twice for a while', ('stay',), {}, owner_cut_stays),
    'owner without etcd': ('the owner\'s host reaches no server of etcd', ('stop', 'stop'), {}, owner_without_etcd),
    'drained': ('the owner\'s host is drained, and taken back', ('stop', 'stop'), {}, drained),
    'one name': ('all hosts ask for one name at once', ('stop',), {}, one_name),
    'clocks': ('the clock of a host is 1,000 s ahead, and the owner is lost', ('stop', 'stop'), {1: 1000}, owner_lost),
    'short': ('what CI runs: the host of Env 0 is off, and etcd\'s leader was there', ('stop',), {}, owner_and_leader),
}


def run(build, corps, clocks, play):
    """Gives (faults in words, what calls came to, what was seen, how it settled)."""
    said = ''
    with etcd_world.EtcdWorld(build, corps, clocks) as here:
        try:
            said = play(here)
            wrong = []
        except (Wrong, TimeoutError, RuntimeError) as error:
            wrong = [str(error)]
        found, counts = here.settle()
        return wrong + found, counts, said, {'boot_s': here.boot_s, **here.settled}


def main(arguments):
    if arguments == ['--list']:
        print(*SCENARIOS, sep='\n')
        return 0
    cluster.skip_unless_possible(faults=arguments[1:] != ['short'])
    etcd_servers.skip_unless_installed()
    build, names, failed = arguments[0], arguments[1:] or [name for name in SCENARIOS if name != 'short'], 0
    for name in names:
        what, corps, clocks, play = SCENARIOS[name]
        began = time.monotonic()
        try:
            wrong, counts, said, settled = run(build, corps, clocks, play)
        except (RuntimeError, TimeoutError) as error:
            wrong, counts, said, settled = [str(error)], {}, '', {}
        print(f'{name}: {"good" if not wrong else "WRONG"}: {what}: {said}; {settled}; {counts}; {time.monotonic() - began:.0f} s', *wrong, sep='\n  ', flush=True)
        failed += bool(wrong)
    return min(failed, 1)


if __name__ == '__main__':
    sys.exit(main(sys.argv[1:]))
