"""What many hosts cost etcd: simulated hosts with the shipped code that decides and asks (etcd_load.c) against one server, and what that server counts meanwhile.

    etcd_load.py BUILD [--hosts N] [--seconds N]      prints a table. No root; exit status 77: there is no etcd, or the build has no ledger for it

The first part is N hosts that renew every 0.5 s and list every second; the second one is the loss of a host until a second after another one owns its Corps.
Exit status 1: something failed, or a host has renewed more often than that, or the Corps was claimed more than once.
"""

import argparse
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request

import etcd_servers
import host

COUNTS = (  # of /metrics: (name, labels that must be in it, what it is)
    ('etcd_debugging_lease_renewed_total', (), 'leases renewed'),
    ('etcd_debugging_lease_granted_total', (), 'leases granted'),
    ('etcd_debugging_lease_revoked_total', (), 'leases revoked or run out'),
    ('etcd_debugging_mvcc_range_total', (), 'ranges'),
    ('etcd_debugging_mvcc_put_total', (), 'puts'),
    ('etcd_debugging_mvcc_delete_total', (), 'deletes'),
    ('etcd_debugging_mvcc_txn_total', (), 'transactions of the store'),
    ('grpc_server_handled_total', ('grpc_method="Range"',), 'requests: range'),
    ('grpc_server_handled_total', ('grpc_method="Txn"',), 'requests: txn'),
    ('grpc_server_started_total', ('grpc_method="LeaseKeepAlive"',), 'requests: keep-alive'),
    ('grpc_server_started_total', ('grpc_method="Watch"',), 'requests: watch'),
    ('etcd_debugging_mvcc_events_total', (), 'events'),
    ('etcd_server_proposals_applied_total', (), 'proposals applied (written by raft)'),
    ('etcd_disk_wal_fsync_duration_seconds_count', (), 'syncs of the log'),
    ('etcd_network_client_grpc_received_bytes_total', (), 'bytes received'),
    ('etcd_network_client_grpc_sent_bytes_total', (), 'bytes sent'),
    ('process_cpu_seconds_total', (), 'seconds of processor'),
    ('process_resident_memory_bytes', (), 'bytes of memory'),
)


class Server:
    """One server on free ports of loopback, with its data in a temporary folder."""

    def __init__(self):
        self.folder = tempfile.mkdtemp(prefix='corps-etcd-load-')
        self.endpoint, peer = (f'http://127.0.0.1:{port}' for port in self._free_ports(2))
        self._log = open(os.path.join(self.folder, 'log'), 'wb')
        self._etcd = subprocess.Popen([etcd_servers.program(), '--name', 'one', '--data-dir', os.path.join(self.folder, 'data'),
                                       '--listen-client-urls', self.endpoint, '--advertise-client-urls', self.endpoint, '--listen-peer-urls', peer,
                                       '--initial-advertise-peer-urls', peer, '--initial-cluster', f'one={peer}', '--logger', 'zap', '--log-level', 'warn'],
                                      stdin=subprocess.DEVNULL, stdout=self._log, stderr=self._log)
        try:
            host.until(self._serves, 30, 'a server of etcd')
        except BaseException:
            self.close()
            raise

    def _serves(self):
        if self._etcd.poll() is not None:
            raise RuntimeError('etcd has ended; see its log')
        try:
            with urllib.request.urlopen(self.endpoint + '/health', timeout=1) as answer:
                return json.load(answer).get('health') == 'true'
        except OSError:
            return False

    @staticmethod
    def _free_ports(count):
        sockets = [socket.create_server(('127.0.0.1', 0)) for _ in range(count)]
        ports = [one.getsockname()[1] for one in sockets]
        for one in sockets:
            one.close()
        return ports

    def counts(self):
        """{what it is: count}, and when that was."""
        with urllib.request.urlopen(self.endpoint + '/metrics', timeout=10) as answer:
            text = answer.read().decode()
        found = {}
        for name, labels, what in COUNTS:
            rows = re.findall(rf'^{name}(\{{[^}}]*\}})? (\S+)$', text, re.MULTILINE)
            found[what] = sum(float(value) for row, value in rows if all(label in row for label in labels))
        return time.monotonic(), found

    def close(self):
        self._etcd.terminate()
        try:
            self._etcd.wait(10)
        except subprocess.TimeoutExpired:
            self._etcd.kill()
            self._etcd.wait()
        self._log.close()
        shutil.rmtree(self.folder, ignore_errors=True)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


def table(before, after, hosts):
    """Counts between two looks, by second, and by second and host."""
    seconds = after[0] - before[0]
    print(f'  {"in " + format(seconds, ".1f") + " s":<40}{"all":>14}{"a second":>14}{"a second and host":>20}')
    for what, last in after[1].items():
        if 'memory' in what:
            print(f'  {what:<40}{last:>14,.0f}')
        else:
            count = last - before[1][what]
            print(f'  {what:<40}{count:>14,.{2 if "seconds" in what else 0}f}{count / seconds:>14,.3f}{count / seconds / hosts:>20,.4f}')


def judge(looks, events, hosts):
    """In words, what was more than one renewal a host and half-second, and one claim a take-over, by what etcd itself has counted."""
    wrong = []
    for what, begin, end in (('hosts that stay', 'steady', 'over'), ('a take-over', 'over', 'taken')):
        before, after = looks[begin], looks[end]
        renewed = after[1]['leases renewed'] - before[1]['leases renewed']
        share = renewed / (hosts * 2 * (after[0] - before[0]))
        print(f'{what}: {share:.3f} renewals a host and half-second, {after[1]["requests: txn"] - before[1]["requests: txn"]:.0f} claims, '
              f'{(events[end]["lists"] - events[begin]["lists"] if begin == "over" else events[end]["lists"]) / hosts / (after[0] - before[0]):.2f} lists a host and second')
        if share > 1.02:
            wrong.append(f'{what}: {share:.3f} renewals a host and half-second')
    claims = looks['taken'][1]['requests: txn'] - looks['over'][1]['requests: txn']
    if claims != 1:
        wrong.append(f'a take-over: {claims:.0f} claims')
    return wrong


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('build')
    parser.add_argument('--hosts', type=int, default=100)
    parser.add_argument('--seconds', type=int, default=20)
    options = parser.parse_args()
    etcd_servers.skip_unless_installed()
    program = os.path.join(options.build, 'tests', 'etcd-load')
    if not os.path.exists(program):
        print('skipped: this build has no ledger etcd; on Debian: apt-get install libcurl4-openssl-dev libjansson-dev, then configure anew')
        return 77
    with Server() as server:
        load = subprocess.Popen([program, server.endpoint, str(options.hosts), str(options.seconds)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        try:
            looks, events = {}, {}
            for line in load.stdout:
                event = json.loads(line)
                events[event['event']], looks[event['event']] = event, server.counts()
                load.stdin.write('on\n')
                load.stdin.flush()
            status = load.wait(60)
        finally:
            load.kill()
            load.wait()
            load.stdin.close()
            load.stdout.close()
    if 'taken' not in events:
        print(f'the load has ended with {status} before it was through')
        return 1
    over, taken = events['over'], events['taken']
    print(f'{options.hosts} hosts, each renews every 0.5 s and lists every second; each list told of {over["hosts_seen"]} hosts and {over["corps_seen"]} Corps; '
          f'{over["failed"]} operations failed')
    table(looks['steady'], looks['over'], options.hosts)
    for name in ('renew', 'list'):
        took = over[f'{name}_took']
        print(f'  {name}: {took["count"]} of them, {took["p50_ms"]:.2f} ms in the median, {took["p99_ms"]:.2f} ms at the 99th percentile, {took["worst_ms"]:.2f} ms at worst')
    print(f'the loss of a host: seen after {taken["seen_gone_s"]:.2f} s, claimed after {taken["taken_s"]:.2f} s; {taken["hints"] - over["hints"]} hints')
    table(looks['over'], looks['taken'], options.hosts)
    wrong = judge(looks, events, options.hosts)
    print(*wrong, sep='\n', end='\n' if wrong else '')
    return status or min(len(wrong), 1)


if __name__ == '__main__':
    sys.exit(main())
