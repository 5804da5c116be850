"""The scripts over hosts as commands: wrong usage is one line of what is possible, before anything is made; Ctrl-C ends them with one line, and nothing is left.

    commands.py SCRIPTS BUILD PYTHON
"""

import os
import re
import signal
import subprocess
import sys
import tempfile
import unittest

import cluster

SCRIPTS, BUILD, PYTHON = sys.argv[1:]
PATIENCE_S = 60
USAGE, INTERRUPTED = 2, 130


def begin(name, *arguments):
    return subprocess.Popen([sys.executable, os.path.join(SCRIPTS, name), *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True)


class Usage(unittest.TestCase):
    WRONG = (
        ('recovery', ['--losses', '0'], "from 1 on is wanted, not '0'"),
        ('recovery', ['--losses', 'many'], "not 'many'"),
        ('recovery', ['--kind', 'drain'], "--kind is one of host, agent, env, and of more with --etcd, not 'drain'"),
        ('recovery', ['--build', '/nowhere'], '/nowhere/corps-agent is not there, or is no program: build it'),
        ('nemesis', ['--runs', '-1'], "from 1 on is wanted, not '-1'"),
        ('nemesis', ['--story', '[[0.5, "cut", 2]'], 'a story is JSON'),
        ('nemesis', ['--story', '[0.5, "cut", 2]'], 'a story is JSON'),
        ('nemesis', ['--story', '[[0.5, "cuts", 2]]'], "nothing is called 'cuts'"),
        ('nemesis', ['--build', '/nowhere'], '/nowhere/corps-agent is not there'),
        ('try-hosts', ['--build', '/nowhere'], '/nowhere/corps-agent is not there'),
        ('try-hosts', ['--build', BUILD, '--python', '/nowhere/python'], '/nowhere/python is not there'),
        ('try-hosts', ['--hosts', '3'], 'unrecognized arguments: --hosts 3'),
    )

    def test_every_script(self):
        for name, arguments, words in self.WRONG:
            with self.subTest(script=name, arguments=arguments):
                script = begin(name, *arguments)
                out, err = script.communicate(timeout=PATIENCE_S)
                self.assertEqual((USAGE, ''), (script.returncode, out), err)
                self.assertIn(words, err.splitlines()[-1])
                self.assertNotIn('Traceback', err)


@unittest.skipIf(cluster.why_not() is not None, cluster.why_not())
class Ends(unittest.TestCase):
    def left(self, script):
        """What a script has made and left: folders, and processes of its hosts."""
        prefix = f'{cluster.PREFIX}{script.pid}-'
        return [name for name in os.listdir(tempfile.gettempdir()) if name.startswith(prefix)]

    def test_ctrl_c(self):
        for after in r'cat hosts', r'corps-agent --hosts', r'python program\.py', r"\['anna'":
            with self.subTest(after=after):
                script = begin('try-hosts', '--build', BUILD, '--python', PYTHON)
                for line in script.stdout:
                    if re.search(after, line):
                        break
                os.killpg(script.pid, signal.SIGINT)
                _, err = script.communicate(timeout=PATIENCE_S)
                self.assertEqual((INTERRUPTED, 'try-hosts: stopped by Ctrl-C; nothing is left'), (script.returncode, err.splitlines()[-1]))
                self.assertNotIn('Traceback', err)
                self.assertEqual([], self.left(script))

    def test_a_reader_that_leaves(self):
        script = begin('try-hosts', '--build', BUILD, '--python', PYTHON)
        script.stdout.readline()
        script.stdout.close()
        err = script.stderr.read()
        script.stderr.close()
        self.assertEqual((1, ''), (script.wait(PATIENCE_S), err))
        self.assertEqual([], self.left(script))

    @unittest.skipIf(cluster.why_not(faults=True) is not None, cluster.why_not(faults=True))
    def test_a_file_to_go_on_with(self):
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, 'runs.jsonl')
            for text, words in (('{"run": 0', 'line 1: this is no line of a run; remove it'), ('{}\n', 'line 1: this is no line of a run')):
                with self.subTest(text=text):
                    with open(path, 'w', encoding='utf-8') as file:
                        file.write(text)
                    script = begin('nemesis', '--build', BUILD, '--runs', '1', '--resume', path)
                    out, err = script.communicate(timeout=PATIENCE_S)
                    self.assertEqual((1, '', f'nemesis: {path}, {words}'), (script.returncode, out, err.strip()[:len(f'nemesis: {path}, {words}')]))
            script = begin('nemesis', '--build', BUILD, '--runs', '1', '--out', os.path.join(folder, 'no', 'runs.jsonl'))
            out, err = script.communicate(timeout=PATIENCE_S)
            self.assertEqual((1, ''), (script.returncode, out))
            self.assertRegex(err, r'\Anemesis: [^\n]*No such file[^\n]*\n\Z')


if __name__ == '__main__':
    unittest.main(argv=sys.argv[:1], verbosity=2)
