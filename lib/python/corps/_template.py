"""The template process: an interpreter with the package imported and nothing else, that forks Envs on request.

It has one thread and no state of the program, so that an Env begins as a fresh interpreter would, only sooner. Requests
come over a socket of packets, see launch.c. It ends when the last process that could ask has ended.
"""

import array
import gc
import os
import select
import signal
import socket
import struct
import time

from . import _core, _env, _log, _pickling


_ENDS = signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT
"""What ends Envs, sent to all processes of a program (by a service manager, a terminal that closes), and not who tells how they ended."""


def _clear():
    """The program and its Envs were ended together: nobody else is left who removes what they had. The kernel may still be at their end."""
    for _ in range(30):
        if _core.remove_dead() != 0:
            return
        time.sleep(0.01)


def _receive(requests):
    """A packet and its descriptors; (b'', []) when nobody can ask any more."""
    data, ancillary, _, _ = requests.recvmsg(256, socket.CMSG_SPACE(3 * 4), socket.MSG_CMSG_CLOEXEC)
    fds = array.array('i')
    for level, kind, content in ancillary:
        if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
            fds.frombytes(content[:len(content) - len(content) % fds.itemsize])
    return data, list(fds)


def _reap(children):
    """Tells what became of children that have ended."""
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return
        if pid == 0:
            return
        status_fd = children.pop(pid, None)
        if status_fd is not None:
            try:
                os.write(status_fd, struct.pack('=i', status))
            except BrokenPipeError:
                pass  # nobody wants to know any more
            os.close(status_fd)


def serve(request_fd):
    """Serves requests until nobody can ask any more. Returns in the children: (control_fd, template_fd, env, tag)."""
    _log.end()  # its thread, if importing the package has started it: Envs have their own
    if signal.getsignal(signal.SIGINT) != signal.SIG_IGN:  # as nohup, or a shell's background job, starts programs
        signal.signal(signal.SIGINT, _env.no_interrupt)
    interrupts = signal.getsignal(signal.SIGINT)
    ends = [number for number in _ENDS if signal.getsignal(number) == signal.SIG_DFL]
    struck = []
    for number in ends:
        signal.signal(number, lambda number, _: struck.append(number))
    wake_read, wake_write = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.set_wakeup_fd(wake_write, warn_on_full_buffer=False)
    requests = socket.socket(fileno=request_fd)
    children = {}
    open_for_requests = True
    news = select.poll()  # descriptors may have any number
    news.register(wake_read, select.POLLIN)
    news.register(requests, select.POLLIN)
    _pickling.load()
    gc.collect()
    gc.freeze()  # shared with the children as it is
    while open_for_requests or children:
        ready = {fd for fd, _ in news.poll()}
        if wake_read in ready:
            os.read(wake_read, 4096)
            _reap(children)
        if requests.fileno() not in ready:
            continue
        data, fds = _receive(requests)
        if not data:
            open_for_requests = False
            news.unregister(requests)
            continue
        if len(fds) != 3:
            for fd in fds:
                os.close(fd)
            continue
        control_fd, status_fd, template_fd = fds
        pid = os.fork()
        if pid == 0:
            if interrupts is _env.no_interrupt:  # a forked child is a program otherwise, that asyncio.run would make interruptible
                signal.signal(signal.SIGINT, interrupts)
            signal.set_wakeup_fd(-1)
            for number in (signal.SIGCHLD, *ends):
                signal.signal(number, signal.SIG_DFL)
            for fd in [wake_read, wake_write, status_fd, *children.values()]:
                os.close(fd)
            requests.close()
            return control_fd, template_fd, struct.unpack('=I', data[:4])[0], data[4:].decode(errors='replace')
        children[pid] = status_fd
        try:
            os.write(status_fd, struct.pack('=i', pid))
        except BrokenPipeError:
            pass
        os.close(control_fd)
        os.close(template_fd)
    if struck:
        _clear()
    os._exit(0)


def main(request_fd):
    """The template process, and in its children an Env."""
    control_fd, template_fd, env, tag = serve(request_fd)
    _env.main(control_fd, template_fd, env, tag)
