# expect-stdout: OK
"""What owns something outside of the process is refused at the call, with its place and what to do, or carried so that
neither the receiver's use nor its end hurts the sender's object. With every serializer; `auto` over shm and tcp."""

import asyncio
import bz2
import concurrent.futures
import contextlib
import ctypes
import dbm.dumb
import gzip
import importlib.util
import io
import logging
import logging.handlers
import lzma
import mmap
import multiprocessing
import os
import pathlib
import select
import selectors
import shelve
import socket
import sqlite3
import ssl
import subprocess
import tarfile
import tempfile
import threading
import urllib.request
import weakref
import zipfile
from multiprocessing import shared_memory

from corps import AsyncExecutionError, Corps, NotSerializable, create_Corps


class Service(Corps):
    def use(self, thing, expression):
        """Uses it, and then does all that ends it."""
        found = eval(expression, {'x': thing}) if expression else None
        for name in 'close', 'cleanup', 'terminate', 'shutdown':
            try:
                getattr(thing, name)()
            except Exception:
                pass  # it has no such end
        return found

    def temporary(self):
        self.made = tempfile.NamedTemporaryFile('rb')
        return self.made

    def there(self):
        return os.path.exists(self.made.name)

    def collect(self):
        import gc
        gc.collect()
        return len(os.listdir('/proc/self/fd'))


class Descriptor:
    """What nobody can know but by its name."""

    def __init__(self):
        self.fd = os.dup(2)

    def __del__(self):
        os.close(self.fd)


class Numbered:
    """The same with another name, but a method fileno."""
    __slots__ = ('number',)

    def __init__(self):
        self.number = os.dup(2)

    def fileno(self):
        return self.number

    def __del__(self):
        os.close(self.number)


class OwnPopen(subprocess.Popen):
    pass


class OwnFile(io.FileIO):
    pass


class OwnDirectory(tempfile.TemporaryDirectory):
    pass


class OwnMemory(shared_memory.SharedMemory):
    pass


class Holder:
    """Of something in an attribute."""

    def __init__(self, thing):
        self.thing = thing


class Finalized:
    def __init__(self, path):
        self.finalizer = weakref.finalize(self, os.unlink, path)


def exists(thing):
    return os.path.exists(thing.name)


def is_open(number):
    try:
        os.fstat(number)
    except OSError:
        return False
    return True


def has_open_file(thing):
    return has_descriptor(thing.fp)


def has_descriptor(thing):
    return is_open(thing.fileno())


def path_in(folder, name, content='content\n'):
    path = os.path.join(folder, name)
    with open(path, 'w') as file:
        file.write(content)
    return path


def archive(folder):
    path = os.path.join(folder, 'archive.zip')
    with zipfile.ZipFile(path, 'w') as made:
        made.writestr('member', 'text')
    return zipfile.ZipFile(path)


def tar(folder):
    path = os.path.join(folder, 'archive.tar')
    with tarfile.open(path, 'w') as made:
        made.add(path_in(folder, 'in tar'), 'member')
    return tarfile.open(path)


def left_by(folder):
    stack = contextlib.ExitStack()
    stack.callback(os.unlink, path_in(folder, 'stacked'))
    return stack


def database(folder, stack):
    made = dbm.dumb.open(os.path.join(folder, 'dumb'))
    stack.callback(made.close)
    made['key'] = 'value'
    return made


def file_things(folder, stack):
    """name: (object, does auto carry it? None: as it may, expression for the receiver → value, check of the sender)."""
    removed = open(path_in(folder, 'removed'))
    os.unlink(removed.name)
    reading = open(path_in(folder, 'reading'))
    finalized = Finalized(path_in(folder, 'finalized'))
    stack.callback(finalized.finalizer)
    rotating = logging.handlers.RotatingFileHandler(os.path.join(folder, 'log'))
    return {
        'file read': (reading, True, 'x.read()', 'content\n', lambda x: x.read() == 'content\n' or x.seek(0) == 0),
        'file read in bytes': (open(reading.name, 'rb'), True, 'x.read()', b'content\n', has_descriptor),
        'file appended': (open(path_in(folder, 'appended'), 'a'), True, 'x.write("more")', 4, has_descriptor),
        'file written': (open(os.path.join(folder, 'written'), 'w'), False, '', 0, has_descriptor),
        'file read and written': (open(reading.name, 'r+b'), False, '', 0, has_descriptor),
        'file removed': (removed, False, '', 0, lambda x: x.read() == 'content\n' or x.seek(0) == 0),
        'own file class': (OwnFile(reading.name), False, '', 0, has_descriptor),
        'pipe': (os.fdopen(os.pipe()[0], 'rb'), False, '', 0, has_descriptor),
        'bytes in memory': (io.BytesIO(b'x'), True, 'x.read()', b'x', lambda x: x.getvalue() == b'x'),
        'temporary file': (tempfile.NamedTemporaryFile('rb'), False, '', 0, exists),
        'temporary file written': (tempfile.NamedTemporaryFile('w'), False, '', 0, exists),
        'temporary file in it': (Holder([tempfile.NamedTemporaryFile('rb')]), False, '', 0, lambda x: exists(x.thing[0])),
        'nameless temporary file': (tempfile.TemporaryFile(), False, '', 0, has_descriptor),
        'spooled file': (tempfile.SpooledTemporaryFile(), True, 'x.write(b"1")', 1, lambda x: x.read() == b''),
        'temporary directory': (tempfile.TemporaryDirectory(), False, '', 0, exists),
        'own temporary directory': (OwnDirectory(), False, '', 0, exists),
        'directory entry': (next(os.scandir(folder)), False, '', 0, lambda x: x.name),
        'scan of a directory': (os.scandir(folder), False, '', 0, lambda x: next(x)),
        'path': (pathlib.Path(folder), True, 'x.is_dir()', True, lambda x: x.is_dir()),
        'zip read': (archive(folder), True, 'x.read("member")', b'text', lambda x: x.read('member') == b'text'),
        'zip written': (zipfile.ZipFile(os.path.join(folder, 'z'), 'w'), False, '', 0, has_open_file),
        'tar read': (tar(folder), True, 'x.extractfile("member").read()', b'content\n', lambda x: x.getnames() == ['member']),
        'gzip': (gzip.open(os.path.join(folder, 'g'), 'w'), False, '', 0, lambda x: x.write(b'a')),
        'bz2': (bz2.open(os.path.join(folder, 'b'), 'w'), False, '', 0, lambda x: x.write(b'a')),
        'lzma': (lzma.open(os.path.join(folder, 'l'), 'w'), False, '', 0, lambda x: x.write(b'a')),
        'log file': (logging.FileHandler(os.path.join(folder, 'l2')), None, '', 0, lambda x: has_descriptor(x.stream)),
        'rotating log file': (rotating, False, '', 0, lambda x: has_descriptor(x.stream)),
        'database': (database(folder, stack), False, '', 0, lambda x: x['key'] == b'value'),
        'shelf': (shelve.Shelf(database(folder, stack)), False, '', 0, lambda x: x.dict['key'] == b'value'),
        'sqlite': (sqlite3.connect(':memory:'), False, '', 0, lambda x: x.execute('select 1')),
        'sqlite cursor': (sqlite3.connect(':memory:').cursor(), False, '', 0, lambda x: x.execute('select 1')),
        'response': (urllib.request.urlopen(pathlib.Path(reading.name).as_uri()), None, '', 0, has_descriptor),
        'mapped memory': (mmap.mmap(-1, 10), False, '', 0, lambda x: x[:1] == b'\0'),
        'view of mapped memory': (memoryview(mmap.mmap(-1, 10)), True, 'bytes(x)', bytes(10), lambda x: x[0] == 0),
        'exit stack': (left_by(folder), False, '', 0, lambda x: os.path.exists(os.path.join(folder, 'stacked'))),
        'empty exit stack': (contextlib.ExitStack(), True, '', None, lambda x: True),
        'finalizer': (finalized, False, '', 0,
                      lambda x: os.path.exists(os.path.join(folder, 'finalized')) and x.finalizer.alive),
    }


def process_things(context, manager, stack):
    loop = stack.enter_context(contextlib.closing(asyncio.new_event_loop()))
    child = subprocess.Popen(['sleep', '60'])
    own = OwnPopen(['sleep', '60'])
    for one in child, own:
        stack.callback(one.wait)
        stack.callback(one.kill)
    memory, own_memory = shared_memory.SharedMemory(create=True, size=8), OwnMemory(create=True, size=8)
    row = shared_memory.ShareableList([1, 2])
    for one in memory, own_memory, row.shm:
        stack.callback(one.unlink)
    executor = stack.enter_context(concurrent.futures.ThreadPoolExecutor(1))
    executor.submit(len, ()).result()
    runs = threading.Thread(target=stack.enter_context(contextlib.closing(Waits())).wait)
    runs.start()
    ours, theirs = context.Pipe()
    sockets = socket.socketpair()

    def still_there(x):
        x.buf[0] = (x.buf[0] + 1) % 200
        other = shared_memory.SharedMemory(x.name)
        same = other.buf[0] == x.buf[0]
        other.close()
        return same

    def talks(x):
        theirs.send('through')
        return ours.recv() == 'through'

    def runs_on(x):
        return x.poll() is None
    memory.buf[1] = 77
    return {
        'child': (child, False, '', 0, runs_on),
        'own child class': (own, False, '', 0, runs_on),
        'end of a pipe': (ours, False, '', 0, talks),
        'socket': (sockets[0], False, '', 0, lambda x: x.send(b'a') == 1),
        'socket as file': (sockets[0].makefile('rb'), False, '', 0, lambda x: sockets[1].send(b'a') == 1),
        'selector': (selectors.DefaultSelector(), False, '', 0, lambda x: x.select(0) == []),
        'selector of numbers': (selectors.SelectSelector(), False, '', 0, lambda x: x.select(0) == []),
        'epoll': (select.epoll(), False, '', 0, has_descriptor),
        'poll': (select.poll(), False, '', 0, lambda x: x.poll(0) == []),
        'queue of multiprocessing': (context.Queue(), False, '', 0, lambda x: x.put(1) is None),
        'simple queue': (context.SimpleQueue(), False, '', 0, lambda x: x.empty()),
        'lock of multiprocessing': (context.Lock(), False, '', 0, lambda x: x.acquire() and x.release() is None),
        'event of multiprocessing': (context.Event(), False, '', 0, lambda x: not x.is_set()),
        'barrier of multiprocessing': (context.Barrier(1), False, '', 0, lambda x: x.wait() == 0),
        'value of multiprocessing': (context.Value('i', 3), False, '', 0, lambda x: x.value == 3),
        'raw value': (context.RawValue('i', 3), False, '', 0, lambda x: x.value == 3),
        'array of multiprocessing': (context.Array('i', 3), False, '', 0, lambda x: x[0] == 0),
        'process': (context.Process(target=len), False, '', 0, lambda x: not x.is_alive()),
        'manager': (manager, False, '', 0, lambda x: list(x.list([1])) == [1]),
        'list of a manager': (manager.list([1]), True, '(list(x), x.append(2))', ([1], None), lambda x: list(x)[:2] == [1, 2]),
        'namespace of a manager': (manager.Namespace(a=1), True, 'x.a', 1, lambda x: x.a == 1),
        'lock of a manager': (manager.Lock(), True, '(x.acquire(), x.release())', (True, None), lambda x: x.acquire(timeout=60) and not x.release()),
        'shared memory': (memory, True, 'x.buf[1]', 77, still_there),
        'own shared memory class': (own_memory, True, 'x.size >= 8', True, still_there),
        'shared list': (row, True, 'list(x)', [1, 2], lambda x: list(shared_memory.ShareableList(name=x.shm.name)) == [1, 2]),
        'executor': (executor, False, '', 0, lambda x: x.submit(len, 'a').result() == 1),
        'running thread': (runs, False, '', 0, lambda x: x.is_alive()),
        'thread locals': (threading.local(), False, '', 0, lambda x: True),
        'lock': (threading.Lock(), True, 'x.acquire(timeout=60)', True, lambda x: not x.locked()),
        'event loop': (loop, False, '', 0, lambda x: not x.is_closed()),
        'future of asyncio': (loop.create_future(), False, '', 0, lambda x: not x.done()),
        'handle of asyncio': (loop.call_later(60, len), False, '', 0, lambda x: not x.cancelled()),
        'ssl context': (ssl.create_default_context(), False, '', 0, lambda x: x.check_hostname),
        'library': (ctypes.CDLL(None), False, '', 0, lambda x: x.getpid() == os.getpid()),
        'pointer': (ctypes.pointer(ctypes.c_int(4)), False, '', 0, lambda x: x.contents.value == 4),
        'descriptor by its number': (Descriptor(), False, '', 0, lambda x: is_open(x.fd)),
        'descriptor by its method': (Numbered(), False, '', 0, lambda x: is_open(x.number)),
        'function that uses one': (uses(child), False, '', 0, lambda x: x() is None),
    }


DILL_HANGS = ('log file', 'zip read')
"""dill makes of a free RLock one that nobody can take (docs/serializers.md): the receiver would wait for ever."""


class Waits:
    def __init__(self):
        self.event = threading.Event()

    def wait(self):
        self.event.wait()

    def close(self):
        self.event.set()


def uses(child):
    return lambda: child.poll()


def walk(things, serializer, transport):
    """Sends each to an Env, has it used and ended there, collects there, ends the Corps: each is as it was."""
    config = [{'NumEnvs': 1}]
    wrong, told = [], 0
    with create_Corps(Service, ConfigDicts=config, Serializer=serializer, Transport=transport) as service:
        for name, (thing, carried, expression, value, _) in things.items():
            if serializer == 'dill' and name in DILL_HANGS:
                continue
            try:
                answer = service.use(thing, expression).Ret
            except NotSerializable as error:
                text = str(error)
                told += 1
                if serializer == 'auto' and (carried or 'args[0]' not in text or len(text) < 40):
                    wrong.append((name, text))
            except Exception as error:  # arrived as something else, which the expression cannot use
                if serializer == 'auto':
                    wrong.append((name, repr(error)))
            else:
                if carried is False and serializer == 'auto' or carried and expression and answer != value and serializer == 'auto':
                    wrong.append((name, 'arrived', answer))
        try:
            wrong.append(('result', service.temporary().Ret))
        except AsyncExecutionError as error:
            assert error.TypeName == 'PicklingError' and 'send its name' in str(error.Value), error
        assert service.there().Ret
        descriptors = service.collect().Ret
        assert descriptors < 60, descriptors
    for name, (thing, _, _, _, check) in things.items():
        try:
            good = check(thing)
        except Exception as error:
            good, name = False, (name, error)
        if not good:
            wrong.append((name, 'is hurt', serializer, transport))
    assert not wrong, '\n'.join(map(str, wrong))
    return told


def walk_with(serializer, transport):
    context = multiprocessing.get_context('spawn')
    with tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as stack:
        manager = stack.enter_context(multiprocessing.get_context('fork').Manager())
        things = {**file_things(folder, stack), **process_things(context, manager, stack)}
        told = walk(things, serializer, transport)
        print('note: %s over %s: %d of %d refused' % (serializer, transport, told, len(things)))


def main():
    for serializer, transports in (('auto', ('shm', 'tcp')), ('pickle', ('shm',)), ('cloudpickle', ('shm',)), ('dill', ('shm',))):
        if serializer in ('dill', 'cloudpickle') and importlib.util.find_spec(serializer) is None:
            print('note: without', serializer, 'which is not installed')
            continue
        for transport in transports:
            walk_with(serializer, transport)
    print('OK')


if __name__ == '__main__':
    main()
