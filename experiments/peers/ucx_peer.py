"""peer:ucx-…: UCX's own ucx_perftest between two processes, over one mechanism.

ucx_perftest does not check what arrives, and tells one quantile a run: one run gives the median and the mean, another
the 99th percentile. Its latency is half a round trip.
"""

import os
import socket
import subprocess
import sys
import time

import peer_program

MECHANISMS = {'peer:ucx-posix': 'posix', 'peer:ucx-sysv': 'sysv', 'peer:ucx-cma': 'posix,cma'}
TESTS = {'echo': 'ucp_am_lat', 'oneway': 'ucp_am_bw'}
PATIENCE_S = 15
COUNT, QUANTILE, _, MEAN = range(4)  # columns; MEAN is over the whole run


def version():
    text = subprocess.run(['ucx_info', '-v'], stdout=subprocess.PIPE, check=True, text=True).stdout
    return 'UCX ' + text.split()[2]


def free_port():
    with socket.socket() as probe:
        probe.bind(('127.0.0.1', 0))
        return probe.getsockname()[1]


def await_listening(port, server):
    """To connect would be to be taken for the client."""
    end = time.monotonic() + PATIENCE_S
    wanted = f':{port:04X} 00000000:0000 0A'
    while time.monotonic() < end and server.poll() is None:
        with open('/proc/net/tcp', encoding='ascii') as table:
            if wanted in table.read():
                return
        time.sleep(0.002)
    raise RuntimeError('the server of ucx_perftest does not listen')


def perftest(cell, *arguments):
    """One run. Gives its iterations, the quantile and the mean in µs, …"""
    port = free_port()
    cpus = cell['cpus'].split(',')
    common = ['ucx_perftest', '-p', str(port)] + (['-E', 'sleep', '-I'] if cell['wake'] == 'block' else ['-E', 'poll'])
    sides = [common + ([] if cell['placement'] == 'unpinned' else ['-c', cpus[side % len(cpus)]]) for side in (0, 1)]
    environment = dict(os.environ, UCX_TLS=MECHANISMS[cell['transport']])
    server = subprocess.Popen(sides[1], env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.STDOUT)
    try:
        await_listening(port, server)
        client = subprocess.run(sides[0] + ['127.0.0.1', '-f', '-v', *map(str, arguments)], env=environment, text=True,
                                stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=PATIENCE_S, check=False)
        server.wait(PATIENCE_S)
    finally:
        server.kill()
        server.wait()
    lines = client.stdout.strip().splitlines() or ['no output']
    if client.returncode != 0 or lines[-1].count(',') != 7:
        raise RuntimeError(f'ucx_perftest ended with status {client.returncode}: {lines[-1]}')
    return [float(field) for field in lines[-1].split(',')]


def run(cell):
    alone = peer_program.leave_network()
    size = int(cell['payload'].split(':')[1])
    ways = 2 if cell['workload'] == 'echo' else 1
    base = ['-t', TESTS[cell['workload']], '-s', size]
    warmed = base + ['-w', cell['warmup_count']]
    step_s = max(perftest(cell, *warmed, '-n', 1000)[MEAN] * ways / 1e6, 1e-9)
    count = max(cell['min_count'], int(cell['min_ms'] / 1000 / step_s))
    count = max(1, min(count, int(cell['max_ms'] / 1000 / step_s)))
    median, tail = (perftest(cell, *warmed, '-n', count, '-R', rank) for rank in (50, 99))
    messages = int(median[COUNT])
    notes = ['what arrived is not checked; p50 and messages per second are of one run, p99 of another',
             f'UCX_TLS={MECHANISMS[cell["transport"]]}, test {TESTS[cell["workload"]]}']
    if not alone:
        notes.append('the system allows no network of its own: ucx_perftest listened on every interface meanwhile')
    return {'messages': messages, 'seconds': median[MEAN] * ways * messages / 1e6, 'histogram': b'', 'size_bytes': size,
            'p50_ns': round(median[QUANTILE] * ways * 1000), 'p99_ns': round(tail[QUANTILE] * ways * 1000), 'unverified': True,
            'notes': notes}


if __name__ == '__main__':
    sys.exit(peer_program.main(version, run))
