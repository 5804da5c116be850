"""One trial with Concs in Python, for corps-lab: lab_cell.py key=value … prints what was measured as one JSON object.

Keys are those of a cell, and `library`, the shared object with the classes written in C. lang says who calls whom:
python (Python calls Python), c-python (C calls Python), python-c (Python calls C). corps-lab has checked that the cell
can be.
"""

import os
import sys

from corps import create_Corps, load_classes

import lab_heal
import lab_program
import lab_retry
import lab_servers
from lab_program import params_of

# workload → (Python's module and class, C's class) of the driver, then of the servers
DRIVERS = {'echo': ('lab_drivers', 'EchoDriver', 'LabEchoDriver'),
           'retry': ('lab_retry', 'RetryDriver', 'LabRetryDriver'),
           'pipeline': ('lab_drivers', 'PipelineDriver', 'LabPipelineDriver'),
           'oneway': ('lab_drivers', 'OnewayDriver', 'LabOnewayDriver'),
           'fanout': ('lab_drivers', 'FanoutDriver', 'LabFanoutDriver'),
           'search': ('lab_drivers', 'SearchDriver', 'LabSearchDriver'),
           'heal': ('lab_heal', 'HealDriver', 'LabHealDriver'),
           **dict.fromkeys(('fanin', 'mesh'), ('lab_contention', 'ContentionDriver', 'LabContentionDriver'))}
SERVERS = {**dict.fromkeys(('echo', 'retry'), ('lab_servers', 'Echo', 'LabEcho')), 'pipeline': ('lab_servers', 'Echo', 'LabPipeline'),
           'oneway': ('lab_servers', 'Sink', 'LabSink'), 'fanout': ('lab_servers', 'Echo', 'LabFanout'),
           'search': ('lab_servers', 'Searcher', 'LabSearcher'), 'ring': ('lab_ring', 'Station', None),
           'heal': ('lab_heal', 'Mortal', 'LabMortal'),
           **dict.fromkeys(('fanin', 'mesh'), ('lab_contention', 'Called', 'LabCalled'))}
CALLER = ('lab_contention', 'Caller', 'LabCaller')  # of fanin and mesh


def class_of(entry, in_c):
    """The arguments of Lab.make for a class."""
    where, python, c = entry
    return ('', c) if in_c else (where, python)


def look_at_envs(cell, lab):
    """The Envs' processes, which must sit where the cell wants them."""
    seen = [probe.look().Ret for probe in lab.make_per_env('lab_servers', 'Probe').Ret]
    if cell['placement'] != 'unpinned' and any(processors != 1 for _, processors in seen):
        raise RuntimeError(f'an Env is not on one processor, as placement={cell["placement"]} wants')
    return [pid for pid, _ in seen]


def make_servers(cell, lab):
    """In the other Envs in turn (with one Env, in that); a ring and a search have them in all."""
    server = class_of(SERVERS[cell['workload']], cell['lang'] == 'python-c')
    if cell['workload'] == 'search':
        return lab.make_per_env(*server).Ret
    several = cell['workload'] in ('fanout', 'ring')
    first = 0 if cell['workload'] == 'ring' or cell['envs'] == 1 else 1
    return [lab.make(*server, first + i % (cell['envs'] - first)).Ret for i in range(cell['concs'] if several else 1)]


def make_contenders(cell, lab):
    """The callers, then the called: one, or as many. Spread as by workloads/fanin.c and mesh.c."""
    one = cell['workload'] == 'fanin'
    first = 1 if one and cell['envs'] > 1 else 0
    called = class_of(SERVERS[cell['workload']], cell['lang'] == 'python-c')
    caller = class_of(CALLER, cell['lang'] == 'c-python')
    return ([lab.make(*caller, first + i % (cell['envs'] - first)).Ret for i in range(cell['concs'])]
            + [lab.make(*called, i % cell['envs']).Ret for i in range(1 if one else cell['concs'])])


def prepare(cell, pids, servers):
    """What servers must know before the first message."""
    if cell['workload'] == 'oneway':
        servers[0].expect(params_of(cell, pids, [])).Ret
    elif cell['workload'] == 'ring':
        for index, station in enumerate(servers):
            station.link(params_of(cell, pids, servers, index)).Ret
    elif cell['workload'] in ('fanin', 'mesh'):
        for index, caller in enumerate(servers[:cell['concs']]):
            caller.meet(params_of(cell, pids, servers[cell['concs']:], index)).Ret


def check_ring(stations, laps):
    """The token must have been everywhere as often as station 0 has seen it."""
    for index, station in enumerate(stations):
        visits = station.seen().Ret
        if visits != laps:
            raise RuntimeError(f'the token was {visits} times at Conc {index} and {laps} times at Conc 0')


def measure(cell, lab):
    pids = look_at_envs(cell, lab)
    servers = (make_contenders if cell['workload'] in ('fanin', 'mesh') else make_servers)(cell, lab)
    prepare(cell, pids, servers)
    if cell['workload'] == 'ring':
        driver = servers[0]
    else:
        driver = lab.make(*class_of(DRIVERS[cell['workload']], cell['lang'] == 'c-python'), 0).Ret
    result = driver.run(params_of(cell, pids, servers)).result(120 + 2 * cell['max_ms'] / 1000)
    if cell['workload'] == 'ring':
        check_ring(servers, result['laps'])
    return result


def run(cell):
    """The trial: a Corps as the cell wants it, the workload on it."""
    os.environ['CORPS_PLACEMENT'] = cell['placement']  # no option of the package: the core reads it here
    if cell['lang'] != 'python':
        load_classes(cell['library'])
    config = {'NumEnvs': cell['envs'], 'Transport': cell['transport'], 'Serializer': cell['serializer'],
              'Wake': cell['wake'], 'Mailbox_Max_Requests': max(1024, cell['window'])}
    if cell['workload'] == 'retry':
        config.update(lab_retry.CONFIG)
    if cell['workload'] != 'heal':
        with create_Corps(lab_servers.Lab, Tag='lab', ConfigDicts=[config]) as lab:
            return measure(cell, lab)
    with lab_heal.hushed(), create_Corps(lab_servers.Lab, Tag='lab', ConfigDicts=[{**config, **lab_heal.RESTART}]) as lab:
        return measure(cell, lab)


if __name__ == '__main__':
    sys.exit(lab_program.main(sys.argv[1:], run))
