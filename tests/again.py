#!/usr/bin/env python3
"""Run a test, and once more if it fails or hangs; say so.   again.py SECONDS PROGRAM [ARGUMENT …]

For transports over nng's ipc and tcp alone. nng 1.5.2 loses an event of its own poller about once in two thousand runs
of these tests on a crowded machine: bytes stay in the receive queue of its socket, which its epoll no longer watches
(docs/design.md, "ZeroMQ and nng"). What the transport itself does wrong would show with ZeroMQ too, whose tests have
one attempt as all others have.
"""

import os
import signal
import subprocess
import sys


def attempt(command, limit_s):
    """The status of a run, -SIGKILL after `limit_s` (None: no limit); the processes that it started end too."""
    process = subprocess.Popen(command, start_new_session=True)
    try:
        return process.wait(limit_s)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        return process.wait()


def main():
    limit_s, command = float(sys.argv[1]), sys.argv[2:]
    status = attempt(command, limit_s)
    if status != 0:
        print(f'again.py: ended with {status}; nng may have lost an event, so once more', file=sys.stderr, flush=True)
        status = attempt(command, None)
    return status if status >= 0 else 128 - status


if __name__ == '__main__':
    sys.exit(main())
