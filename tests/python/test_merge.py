"""merge: shards and sessions become one file, byte for byte; what does not belong together is refused."""
import json
import os
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
FOLDER = os.environ.get("CORPS_REPORT") or os.path.join(os.path.dirname(__file__), "..", "..", "experiments", "report")
from simulated import blocks_of, run_line  # noqa: E402

CELLS = [(2000, {"transport": "shm"}), (9000, {"transport": "unix"})]


class Merge(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = folder.name

    def path(self, name):
        return os.path.join(self.folder, name)

    def shard(self, i, n=2, name=None, **more):
        run = more.pop("run", f"s{i}")
        blocks = [t for t in blocks_of(CELLS, blocks=4, run=run) if t["block"] % n == i - 1]
        return self.write([run_line(run, shard=f"{i}/{n}", **more)] + blocks, name or f"s{i}.jsonl")

    def write(self, lines, name, end="\n"):
        with open(self.path(name), "w", encoding="utf-8") as file:
            # Spaces that json.dumps would not write: lines must stay as they are.
            file.write("\n".join(line if isinstance(line, str) else json.dumps(line, separators=(", ", ":  ")) for line in lines) + end)
        return self.path(name)

    def merge(self, *arguments, out="out.jsonl", status=0):
        done = subprocess.run([sys.executable, os.path.join(FOLDER, "merge.py"), *arguments, "--out", self.path(out)],
                              capture_output=True, text=True, timeout=60)
        self.assertEqual(status, done.returncode, done.stdout + done.stderr)
        return done.stdout + done.stderr

    def test_shards(self):
        a, b = self.shard(1), self.shard(2)
        self.merge(a, b)
        def lines(path):
            with open(path, encoding="utf-8") as file:
                return file.read().splitlines()
        whole = lines(self.path("out.jsonl"))
        self.assertEqual(sorted(lines(a) + lines(b)), sorted(whole))
        self.assertEqual(["run", "run"] + ["trial"] * 8, [json.loads(line)["kind"] for line in whole])
        done = subprocess.run([sys.executable, os.path.join(FOLDER, "report.py"), self.path("out.jsonl"), "--no-html"], capture_output=True,
                              text=True, timeout=60)
        self.assertEqual(0, done.returncode, done.stderr)

    def test_what_is_there_is_not_overwritten(self):
        a, b = self.shard(1), self.shard(2)
        self.merge(a, b)
        self.assertIn("there already", self.merge(a, b, status=1))
        self.merge(a, b, "--force")

    def test_machines_are_kept_apart(self):
        a, b = self.shard(1), self.shard(2, machine="m2")
        self.assertIn("2 machines", self.merge(a, b, status=1))
        self.assertEqual(2, len(self.merge(a, b, out="{machine}.jsonl").splitlines()))
        for machine in ("m1", "m2"):
            with open(self.path(machine + ".jsonl"), encoding="utf-8") as file:
                self.assertEqual(5, len(file.readlines()))

    def test_refusals(self):
        a = self.shard(1)
        for second, words in ((self.shard(2, name="p.jsonl", plan="1" * 16), "another plan"),
                              (self.shard(2, name="m.jsonl", matrix="other"), "another matrix"),
                              (self.shard(2, name="e.jsonl", seed=9), "seed"),
                              (self.shard(1, name="d.jsonl", run="again"), "belongs there once"),
                              (self.shard(2, name="c.jsonl", schema=7), "schema 7"),
                              (a, "same trial"),
                              (self.write(["hello"], "h.jsonl"), "h.jsonl:1: not JSON"),
                              (self.write(blocks_of(CELLS, blocks=1, run="lost"), "l.jsonl"), "first line is not there"),
                              (self.path("nothing.jsonl"), "cannot read")):
            with self.subTest(words=words):
                text = self.merge(a, second, status=1)
                self.assertIn(words, text)
                self.assertEqual(1, len(text.strip().splitlines()))
                self.assertFalse(os.path.exists(self.path("out.jsonl")))

    def test_a_cut_last_line_is_left_out(self):
        lines = [run_line("x")] + blocks_of(CELLS, blocks=1, run="x")
        cut = self.write(lines + ['{"kind": "tr'], "cut.jsonl", end="")
        self.assertIn("cut.jsonl:4", self.merge(cut))
        with open(self.path("out.jsonl"), encoding="utf-8") as file:
            self.assertEqual(3, len(file.readlines()))

    def test_usage(self):
        done = subprocess.run([sys.executable, os.path.join(FOLDER, "merge.py"), "x"], capture_output=True, text=True, timeout=60)
        self.assertEqual(2, done.returncode)


if __name__ == "__main__":
    unittest.main()
