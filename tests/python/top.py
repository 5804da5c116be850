"""corps-top over a real Corps: its table, JSON and Prometheus' text; whom it finds; what it says of what it does not find; a terminal is given
back as it was.

    top.py CORPS_TOP        with PYTHONPATH
"""

import fcntl
import json
import os
import pty
import re
import select
import signal
import struct
import subprocess
import sys
import tempfile
import termios
import textwrap
import time
import unittest

TOP = sys.argv[1]
PATIENCE = 60.0
TAG = 'se"arch\\ \u00e4\x1b[2J'
PROGRAM = """
import os, sys
from corps import Conc, Corps, LocType, create_Concs, create_Corps

class Adder(Conc):
    def add(self, a, b):
        return a + b

    def fail(self):
        raise ValueError('no')

class Service(Corps):
    def __init__(self):
        super().__init__()
        self.adders = [create_Concs(Adder, LocType=LocType.EnvId, LocVal=env)[0] for env in (0, 1)]

    def hand(self):
        return self.adders, os.getpid()

if __name__ == '__main__':
    service = create_Corps(Service, Tag=sys.argv[1], NumEnvs=2)
    (first, second), env_0 = service.hand().Ret
    for i in range(200):
        assert first.add(i, 1).Ret == i + 1
    for i in range(7):
        try:
            second.fail().Ret
        except ValueError:
            pass
    print(os.getpid(), env_0, flush=True)
    sys.stdin.read()
"""


class Program:
    """A Corps that runs until it is told to end."""

    def __init__(self, tag, runtime):
        self.environment = {**os.environ, 'XDG_RUNTIME_DIR': runtime}
        path = os.path.join(runtime, 'program.py')
        with open(path, 'w', encoding='utf-8') as file:
            file.write(textwrap.dedent(PROGRAM))
        self.process = subprocess.Popen([sys.executable, path, tag], stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=self.environment)
        self.pid, self.env_0 = (int(word) for word in self.process.stdout.readline().split())

    def end(self):
        self.process.stdin.close()
        assert self.process.wait(PATIENCE) == 0
        self.process.stdout.close()


def top(*arguments, environment, **options):
    """(exit status, standard output, standard error)"""
    done = subprocess.run([TOP, *map(str, arguments)], stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, env=environment, timeout=PATIENCE,
                          **({'stdout': subprocess.PIPE, **options}))
    return done.returncode, (done.stdout or b'').decode(), done.stderr.decode()


NAME = '[a-zA-Z_:][a-zA-Z0-9_:]*'
LABEL = r'([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\["\\n])*)"'
SAMPLE = re.compile(rf'({NAME})\{{({LABEL}(?:,{LABEL})*)?\}} (\S+)')


def exposition(text):
    """{family: (type, {(sample's name, its labels in order): value})}, by the rules of the text format 0.0.4; asserts that they are kept."""
    families, current = {}, None
    assert text.endswith('\n')
    for line in text[:-1].split('\n'):
        if line.startswith('# HELP '):
            current = re.fullmatch(rf'# HELP ({NAME}) \S.*', line)[1]
            assert current not in families, line  # a family stands together
            families[current] = None
        elif line.startswith('# TYPE '):
            name, kind = re.fullmatch(rf'# TYPE ({NAME}) (counter|gauge|histogram)', line).groups()
            assert name == current and families[name] is None, line
            families[name] = kind, {}
        else:
            found = SAMPLE.fullmatch(line)
            assert found, line
            kind, samples = families[current]
            suffixes = ('_bucket', '_sum', '_count') if kind == 'histogram' else ('',)
            assert any(found[1] == current + suffix for suffix in suffixes), line
            labels = tuple(re.findall(LABEL, found[2]))
            assert len({label for label, _ in labels}) == len(labels), line
            assert (found[1], labels) not in samples, line
            samples[found[1], labels] = float(found[7])
    return families


def check_histogram(name, samples):
    """Buckets of one series rise in order, and the last one is all."""
    series = {}
    for (sample, labels), value in samples.items():
        if sample == name + '_bucket':
            series.setdefault(labels[:-1], []).append((float(labels[-1][1]), value))
            assert labels[-1][0] == 'le'
    for labels, buckets in series.items():
        assert buckets == sorted(buckets) and len(buckets) == len(dict(buckets)), buckets
        assert [value for _, value in buckets] == sorted(value for _, value in buckets), buckets
        assert buckets[-1] == (float('inf'), samples[name + '_count', labels]), buckets
        assert samples[name + '_sum', labels] >= 0
    return len(series)


def threads(pid):
    """The states of a process's threads."""
    states = set()
    for thread in os.listdir(f'/proc/{pid}/task'):
        with open(f'/proc/{pid}/task/{thread}/stat', encoding='utf-8', errors='replace') as file:
            states.add(file.read().rpartition(')')[2].split()[0])
    return states


class Terminal:
    """corps-top in a terminal of its own."""

    def __init__(self, *arguments, environment):
        self.ours, theirs = pty.openpty()
        self.before = termios.tcgetattr(theirs)
        self.theirs = theirs
        self.process = subprocess.Popen([TOP, *arguments], stdin=theirs, stdout=theirs, stderr=subprocess.PIPE,
                                        env=dict(environment, TERM='xterm'), start_new_session=True,
                                        preexec_fn=lambda: os.close(os.open(os.ttyname(1), os.O_RDWR)))
        self.seen = b''

    def read_until(self, words):
        end = time.monotonic() + PATIENCE
        while words not in self.seen:
            assert time.monotonic() < end and self.process.poll() is None, self.seen[-1000:]
            if select.select([self.ours], [], [], 0.2)[0]:
                self.seen += os.read(self.ours, 65536)

    def end(self):
        """(exit status, standard error); the terminal is as it was."""
        end = time.monotonic() + PATIENCE
        while self.process.poll() is None:
            assert time.monotonic() < end, self.seen[-1000:]
            if select.select([self.ours], [], [], 0.2)[0]:
                self.seen += os.read(self.ours, 65536)
        while select.select([self.ours], [], [], 0)[0]:
            self.seen += os.read(self.ours, 65536)
        assert termios.tcgetattr(self.theirs) == self.before
        assert self.seen.endswith(b'\x1b[?25h\x1b[?1049l'), self.seen[-100:]
        os.close(self.ours)
        os.close(self.theirs)
        with self.process.stderr:
            return self.process.returncode, self.process.stderr.read().decode()


class OneCorps(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.runtime = tempfile.TemporaryDirectory(prefix='top')
        cls.program = Program(TAG, cls.runtime.name)
        cls.environment = cls.program.environment

    @classmethod
    def tearDownClass(cls):
        cls.program.end()
        cls.runtime.cleanup()

    def top(self, *arguments, **options):
        return top(*arguments, environment=self.environment, **options)

    def json(self, *arguments):
        status, out, err = self.top(*arguments, '--json')
        self.assertEqual((0, ''), (status, err))
        return json.loads(out)

    def test_table(self):
        status, out, err = self.top('--interval', '0.1')
        self.assertEqual((0, ''), (status, err))
        self.assertRegex(out, r'\ACorps [0-9a-f]{16} \'se"arch\\ ä\?\[2J\': 2 of 2 Envs, 3 Workers, up 0:\d\d\n')
        self.assertNotIn('\x1b', out)
        rows = [line.split() for line in out.splitlines()]
        self.assertIn([str(self.program.env_0), 'up'], [row[1:3] for row in rows])
        self.assertEqual(2, sum(row[-3:-1] == ['Adder', 'in'] for row in rows), out)
        self.assertTrue(any('from a program' in line for line in out.splitlines()), out)

    def test_dumb_terminal(self):
        ours, theirs = pty.openpty()
        done = subprocess.run([TOP, '--interval', '0.1'], stdin=theirs, stdout=theirs, stderr=theirs, env={**self.environment, 'TERM': 'dumb'}, timeout=PATIENCE)
        shown = os.read(ours, 65536)
        os.close(ours)
        os.close(theirs)
        self.assertEqual(0, done.returncode, shown)
        self.assertIn(b'2 of 2 Envs', shown)
        self.assertNotIn(b'\x1b', shown)

    def test_json(self):
        known = self.json()
        self.assertEqual(TAG, known['tag'])
        self.assertEqual(known['id'], '%016x' % (known['envs'][0]['corps'] % 2**64))
        self.assertEqual([0, 1], [env['env'] for env in known['envs']])
        adders = [worker for env in known['envs'] for worker in env['workers'] if worker['class'].startswith('Adder')]
        self.assertEqual([(200, 0), (7, 7)], [(worker['served'], worker['failed']) for worker in adders])

    def test_which(self):
        known = self.json()
        for which in [TAG, known['id'], self.program.pid, self.program.env_0, known['envs'][1]['pid']]:
            with self.subTest(which=which):
                self.assertEqual(known['id'], self.json(which)['id'])

    def test_prometheus(self):
        status, out, err = self.top('--prometheus')
        self.assertEqual((0, ''), (status, err))
        families = exposition(out)
        known = self.json()
        served = {labels: value for (_, labels), value in families['corps_worker_served_total'][1].items()}
        tag = TAG.replace('\\', '\\\\').replace('"', '\\"')
        adders = {dict(labels)['env']: value for labels, value in served.items() if dict(labels)['class'].startswith('Adder')}
        self.assertEqual({'0': 200, '1': 7}, adders)
        self.assertTrue(all(dict(labels)['tag'] == tag and dict(labels)['corps'] == known['id'] for labels in served))
        for name in 'corps_worker_wait_seconds', 'corps_worker_service_seconds':
            self.assertEqual(len(served), check_histogram(name, families[name][1]))
        self.assertTrue(all(name.endswith('_total') == (kind == 'counter') for name, (kind, _) in families.items()))
        self.assertEqual([1, 1], list(families['corps_env_up'][1].values()))

    def test_prometheus_by_its_own_parser(self):
        try:
            from prometheus_client.parser import text_string_to_metric_families
        except ImportError:
            self.skipTest('there is no prometheus_client; the rules of the format are checked by the test before')
        _, out, _ = self.top('--prometheus')
        families = {family.name: family for family in text_string_to_metric_families(out)}
        self.assertEqual({name[:-len('_total')] if name.endswith('_total') else name for name in exposition(out)}, set(families))
        sample = families['corps_env_up'].samples[0]
        self.assertEqual(TAG, sample.labels['tag'])

    def test_by_python(self):
        environment = {**self.environment, 'PATH': os.path.dirname(os.path.abspath(TOP)) + os.pathsep + self.environment['PATH']}
        command = [sys.executable, '-m', 'corps', 'top', '--json']
        done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, timeout=PATIENCE)
        self.assertEqual((0, TAG), (done.returncode, json.loads(done.stdout.decode())['tag']))
        done = subprocess.run(command, env={**self.environment, 'PATH': '/nowhere'}, stderr=subprocess.PIPE, timeout=PATIENCE)
        self.assertEqual(1, done.returncode)
        self.assertRegex(done.stderr.decode(), r'\Apython -m corps: there is no corps-top here[^\n]*\n\Z')

    def test_nobody_is_found(self):
        for which, words in (('nobody', "no Corps of this user that runs here is 'nobody', by its id, tag or pid"),
                             ('f' * 16, f"no Corps of this user that runs here is '{'f' * 16}', by its id, tag or pid"),
                             ('2147483647', 'there is no process 2147483647')):
            with self.subTest(which=which):
                self.assertEqual((1, '', f'corps-top: {words}\n'), self.top(which))

    def test_output_that_fails(self):
        for arguments in ['--prometheus'], ['--json'], ['--once', '--interval', '0.1'], ['--help'], ['--version']:
            with self.subTest(arguments=arguments), open('/dev/full', 'wb') as full:
                self.assertEqual((1, '', 'corps-top: cannot write to standard output: No space left on device\n'), self.top(*arguments, stdout=full))

    def test_wrong_usage(self):
        for arguments in (['--sort', 'x'], ['--interval', '0'], ['--interval', '1x'], ['--interval'], ['--nothing'], ['a', 'b'], ['--json', '--prometheus']):
            with self.subTest(arguments=arguments):
                status, out, err = self.top(*arguments)
                self.assertEqual((2, ''), (status, out))
                self.assertRegex(err, r'\Acorps-top: [^\n]*corps-top --help[^\n]*\n\Z')

    def test_terminal(self):
        for key in b'q', b'\x03':
            with self.subTest(key=key):
                terminal = Terminal('--interval', '0.2', '--sort', 'queued', environment=self.environment)
                terminal.read_until(b'Adder in ')
                terminal.seen = b''
                terminal.read_until(b'\x1b[H')  # drawn again
                os.write(terminal.ours, key)
                self.assertEqual((0, ''), terminal.end())

    def test_terminal_of_another_size(self):
        terminal = Terminal('--interval', '3600', environment=self.environment)
        terminal.read_until(b'\x1b[J')
        terminal.seen = b''
        fcntl.ioctl(terminal.ours, termios.TIOCSWINSZ, struct.pack('HHHH', 8, 40, 0, 0))
        terminal.read_until(b'\x1b[J')
        screen = re.search(rb'\x1b\[H(.*?)\x1b\[J', terminal.seen, re.DOTALL)[1].decode()
        lines = [re.sub(r'\x1b\[\d*[mK]', '', line) for line in screen.split('\r\n')]
        self.assertLessEqual(max(map(len, lines)), 40)
        self.assertLessEqual(len(lines), 8)
        os.write(terminal.ours, b'q')
        self.assertEqual((0, ''), terminal.end())

    def test_terminal_of_a_stopped_one(self):
        terminal = Terminal('--interval', '3600', environment=self.environment)
        terminal.read_until(b'\x1b[J')
        os.write(terminal.ours, b'\x1a')
        self.assertTrue(os.WIFSTOPPED(os.waitpid(terminal.process.pid, os.WUNTRACED)[1]))
        self.assertEqual(terminal.before, termios.tcgetattr(terminal.theirs))
        terminal.read_until(b'\x1b[?25h\x1b[?1049l')
        terminal.seen = b''
        terminal.process.send_signal(signal.SIGCONT)
        terminal.read_until(b'\x1b[J')
        os.write(terminal.ours, b'q')
        self.assertEqual((0, ''), terminal.end())

    def test_stopped_env(self):
        stopped = self.json()['envs'][1]['pid']
        os.kill(stopped, signal.SIGSTOP)
        try:
            end = time.monotonic() + PATIENCE
            while threads(stopped) != {'T'} and time.monotonic() < end:  # one that was running may still answer
                time.sleep(0.01)
            known = self.json()
        finally:
            os.kill(stopped, signal.SIGCONT)
        self.assertEqual({'env': 1, 'error': 'no answer in time'}, known['envs'][1])

    @unittest.skipUnless(os.geteuid() == 0, 'only root can be another user')
    def test_another_users(self):
        def become_nobody():
            os.setgid(65534)
            os.setuid(65534)

        environment = {name: value for name, value in self.environment.items() if name != 'XDG_RUNTIME_DIR'}
        status, out, err = top(self.program.env_0, environment=environment, preexec_fn=become_nobody)
        self.assertEqual((1, '', f'corps-top: process {self.program.env_0} is another user\'s (uid 0), who alone may look into it\n'), (status, out, err))


class Others(unittest.TestCase):
    def setUp(self):
        self.runtime = tempfile.TemporaryDirectory(prefix='top')
        self.addCleanup(self.runtime.cleanup)

    def test_none(self):
        for arguments in [], ['--json'], ['--prometheus']:
            found = top(*arguments, environment={**os.environ, 'XDG_RUNTIME_DIR': self.runtime.name})
            self.assertEqual((1, '', 'corps-top: no Corps of this user runs on this host\n'), found)

    def test_several(self):
        programs = [Program('same', self.runtime.name), Program('same', self.runtime.name)]
        environment = programs[0].environment
        try:
            status, out, err = top(environment=environment)
            self.assertEqual((2, 'corps-top: 2 Corps run; name one by its id, tag or pid\n'), (status, err))
            rows = [line.split() for line in out.splitlines()]
            self.assertEqual(['CORPS', 'PID', 'ENVS', 'TAG'], rows[0])
            self.assertEqual({(str(program.env_0), '2', 'same') for program in programs}, {tuple(row[1:]) for row in rows[1:]})
            self.assertEqual(0, top(rows[1][0], '--json', environment=environment)[0])
            self.assertEqual((2, '', 'corps-top: 2 Corps run; name one by its id, tag or pid\n'), top('--json', environment=environment))
            self.assertEqual((2, "corps-top: several Corps are 'same'; name one by its id or pid\n"), top('same', environment=environment)[::2])
        finally:
            for program in programs:
                program.end()

    def test_one_that_ends(self):
        program = Program('ends', self.runtime.name)
        terminal = Terminal('ends', '--interval', '0.1', environment=program.environment)
        terminal.read_until(b'Adder in ')
        program.end()
        status, err = terminal.end()
        self.assertEqual(1, status)
        self.assertRegex(err, r"\Acorps-top: the Corps 'ends' \([0-9a-f]{16}\) has ended\n\Z")


if __name__ == '__main__':
    unittest.main(argv=sys.argv[:1])
