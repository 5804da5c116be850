"""How commands end that cannot do what they were asked to: one line that says why, a status that is documented, and nothing left behind."""

import os
import signal
import subprocess
import tempfile
import time
import unittest

import lab

TWO = "{transport: [raw:pipe, raw:unix], placement: same}"


class Files(lab.LabTest):
    def files(self):
        """name → words that the line must have."""
        os.mkdir(self.path("folder"))
        self.write("empty.jsonl", "")
        self.write("garbage.jsonl", "garbage\n")
        self.write("other.jsonl", '{"kind": "other"}\n')
        with open(self.path("binary.jsonl"), "wb") as file:
            file.write(b"\xff\xfe\x00" * 100)
        self.write("cut.jsonl.gz", "no gzip")
        return {"folder": "directory", "empty.jsonl": "no trial", "garbage.jsonl": "not JSON", "other.jsonl": "neither a run nor a trial",
                "binary.jsonl": "not text", "cut.jsonl.gz": "gzip", "nowhere.jsonl": "No such file"}

    OTHERWISE = {("merge", "empty.jsonl"): "no run", ("compare", "nowhere.jsonl"): "neither a results file nor a git revision"}

    def test_every_command(self):
        for name, words in self.files().items():
            path = self.path(name)
            before = sorted(os.listdir(self.folder))
            for status, arguments in ((1, ["report", path]), (1, ["recommend", path]), (2, ["compare", path, path]), (1, ["validate", path]),
                                      (1, ["merge", path, "--out", "m.jsonl"]), (1, ["publish", path, "--to", "p"])):
                with self.subTest(command=arguments[0], file=name):
                    found, out, err = self.lab(*arguments)
                    self.assertEqual((status, ""), (found, out), err)
                    self.one_line(err)
                    self.assertIn(self.OTHERWISE.get((arguments[0], name), words), err)
                    self.assertEqual(before, sorted(os.listdir(self.folder)))


class Readers(lab.LabTest):
    def setUp(self):
        super().setUp()
        self.results = self.path("r.jsonl")
        self.assertEqual(0, self.lab("run", self.matrix(TWO, more="controls: false\n"), "--blocks", "1", "--out", self.results)[0])

    def begin(self, *arguments, **variables):
        return subprocess.Popen([lab.program(), *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=self.folder,
                                env={**self.environment, **variables}, start_new_session=True)

    def test_a_reader_that_leaves(self):
        process = self.begin("report", self.results, "--no-html")
        process.stdout.close()
        err = process.stderr.read().decode()
        process.stderr.close()
        self.assertEqual((1, ""), (process.wait(timeout=lab.LIMIT_S), err))

    def test_terminals_without_our_letters(self):
        status, out, err = self.lab("report", self.results, "--no-html")
        self.assertEqual((0, ""), (status, err))
        process = self.begin("report", self.results, "--no-html", LC_ALL="C", PYTHONUTF8="0", PYTHONCOERCECLOCALE="0", NO_COLOR="1", COLUMNS="40")
        plain, complaint = process.communicate(timeout=lab.LIMIT_S)
        self.assertEqual((0, b""), (process.returncode, complaint))
        self.assertEqual([len(line) for line in out.splitlines()], [len(line) for line in plain.decode("ascii").splitlines()])
        self.assertNotIn("\x1b", out)

    def test_ctrl_c_at_any_moment(self):
        with tempfile.TemporaryDirectory() as kept:
            for wait_s in (0, 0.02, 0.05, 0.1, 0.2, 0.4):
                process = self.begin("report", self.results, "--no-html", TMPDIR=kept)
                time.sleep(wait_s)  # whatever it does by then
                try:
                    os.killpg(process.pid, signal.SIGINT)
                except ProcessLookupError:
                    pass
                _, err = process.communicate(timeout=lab.LIMIT_S)
                with self.subTest(wait_s=wait_s):
                    self.assertIn(process.returncode, (0, 130, -signal.SIGINT))
                    self.assertEqual("corps-lab report: stopped by Ctrl-C\n" if process.returncode == 130 else "", err.decode())
            self.assertEqual([], os.listdir(kept))


class Streams(lab.LabTest):
    """Without standard streams, as services are started: no socket takes their places."""

    def test_closed(self):
        for closed in "<&-", ">&-", "2>&-", "<&- >&- 2>&-":
            with self.subTest(closed=closed):
                out = self.path(f"{len(closed)}{closed[0]}.jsonl")
                script = f'exec "$0" run "$1" --blocks 1 --out "$2" {closed}'
                matrix = self.matrix("{transport: [shm, tcp], placement: same}", more="controls: false\n")
                done = subprocess.run(["sh", "-c", script, lab.program(), matrix, out], cwd=self.folder, env=self.environment, timeout=lab.LIMIT_S, check=False,
                                      stdout=subprocess.PIPE, stderr=subprocess.PIPE)
                self.assertEqual(0, done.returncode, done.stderr)
                self.assertEqual([True, True], [trial["ok"] for trial in self.trials(out)])


if __name__ == "__main__":
    unittest.main(verbosity=2)
