"""The core's log: as text, as JSON, as records of module logging, in the program and in its Envs; and what is wrong is told once."""

import json
import os
import re
import socket
import subprocess

from helpers import run_python, script, start_python

RESTARTS = """
import os, sys
import corps
from corps import Conc, Corps, LocType, WorkerLost, create_Concs, create_Corps

class Dying(Conc):
    def die(self):
        os.kill(os.getpid(), 9)

class Service(Corps):
    def __init__(self):
        super().__init__()
        self.worker = create_Concs(Dying, LocType=LocType.EnvId, LocVal=1)[0]

    def hand(self):
        return self.worker

    def fail(self):
        raise ValueError('no \\'reply\\' "here"')

{program}

if __name__ == '__main__':
    service = create_Corps(Service, NumEnvs=2, Restart={restart!r})
    service.fail(NoReply=True)
    worker = service.hand().Ret
    try:
        worker.die().Ret
    except WorkerLost:
        print('lost')
    if {restart!r} != 'never':
        worker.my_Class().Ret
"""
FAILED = r"L0:M0\.\d+: a request without reply failed: ValueError: no 'reply' \"here\""
KILLED = r'Env 1 \(pid \d+\) was killed by signal 9 \(SIGKILL\)'
AGAIN = KILLED + '; it is started again'


def said(program='', restart='on_failure', **environment):
    """(standard output, standard error) of a program whose Env dies."""
    with script(RESTARTS.format(program=program, restart=restart)) as path:
        status, out, err = run_python(path, env={**os.environ, **environment})
    assert status == 0 and 'lost\n' in out, (status, out, err)
    return out, err


def check_text():
    wanted = 'corps: ' + FAILED + r'\nTraceback[^\0]*ValueError: [^\n]*\n' + 'corps: ' + AGAIN + '\n'
    _, err = said()
    assert re.fullmatch(wanted, err), err
    _, err = said(restart='never')  # said again by the program's end
    assert re.fullmatch(wanted.replace('started again', 'lost') + 'corps: ' + KILLED + '\n', err), err
    _, err = said(CORPS_LOG='off', restart='never')
    assert err == '', err
    _, err = said(CORPS_LOG='info')
    assert re.search("^corps: the Corps 'No Name' serves with 2 Envs$", err, re.MULTILINE), err
    assert re.search('^corps: Env 1 is up again$', err, re.MULTILINE), err
    _, err = said(CORPS_LOG='debug')
    assert re.search(r'^corps: link to Env 1 of Corps [0-9a-f]{16}: ready$', err, re.MULTILINE), err


def check_json():
    out, err = said(CORPS_LOG_FORMAT='json', CORPS_LOG='info')
    lines = [json.loads(line) for line in err.splitlines()]
    by_event = {line['event']: line for line in lines}
    for line in lines:
        assert list(line) == ['time', 'level', 'event', 'pid', 'env', 'text', 'fields'], line
        assert re.fullmatch(r'\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z', line['time']), line
        assert line['level'] in ('warn', 'info'), line
    restarts, failed = by_event['env_restarts'], by_event['request_failed']
    assert re.fullmatch(AGAIN, restarts['text']) and restarts['env'] == 0 and restarts['level'] == 'warn', restarts
    assert restarts['fields']['lost'] == 1 and re.fullmatch(KILLED, restarts['fields']['reason']), restarts
    assert failed['env'] == 0 and failed['pid'] == restarts['pid'] and re.fullmatch(FAILED, failed['text']), failed
    assert failed['fields']['type'] == 'ValueError' and failed['fields']['traceback'].startswith('Traceback'), failed
    assert by_event['env_up']['level'] == by_event['corps_serves']['level'] == 'info', lines


def check_logging():
    program = 'import logging; logging.basicConfig(format="%(name)s %(levelname)s %(event)s %(message)s", stream=sys.stdout)'
    out, err = said(program, CORPS_LOG_FORMAT='python')
    assert err == '', err
    assert re.search('^corps WARNING env_restarts ' + AGAIN + '$', out, re.MULTILINE), out
    assert re.search('^corps WARNING request_failed ' + FAILED + '\nTraceback', out, re.MULTILINE), out
    # In the program alone, by a call; what Envs say stays on standard error.
    out, err = said(program + '; corps.log_to_logging(); corps.log_to_logging()', restart='never')
    assert re.search('^corps WARNING corps_failed ' + KILLED + '$', out, re.MULTILINE), (out, err)


def check_fork():
    """A forked child has a log of its own."""
    with script('''
        import logging, os, sys, warnings
        warnings.simplefilter('ignore', DeprecationWarning)
        import corps
        from corps import _core
        logging.basicConfig(format='%(process)d %(message)s', stream=sys.stdout)
        corps.log_to_logging()
        _core.log('warn', 'a', 'parent')
        pid = os.fork()
        _core.log('warn', 'a', 'child' if pid == 0 else 'parent again')
        if pid == 0:
            sys.exit()
        print(pid, os.getpid(), os.waitpid(pid, 0)[1])
        ''') as path:
        status, out, err = run_python(path)
    child, parent, ended = re.search(r'^(\d+) (\d+) (\d+)$', out, re.MULTILINE).groups()
    assert (status, err, ended) == (0, '', '0'), (status, out, err)
    assert sorted(line for line in out.splitlines() if line.split()[1].isalpha()) == sorted(
        [f'{parent} parent', f'{parent} parent again', f'{child} child']), out


def listening_port(pid):
    """A TCP port that a process listens on."""
    inodes = {os.readlink(f'/proc/{pid}/fd/{fd}') for fd in os.listdir(f'/proc/{pid}/fd')}
    with open(f'/proc/{pid}/net/tcp') as file:
        rows = [line.split() for line in file][1:]
    return [int(row[1].split(':')[1], 16) for row in rows if row[3] == '0A' and f'socket:[{row[9]}]' in inodes][0]


def check_refusal():
    """Who does not prove to know the secret."""
    with script('''
        import os, sys
        from corps import Corps, create_Corps
        class Service(Corps):
            def pid(self):
                return os.getpid()
        if __name__ == '__main__':
            with create_Corps(Service, NumEnvs=1, Transport='tcp') as service:
                print(service.pid().Ret, flush=True)
                sys.stdin.readline()
        ''') as path:
        process = start_python(path, stdin=subprocess.PIPE)
        port = listening_port(int(process.stdout.readline()))
        with socket.create_connection(('127.0.0.1', port)) as stranger:
            stranger.sendall(b'x' * 200)
            stranger.settimeout(60)
            try:
                while stranger.recv(100):
                    pass
            except ConnectionResetError:
                pass
        out, err = process.communicate('\\n', timeout=60)
    assert process.returncode == 0 and re.fullmatch('corps: a peer was refused: a TCP peer did not greet as a Corps does\n', err), (out, err)


def check_wrong():
    out, err = said(CORPS_LOG='loud', CORPS_LOG_FORMAT='xml')
    lines = [line for line in err.splitlines() if 'CORPS_LOG' in line]
    assert lines == ["corps: CORPS_LOG is 'loud', and is taken for warn; choose one of: off, error, warn, info, debug",
                     "corps: CORPS_LOG_FORMAT is 'xml', and is taken for text; choose one of: text, json, python"], err
    assert re.search(AGAIN, err), err


def main():
    check_text()
    check_json()
    check_logging()
    check_fork()
    check_refusal()
    check_wrong()
    print('OK')


if __name__ == '__main__':
    main()
