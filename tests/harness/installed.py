"""corps-lab after `meson install`, with the tree that it was built from out of sight: everything that the program needs was installed with it, and is
found from where it lies. The tree is hidden by an empty folder mounted over it, which other processes do not see."""

import json
import os
import shutil
import subprocess
import unittest

import lab

SOURCE = os.path.realpath(os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", ".."))
BUILD = os.environ.get("CORPS_BUILD") or os.path.join(SOURCE, "build")
# The virtual environment lies in the tree, too, and stays where it is: it is mounted on a folder of its own first.
HIDE = 'mount --bind "$1" "$2" && mount --bind "$3" "$4" && if [ "$5" != "$4" ]; then mount --bind "$3" "$5"; fi && shift 5 && cd "$1" && shift && exec "$@"'


def can_hide():
    return shutil.which("unshare") is not None and subprocess.run(["unshare", "-m", "true"], capture_output=True, timeout=60).returncode == 0


class Installed(lab.LabTest):
    def install(self):
        self.root = self.path("root")
        done = subprocess.run(["meson", "install", "-C", BUILD, "--no-rebuild", "--quiet", "--destdir", self.root], capture_output=True, text=True,
                              timeout=lab.LIMIT_S)
        self.assertEqual(0, done.returncode, done.stdout + done.stderr)
        # Moved: nothing may remember where it was put.
        prefix = subprocess.run(["meson", "introspect", "--buildoptions", BUILD], capture_output=True, text=True, timeout=lab.LIMIT_S).stdout
        self.prefix = self.path("moved")
        os.rename(self.root + next(option["value"] for option in json.loads(prefix) if option["name"] == "prefix"), self.prefix)
        for name in ("venv", "empty"):
            os.mkdir(self.path(name))

    def hidden(self, *arguments, status=0, **variables):
        python = os.environ.get("CORPS_PYTHON") or "python3"
        home = os.path.dirname(os.path.dirname(python)) if os.path.exists(os.path.join(os.path.dirname(python), "..", "pyvenv.cfg")) else None
        seen = os.path.join(self.path("venv"), "bin", os.path.basename(python)) if home else python
        environment = {**self.environment, "CORPS_PYTHON": seen, "CORPS_LAB": "", **variables}
        command = ["unshare", "-m", "bash", "-c", HIDE, "bash", home or self.path("empty"), self.path("venv"), self.path("empty"), SOURCE, os.path.realpath(BUILD)
                   if not os.path.realpath(BUILD).startswith(SOURCE) else SOURCE, self.folder, os.path.join(self.prefix, "bin", "corps-lab"), *arguments]
        done = subprocess.run(command, capture_output=True, text=True, timeout=lab.LIMIT_S, env=environment)
        self.assertEqual(status, done.returncode, done.stdout[-500:] + done.stderr)
        self.assertNotIn("Traceback", done.stderr)
        return done.stdout, done.stderr

    def test_every_step(self):
        if not can_hide():
            print("skipped: the tree cannot be hidden here (unshare -m needs root)", flush=True)
            self.skipTest("unshare -m needs root")
        self.install()
        self.assertIn("quick.yaml", self.hidden("list", "matrices")[0])
        small = ("placement=same", "min_ms=5", "max_ms=10000", "min_count=20")
        for pairs in (("transport=unix",), ("transport=unix", "serializer=pickle", "payload=record"), ("lang=python", "payload=record"),
                      ("lang=python-c", "payload=record", "serializer=msgpack")):
            with self.subTest(cell=pairs):
                self.assertTrue(json.loads(self.hidden("cell", *pairs, *small)[0])["ok"])
        self.assertIn("trials in all", self.hidden("run", "quick", "--dry-run")[0])
        matrix = self.matrix("{transport: [unix, pipe], placement: same, wake: block, serializer: none}", more="controls: false\n")
        self.hidden("run", matrix, "--blocks", "2", "--out", "r.jsonl", "--export-csv", "r.csv")
        self.assertIn("In short", self.hidden("report", "r.jsonl")[0])
        self.assertTrue(os.path.getsize(self.path("r.html")) > 100000)
        self.assertRegex(self.hidden("recommend", "r.jsonl", "--placement", "same")[0], "winner: |first of a tie: ")
        self.hidden("validate", "r.jsonl")
        self.hidden("coverage", "--only", "case=lambda", "--serializer", "auto", "--out", "c.jsonl")
        self.assertIn("has numpy", self.hidden("doctor", status=0)[0])

    def test_a_python_without_the_packages(self):
        """One line that says what to do, and no traceback."""
        bare = self.write("bare", "#!/bin/sh\nexec python3 -I -S \"$@\"\n")
        os.chmod(bare, 0o755)
        done = subprocess.run([lab.program(), "report", "x.jsonl"], capture_output=True, text=True, timeout=lab.LIMIT_S,
                              env={**self.environment, "CORPS_PYTHON": bare})
        self.assertEqual(1, done.returncode, done.stderr)
        self.one_line(done.stderr)
        self.assertIn("-m pip install numpy", done.stderr)


if __name__ == "__main__":
    unittest.main(verbosity=2)
