"""What the peer programs in Python share. experiments/cell/peers.h tells how they are called and what they print; the parts that
measure are those of experiments/python."""

import ctypes
import fcntl
import json
import os
import socket
import struct
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), os.pardir, 'python'))

import lab_program  # noqa: E402  (it lies there)


def main(version, run):
    """`version` gives the text or raises ImportError or OSError with what is missing."""
    arguments = sys.argv[1:]
    if arguments == ['--version']:
        try:
            answer = {'version': version()}
        except (ImportError, OSError) as error:
            answer = {'error': f'{type(error).__name__}: {error}'}
        print(json.dumps(answer))
        return 0 if 'version' in answer else 1
    return lab_program.main(arguments, lambda cell: dict(run(cell), version=version()))


def leave_network():
    """For programs that listen on every interface: a network of its own has the loopback alone. False where the system
    allows none."""
    new_user, new_network, get_flags, set_flags, is_up = 0x10000000, 0x40000000, 0x8913, 0x8914, 1
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(new_network) != 0 and libc.unshare(new_user | new_network) != 0:
        return False
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
        request = fcntl.ioctl(control, get_flags, struct.pack('16sh14x', b'lo', 0))
        flags = struct.unpack('16sh14x', request)[1]
        fcntl.ioctl(control, set_flags, struct.pack('16sh14x', b'lo', flags | is_up))
    return True
