"""Dumps or loads cases, each in a process of its own; probe.py is the program.

A child is forked for every request from this process, which has never seen a case: the loading child knows nothing of the
dumping one's __main__. It has a memory limit and a time limit; how it ends is an outcome. Pure Python, 3.8 and later.
"""
import base64
import json
import os
import platform
import resource
import select
import signal
import sys
import time

import carriers
import cases

LIMIT_S = 10
MEMORY_BYTES = 2 << 30
TEXT_MAX = 300


def brief(error):
    text = '%s: %s' % (type(error).__name__, error)
    return ' '.join(text.split())[:TEXT_MAX]


# ---- the sender ----

def in_home(case, home):
    """(namespace with make() or messages(), module or None), the code of the case living where `home` says."""
    if home in ('mod', 'ghost'):
        module = __import__(case.module(home))
        return vars(module), module
    if home == 'main':
        main = sys.modules['__main__']
        for name in [n for n in vars(main) if not n.startswith('__')]:
            delattr(main, name)
        exec(compile(case.source, '<main>', 'exec'), vars(main))
        return vars(main), main
    if home == 'local':
        name = 'messages' if case.stream else 'make'
        body = ''.join('    ' + line if line.strip() else line for line in case.source.splitlines(True))
        names = {'__name__': '__main__', '__builtins__': __builtins__}
        exec(compile('def scope():\n%s\n    return %s\n' % (body, name), '<local>', 'exec'), names)
        return {name: names['scope']()}, None
    names = {'__name__': 'made_at_run_time', '__builtins__': __builtins__}
    exec(compile(case.source, '<run time>', 'exec'), names)
    return names, None


def dump(case, request):
    make, prepare, _ = carriers.CARRIERS[request['serializer']]
    dumps, _ = make()
    names, module = in_home(case, request['home'])
    if prepare is not None:
        prepare(module)
    try:
        if case.stream:
            data = [dumps(message) for message in names['messages']()]
        else:
            data = [dumps(names['make']())]
    except RecursionError as error:
        return {'outcome': 'refused at dump', 'detail': brief(error)}
    except Exception as error:
        return {'outcome': 'refused at dump', 'detail': brief(error)}
    return {'outcome': 'dumped', 'bytes': sum(map(len, data)), 'data': [base64.b64encode(bytes(part)).decode() for part in data]}


# ---- the receiver ----

def load(case, request):
    make, _, _ = carriers.CARRIERS[request['serializer']]
    _, loads = make()
    try:
        got = [loads(base64.b64decode(part)) for part in request['data']]
    except Exception as error:
        return {'outcome': 'refused at load', 'detail': brief(error)}
    names = {'__name__': 'check'}
    exec(compile(case.check, '<check>', 'exec'), names)
    try:
        verdict = names['check'](got if case.stream else got[0])
    except Exception as error:
        verdict = 'behaviour: ' + brief(error)
    if verdict and not isinstance(verdict, str):  # numpy's True is another
        return {'outcome': 'ok', 'detail': ''}
    level, _, what = str(verdict).partition(': ')
    return {'outcome': 'data loss' if level == 'data loss' else 'silently wrong', 'level': level, 'detail': what[:TEXT_MAX]}


# ---- children ----

def child(work, case, request, fd):
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    devnull = os.open(os.devnull, os.O_RDWR)
    for number in (0, 1, 2):
        os.dup2(devnull, number)
    try:
        answer = work(case, request)
    except MemoryError:
        answer = {'outcome': 'refused at load' if work is load else 'refused at dump', 'detail': 'MemoryError: beyond the limit'}
    except BaseException as error:  # SystemExit from a payload is an outcome too
        answer = {'outcome': 'crash', 'detail': brief(error)}
    data = json.dumps(answer).encode()
    while data:
        data = data[os.write(fd, data):]


def run(work, case, request):
    """The answer of a child, or how it ended instead."""
    read_fd, write_fd = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(read_fd)
        try:
            os.setsid()
            child(work, case, request, write_fd)
        finally:
            os._exit(0)
    os.close(write_fd)
    parts, end, hung = [], time.monotonic() + LIMIT_S, False
    while True:
        ready, _, _ = select.select([read_fd], [], [], max(0, end - time.monotonic()))
        if not ready:
            hung = True
            break
        part = os.read(read_fd, 1 << 16)
        if not part:
            break
        parts.append(part)
    os.close(read_fd)
    if hung:
        os.killpg(pid, signal.SIGKILL)
    _, status = os.waitpid(pid, 0)
    try:  # what the case started must not stay
        os.killpg(pid, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        pass
    if hung:
        return {'outcome': 'hang', 'detail': 'no end within %d s' % LIMIT_S}
    try:
        return json.loads(b''.join(parts))
    except ValueError:
        how = 'signal %d' % os.WTERMSIG(status) if os.WIFSIGNALED(status) else 'status %d' % os.WEXITSTATUS(status)
        return {'outcome': 'crash', 'detail': 'the process ended with ' + how}


def about():
    return {'python': '%s %s' % (platform.python_implementation(), platform.python_version()), 'machine': platform.machine(),
            'system': platform.system(), 'carriers': {name: carriers.version(name) for name in carriers.CARRIERS}}


def main():
    work = {'dump': dump, 'load': load}.get(sys.argv[1] if len(sys.argv) > 1 else '')
    if work is None:
        print(json.dumps(about()))
        return
    known = {(case.group, case.name): (case, needs) for case, needs in cases.all_cases()}
    preloaded = set()
    for line in sys.stdin:
        request = json.loads(line)
        case, needs = known[request['group'], request['case']]
        name = request['serializer']
        if name not in preloaded:  # imported once here, not in every child
            preloaded.add(name)
            try:
                carriers.CARRIERS[name][0]()
            except ImportError:
                pass
        reason = cases.runnable(case, needs)
        answer = {'outcome': 'not run', 'detail': reason} if reason else run(work, case, request)
        print(json.dumps(dict(answer, id=request['id'])), flush=True)
