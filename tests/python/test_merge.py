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
        with open(self.path(name), "w", encoding="utf-8", newline="") as file:
            # Spaces that json.dumps would not write: lines must stay as they are.
            file.write("\n".join(line if isinstance(line, str) else json.dumps(line, separators=(", ", ":  ")) for line in lines) + end)
        return self.path(name)

    def merge(self, *arguments, out="out.jsonl", status=0):
        done = subprocess.run([sys.executable, os.path.join(FOLDER, "merge.py"), *arguments, "--out", self.path(out)],
                              capture_output=True, text=True, timeout=300)
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
                              text=True, timeout=300)
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

    def test_one_of_the_machines_is_there_already(self):
        a, b = self.shard(1), self.shard(2, machine="m2")
        self.write(["kept"], "m2.jsonl")
        self.assertIn("m2.jsonl is there already", self.merge(a, b, out="{machine}.jsonl", status=1))
        self.assertFalse(os.path.exists(self.path("m1.jsonl")), "written although the other was refused")
        with open(self.path("m2.jsonl"), encoding="utf-8") as file:
            self.assertEqual("kept\n", file.read())

    def test_refusals(self):
        """Every reason names file and line, in one line, and nothing is written."""
        a = self.shard(1)
        trial = blocks_of(CELLS, blocks=1, run="t")[0]
        double = [run_line("t"), trial, {**trial, "order": 7, "cell": {**trial["cell"], "size_bytes": 65}}]
        nameless, pathlike = run_line("n"), run_line("n", machine="../m")
        del nameless["fingerprint"]
        for second, words in ((self.shard(2, name="p.jsonl", plan="1" * 16), "p.jsonl:1: another plan"),
                              (self.shard(2, name="m.jsonl", matrix="other"), "m.jsonl:1: another matrix"),
                              (self.shard(2, name="e.jsonl", seed=9), "e.jsonl:1: another seed"),
                              (self.shard(2, n=3, name="n.jsonl"), "n.jsonl:1: another number of shards"),
                              (self.shard(1, name="d.jsonl", run="again"), "d.jsonl:1: shard 1/2, as at"),
                              (self.shard(2, name="c.jsonl", schema=7), "c.jsonl:1: schema 7"),
                              (self.write([run_line("w", shard="one")], "w.jsonl"), "w.jsonl:1: shard one is none"),
                              (a, "s1.jsonl:2: the same trial"),
                              (self.write(double, "o.jsonl"), "o.jsonl:3: the same trial stands at"),
                              (self.write([run_line("s1")], "r.jsonl"), "r.jsonl:1: run s1 is described at"),
                              (self.write([nameless], "f.jsonl"), "f.jsonl:1: a run without its machine's name"),
                              (self.write([pathlike], "g.jsonl"), "g.jsonl:1: a run without its machine's name"),
                              (self.write([run_line("t"), {**trial, "block": []}], "b.jsonl"), "b.jsonl:2: the field block"),
                              (self.write(["hello"], "h.jsonl"), "h.jsonl:1: not JSON"),
                              (self.write(['{"kind": "other"}'], "k.jsonl"), "k.jsonl:1: neither a run nor a trial"),
                              (self.write(['{"kind": "other"}'], "z.jsonl", end=""), "z.jsonl:1: neither a run nor a trial"),
                              (self.write(blocks_of(CELLS, blocks=1, run="lost"), "l.jsonl"), "l.jsonl:1: a trial of run lost"),
                              (self.path("nothing.jsonl"), "cannot read")):
            with self.subTest(words=words):
                text = self.merge(a, second, status=1)
                self.assertIn(words, text)
                self.assertEqual(1, len(text.strip().splitlines()), text)
                self.assertEqual([], [name for name in os.listdir(self.folder) if name.startswith("out.")])

    def test_cells_that_differ_in_their_path_are_no_doubles(self):
        trials = [t for order, path in enumerate("ab") for t in [blocks_of([(2000, {"path": path})], blocks=1, run="x")[0]]]
        self.merge(self.write([run_line("x")] + [{**t, "order": i} for i, t in enumerate(trials)], "paths.jsonl"))

    def test_a_cut_last_line_is_left_out(self):
        lines = [run_line("x")] + blocks_of(CELLS, blocks=1, run="x")
        for name, rest in (("cut", b'{"kind": "tr'), ("within_a_character", b'{"error": "\xc3')):
            with self.subTest(name):
                cut = self.write(lines, name + ".jsonl")
                with open(cut, "ab") as file:
                    file.write(rest)
                self.assertIn(name + ".jsonl:4: the last line is cut short", self.merge(cut, out=name + "-out.jsonl"))
                with open(self.path(name + "-out.jsonl"), encoding="utf-8") as file:
                    self.assertEqual(3, len(file.readlines()))

    def test_a_missing_shard_is_said(self):
        self.assertIn("shard 2/3 is not there", self.merge(self.shard(1, n=3), self.shard(3, n=3)))

    def test_bytes_stay(self):
        """Foreign line ends and characters too; and compressed files are read and written."""
        a = self.write([run_line("x", about="µ"), *blocks_of(CELLS, blocks=1, run="x")], "crlf.jsonl", end="\r\n")
        with open(a, "rb") as file:
            before = file.read()
        self.merge(a)
        with open(self.path("out.jsonl"), "rb") as file:
            self.assertEqual(before, file.read())
        self.merge(a, out="out.jsonl.gz")
        self.merge(self.path("out.jsonl.gz"), out="again.jsonl")
        with open(self.path("again.jsonl"), "rb") as file:
            self.assertEqual(before, file.read())

    def test_usage(self):
        for arguments in (["x"], ["--out", self.path("out.jsonl")], []):
            with self.subTest(arguments=arguments):
                done = subprocess.run([sys.executable, os.path.join(FOLDER, "merge.py"), *arguments], capture_output=True, text=True, timeout=300)
                self.assertEqual(2, done.returncode)


if __name__ == "__main__":
    unittest.main()
