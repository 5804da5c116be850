"""The first process of a host made by host.py: it is there for its namespaces, reaps what loses its parent, and ends, and all of the host with it,
when its standard input ends, which happens too when whoever made the host is killed.

    init.py NAME      (run by unshare, as process 1)
"""

import os
import signal
import socket
import subprocess
import sys


def main():
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    socket.sethostname(sys.argv[1])
    # What a host has for itself: nothing of it is left when the host ends, since these mounts are the host's own.
    for place in ('/run', '/dev/shm'):
        subprocess.run(['mount', '-t', 'tmpfs', '-o', 'mode=0755' if place == '/run' else 'mode=1777', 'tmpfs', place], check=True)
    os.mkdir('/run/corps-host', 0o700)
    subprocess.run(['ip', 'link', 'set', 'lo', 'up'], check=True)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # the kernel reaps orphans then
    print('ready', flush=True)
    sys.stdin.read()


if __name__ == '__main__':
    main()
