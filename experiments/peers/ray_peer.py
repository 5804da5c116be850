"""peer:ray: an actor of Ray in a process of its own, on a local cluster that lives as long as the trial. A message is a number
and a payload; a stream is calls whose answers are awaited at the end."""

import importlib.metadata
import os
import sys
import time

import peer_program  # finds the next ones

import raw
from lab_meter import PATIENCE_S, Message, Meter
from lab_program import params_of


def version():
    return f'Ray {importlib.metadata.version("ray")}'


def stream(meter, ray, sink):
    payload = meter.message.payload

    def send(count):
        numbers = range(meter.next, meter.next + count)
        meter.next += count
        return [sink.take.remote(number, payload) for number in numbers][-1]

    meter.weight = max(1, min(64, (1 << 20) // (meter.message.size_bytes + 1)))
    meter.warm_begin()
    while not meter.warm_enough():
        last = send(1)
    ray.get(last, timeout=PATIENCE_S)
    meter.begin()
    while meter.go_on():
        begin = time.monotonic_ns()
        last = send(meter.weight)
        meter.times_ns.append((time.monotonic_ns() - begin) // meter.weight)
        meter.messages += meter.weight
    ray.get(last, timeout=PATIENCE_S)
    meter.total_ns = time.monotonic_ns() - meter.begin_ns
    meter.end()


def run(cell):
    import ray
    params = params_of(dict(cell, serializer='pickle'), [], [])
    meter = Meter(params, Message(params))
    message = meter.message
    alone = peer_program.leave_network()
    os.environ.update(PYTHONPATH=os.pathsep.join(sys.path[:2]), RAY_USAGE_STATS_ENABLED='0')  # for Ray's own processes
    ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False, configure_logging=False)

    @ray.remote
    class Other:
        def __init__(self):
            raw.place(cell['placement'], 1)
            self.came = 0

        def pid(self):
            return os.getpid()

        def echo(self, *got):
            return got

        def take(self, *got):
            message.check(self.came, got, self.came % 64 == 0)
            self.came += 1

    try:
        other = Other.remote()
        params['pids'] = [os.getpid(), ray.get(other.pid.remote(), timeout=PATIENCE_S)]
        raw.place(cell['placement'], 0)
        if cell['workload'] == 'echo':
            sent = []
            raw.measure(meter, lambda got: sent.append(other.echo.remote(*got)),
                        lambda: ray.get(sent.pop(), timeout=PATIENCE_S))
        else:
            stream(meter, ray, other)
    finally:
        ray.shutdown()
    where = 'in a network of its own' if alone else 'on every interface: the system allows no network of its own'
    return meter.result(f'Ray listens {where}', 'Ray\'s own processes run beside; CPU time and memory are those of caller and actor alone')


if __name__ == '__main__':
    sys.exit(peer_program.main(version, run))
