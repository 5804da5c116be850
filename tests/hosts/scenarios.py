"""What may befall a Corps of several hosts, and what it must come to: each under constant load, with the oracle of load.c.

    scenarios.py BUILD [NAME …]       all of them, or those; one line each. Exit status 77: no namespaces can be made here
    scenarios.py --list
"""

import sys
import time

import cluster
import host
import world

GRANT_S = 2.4  # so long an Env on another host acts after its owner's last word
BUSY_S = 12    # a machine that does much else takes so much longer at most

# name: (what is said of it, clocks that are off, story)
SCENARIOS = {
    'env killed': ('an Env is killed by a signal', {}, [(1, 'kill_env', 2)]),
    'env stopped': ('an Env is stopped for ten seconds', {}, [(1, 'stop_env', 2), (11, 'continue_all')]),
    'env stuck': ('a method does not end', {}, [(1, 'hang', 1)]),
    'agent killed': ('an agent is killed, and started again', {}, [(1, 'kill_agent', 2), (6, 'start_agent', 2)]),
    'agent stopped': ('an agent is stopped for ten seconds, its Envs are not', {}, [(1, 'stop_agent', 2), (11, 'continue_all')]),
    'link cut': ('the cable of a host is cut for 40 seconds', {}, [(1, 'cut', 2), (41, 'mend', 2)]),
    'link cut short': ('the cable of a host is cut for a second', {}, [(1, 'cut', 2), (2, 'mend', 2)]),
    'link cut one way': ('a host is not heard, and hears', {}, [(1, 'drop_from', 2, 100), (11, 'drop_from', 2, 0)]),
    'link cut the other way': ('a host hears nothing, and is heard', {}, [(1, 'drop_to', 2, 100), (11, 'drop_to', 2, 0)]),
    'link cut between two': ('two hosts do not hear each other, and their owner hears both', {},
                             [(1, 'drop_between', 2, 3, 100), (1, 'drop_between', 3, 2, 100), (11, 'heal')]),
    'link flaps': ('a cable that is loose', {}, [step for i in range(10) for step in ((1 + i, 'cut', 2), (1.5 + i, 'mend', 2))]),
    'packets lost': ('every tenth packet of a host is lost', {}, [(1, 'drop_from', 2, 10), (1.1, 'drop_to', 2, 10), (11, 'heal')]),
    'slow link': ('a cable that carries a megabit in a second', {}, [(1, 'slow', 2, 1), (8, 'heal')]),
    'host lost': ('a host is off', {}, [(1, 'lose', 2), (9, 'rest')]),
    'host back': ('a host is off, and comes back', {}, [(1, 'lose', 2), (8, 'heal'), (10, 'kill_env', 3)]),
    'two hosts lost': ('all hosts but the owner\'s are off, one after the other', {}, [(1, 'lose', 2), (8, 'lose', 3), (16, 'rest')]),
    'owner cut': ('the host of Env 0 is alone for ten seconds', {}, [(1, 'cut', 1), (11, 'mend', 1)]),
    'host frozen': ('every process of a host stops for six seconds, which is past its grant', {}, [(1, 'freeze', 2), (7, 'thaw', 2)]),
    'clock ahead': ('the clock of a host is 1,000 s ahead', {2: 1000}, [(1, 'kill_env', 2), (3, 'cut', 3), (8, 'mend', 3)]),
    'clock behind': ('the clock of a host is 1,000 s behind', {3: 1000, 1: 1000}, [(1, 'kill_env', 2), (3, 'cut', 2), (8, 'mend', 2)]),
    'short': ('what CI runs: a host is off, an Env is killed', {}, [(0.2, 'lose', 3), (0.2, 'kill_env', 2), (5, 'rest')]),
}


def run(build, clocks, story):
    """Gives (faults in words, the load's last event, {Env: seconds until it answered anew after the first fault})."""
    with world.World(build, clocks=clocks) as one:
        one.play(story)
        wrong, last = one.settle()
        return wrong, last, one.healed(one.at[0])


def run_owner_lost(build):
    """The host of Env 0 is off: every Env on the others ends by itself when its grant does, and the agents serve another Corps."""
    with world.World(build) as one:
        one.lose(world.OWNER)
        lost = time.monotonic()
        host.until(lambda: not any(one.env_pids(number) for number in (2, 3)), GRANT_S + BUSY_S, 'the end of Envs whose owner is lost')
        print(f'  the last Env had ended {time.monotonic() - lost:.1f} s after its owner\'s host')
        return one.leftovers()


def show(name, what, wrong, last, healed):
    counts = {key: sum(env[key] for env in last['envs']) for key in ('answered', 'lost', 'late', 'twice')} if last else {}
    said = ', '.join([*(f'{count} {key}' for key, count in counts.items()), *(f'Env {env} anew after {took} s' for env, took in sorted(healed.items()))])
    print(f'{name}: {"good" if not wrong else "WRONG"}: {what}: {said}', *wrong, sep='\n  ', flush=True)


def main(arguments):
    if arguments == ['--list']:
        print(*SCENARIOS, 'owner lost', sep='\n')
        return 0
    cluster.skip_unless_possible(faults=arguments[1:] != ['short'])
    build, names, failed = arguments[0], arguments[1:] or [*SCENARIOS, 'owner lost'], 0
    for name in names:
        if name == 'owner lost':
            what, wrong, last, healed = 'the host of Env 0 is off', run_owner_lost(build), None, {}
        else:
            what, clocks, story = SCENARIOS[name]
            wrong, last, healed = run(build, clocks, story)
        show(name, what, wrong, last, healed)
        failed += bool(wrong)
    return min(failed, 1)


if __name__ == '__main__':
    sys.exit(main(sys.argv[1:]))
