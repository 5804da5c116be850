"""What belongs to a running process. Most of it cannot travel, and should be refused; what comes back must not hang or destroy."""

# case: module of the library | data
def make():
    import json
    return json

def check(m):
    return m.dumps([1]) == '[1]' or 'behaviour: another module'

# case: module of a package | data
def make():
    import os.path
    return os.path

def check(m):
    return m.basename('/a/b') == 'b' or 'behaviour: another module'

# case: module made at run time | data
def make():
    import types
    m = types.ModuleType('made_at_run_time')
    m.five = 5
    return m

def check(m):
    return m.five == 5 or 'value: another attribute'

# case: file opened for reading | data
def make():
    import tempfile
    f = tempfile.NamedTemporaryFile('w', delete=False, suffix='.coverage')
    f.write('line one\nline two\n')
    f.close()
    r = open(f.name)
    r.readline()
    return r

def check(r):
    return r.readline() == 'line two\n' or 'behaviour: at another place'

# case: file opened for writing keeps its content | data
def make():
    import tempfile
    f = tempfile.NamedTemporaryFile('w', delete=False, suffix='.coverage')
    f.write('precious')
    f.flush()
    return f.file

def check(w):
    with open(w.name) as r:
        text = r.read()
    return text.startswith('precious') or 'data loss: the file was truncated'

# case: file opened for appending | data
def make():
    import tempfile
    f = tempfile.NamedTemporaryFile('w', delete=False, suffix='.coverage')
    f.write('precious')
    f.close()
    return open(f.name, 'a')

def check(w):
    w.write(' more')
    w.flush()
    with open(w.name) as r:
        text = r.read()
    return text == 'precious more' or 'data loss: ' + text

# case: standard output | data
def make():
    import sys
    return sys.stdout

def check(f):
    return f.fileno() == 1 or 'behaviour: another file'

# case: lock | data
def make():
    import threading
    return threading.Lock()

def check(lock):
    if not lock.acquire(timeout=1):
        return 'behaviour: it is held'
    lock.release()
    return True

# case: held lock | data
def make():
    import threading
    lock = threading.Lock()
    lock.acquire()
    return lock

def check(lock):
    return lock.locked() or 'behaviour: it is free'

# case: free recursive lock | data
def make():
    import threading
    return threading.RLock()

def check(lock):
    if not lock.acquire(timeout=1):
        return 'behaviour: nobody holds it, and nobody can take it'
    lock.release()
    return True

# case: held recursive lock | data
def make():
    import threading
    lock = threading.RLock()
    lock.acquire()
    return lock

def check(lock):
    return 'owner=0' not in repr(lock) or 'behaviour: nobody holds it'

# case: event | data
def make():
    import threading
    e = threading.Event()
    e.set()
    return e

def check(e):
    if not e.is_set():
        return 'value: it is not set'
    e.clear()
    return not e.wait(0.01) or 'behaviour: it stays set'

# case: semaphore | data
def make():
    import threading
    return threading.Semaphore(1)

def check(s):
    return (s.acquire(timeout=1), s.acquire(blocking=False)) == (True, False) or 'behaviour: counts otherwise'

# case: condition | data
def make():
    import threading
    return threading.Condition()

def check(c):
    with c:
        c.notify_all()
    return True

# case: queue | data
def make():
    import queue
    q = queue.Queue()
    q.put(5)
    return q

def check(q):
    return q.get(timeout=1) == 5 or 'value: another item'

# case: simple queue | data
def make():
    import queue
    q = queue.SimpleQueue()
    q.put(5)
    return q

def check(q):
    return q.get(timeout=1) == 5 or 'value: another item'

# case: future | data
def make():
    import concurrent.futures
    f = concurrent.futures.Future()
    f.set_result(3)
    return f

def check(f):
    return f.result(timeout=1) == 3 or 'value: another result'

# case: executor | data
def make():
    import concurrent.futures
    return concurrent.futures.ThreadPoolExecutor(1)

def check(e):
    return e.submit(int, '5').result(timeout=5) == 5 or 'behaviour: another result'

# case: thread not started | data
def make():
    import threading
    return threading.Thread(target=print)

def check(t):
    return not t.is_alive() or 'behaviour: it runs'

# case: thread locals | data
def make():
    import threading
    local = threading.local()
    local.x = 1
    return local

def check(local):
    return local.x == 1 or 'value: another attribute'

# case: weak reference
class Target:
    pass

KEEP = []

def make():
    import weakref
    KEEP.append(Target())
    return weakref.ref(KEEP[0])

def check(r):
    r()
    return True

# case: weak reference and its target
class Target:
    pass

def make():
    import weakref
    t = Target()
    return t, weakref.ref(t)

def check(pair):
    return pair[1]() is pair[0] or 'sharing: it refers to another'

# case: weak dictionary
class Key:
    pass

def make():
    import weakref
    k = Key()
    return k, weakref.WeakKeyDictionary({k: 5})

def check(pair):
    return pair[1].get(pair[0]) == 5 or 'sharing: the key is another'

# case: context variable | data
def make():
    import contextvars
    return contextvars.ContextVar('v', default=4)

def check(v):
    return v.get() == 4 or 'value: another default'

# case: frame | data
def make():
    import sys
    return sys._getframe()

def check(f):
    return f.f_lineno > 0 or 'value: no line'

# case: traceback | data
def make():
    try:
        raise ValueError
    except ValueError as e:
        return e.__traceback__

def check(t):
    return t.tb_lineno > 0 or 'value: no line'

# case: logger | data
def make():
    import logging
    return logging.getLogger('coverage.logger')

def check(x):
    import logging
    return x is logging.getLogger('coverage.logger') or 'identity: another logger'

# case: logging handler | data
def make():
    import io
    import logging
    return logging.StreamHandler(io.StringIO())

def check(h):
    import logging
    h.handle(logging.LogRecord('n', 20, 'p', 1, 'text', (), None))
    return h.stream.getvalue() == 'text\n' or 'behaviour: another text'

# case: socket | data
def make():
    import socket
    return socket.socket()

def check(s):
    return s.fileno() >= 0 or 'behaviour: no descriptor'

# case: mmap | data
def make():
    import mmap
    return mmap.mmap(-1, 16)

def check(m):
    return len(m) == 16 or 'value: another length'

# case: process | data
def make():
    import subprocess
    import sys
    return subprocess.Popen([sys.executable, '-c', ''])

def check(p):
    return p.wait(5) == 0 or 'behaviour: another status'

# case: capsule | data
def make():
    import datetime
    return datetime.datetime_CAPI if hasattr(datetime, 'datetime_CAPI') else __import__('_datetime').datetime_CAPI

def check(c):
    return 'capsule' in repr(c) or 'type: ' + type(c).__name__

# case: compiled code of a module | data
def make():
    return compile('x = 5', 'name', 'exec')

def check(code):
    names = {}
    exec(code, names)
    return names['x'] == 5 or 'behaviour: another value'

# case: decoder of the library | data
def make():
    import json
    return json.JSONDecoder()

def check(d):
    return d.decode('[1]') == [1] or 'behaviour: another value'

# case: environment | data
def make():
    import os
    return os.environ

def check(e):
    return 'PATH' in e or 'value: no PATH'

# case: pool of asyncio | data
def make():
    import asyncio
    return asyncio.new_event_loop()

def check(loop):
    return not loop.is_running() or 'behaviour: it runs'

# case: sqlite connection | data
def make():
    import sqlite3
    return sqlite3.connect(':memory:')

def check(c):
    return c.execute('select 1').fetchone() == (1,) or 'behaviour: another row'

# case: end of a pipe | data
def make():
    import multiprocessing
    return multiprocessing.Pipe()[0]

def check(c):
    return 'behaviour: it closes whatever has the number %d here' % c.fileno()

# case: temporary directory | data
def make():
    import tempfile
    return tempfile.TemporaryDirectory()

def check(d):
    return 'behaviour: its cleanup removes what the writer uses'

# case: finalizer | data
def make():
    import weakref
    class Owner:
        pass
    global owner
    owner = Owner()
    return weakref.finalize(owner, print)

def check(f):
    return f.alive or 'behaviour: a finalizer that does nothing'

# case: exit stack with something to leave | data
def make():
    import contextlib
    import os
    stack = contextlib.ExitStack()
    stack.callback(os.getpid)
    return stack

def check(s):
    return 'behaviour: what it leaves is left twice'

# case: descriptor by its number | data
def make():
    import os
    class Log:
        def __init__(self):
            self.fd = os.dup(2)
    return Log()

def check(log):
    return 'behaviour: another descriptor has the number %d here' % log.fd
