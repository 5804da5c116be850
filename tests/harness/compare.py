"""Two programs in one run, and what compare says of them: a slower one is found, by a wrapper that slows one transport down."""

import os
import subprocess
import unittest

import lab

TRIAL = "{warmup_count: 20, min_count: 200, min_ms: 10, max_ms: 10000}"
PAIR = "{transport: [unix, pipe], placement: same, wake: block, serializer: none}"


class TwoPrograms(lab.LabTest):
    def wrapper(self, slowdown):
        path = self.write("slow", f"#!/bin/sh\nCORPS_LAB_SLOWDOWN={slowdown} exec {lab.program()} \"$@\"\n")
        os.chmod(path, 0o755)
        return path

    def test_a_slower_transport_is_found(self):
        out = self.path("r.jsonl")
        status, _, err = self.lab("run", self.matrix(PAIR, TRIAL), "--against", self.wrapper("unix:100"), "--blocks", "8", "--out", out)
        self.assertEqual(0, status, err)
        trials = self.trials(out)
        arms = [t["cell"]["arm"] for t in trials if t["block"] == 3]
        self.assertEqual((2, 1), (arms.count("b"), arms.count("aa")))
        slowed = {(t["cell"]["transport"], t["cell"]["arm"]) for t in trials if "slowed" in t["flags"]}
        self.assertEqual({("unix", "b")}, slowed)
        self.assertTrue(self.lines(out)[0]["against"].endswith("/slow"))
        self.nothing_left()
        status, text, err = self.lab("compare", out)
        apart = lab.blocks_apart(trials)
        if apart > 1.6:
            self.skipTest(f"the machine is too busy to compare: blocks of one cell differ by a factor of {apart:.1f}")
        self.assertEqual((1, ""), (status, err), text)
        slower = [line for line in text.splitlines() if "SLOWER" in line]
        self.assertEqual(1, len(slower), text)
        self.assertIn("echo unix", slower[0])

    def test_it_goes_on_with_both_programs(self):
        out, wrapper = self.path("r.jsonl"), self.wrapper("unix:1")
        matrix = self.matrix(PAIR, more="controls: false\n")
        self.assertEqual(0, self.lab("run", matrix, "--against", wrapper, "--blocks", "1", "--out", out)[0])
        status, _, err = self.lab("run", matrix, "--against", wrapper, "--blocks", "2", "--resume", out)
        self.assertEqual(0, status, err)
        self.assertEqual(8, len(self.identities(self.trials(out))))
        status, _, err = self.lab("run", matrix, "--blocks", "2", "--resume", out)
        self.assertEqual(1, status)
        self.assertIn("another matrix", err)

    def test_a_program_that_is_no_laboratory(self):
        out = self.path("r.jsonl")
        self.lab("run", self.matrix(PAIR, more="controls: false\n"), "--against", "/bin/true", "--blocks", "1", "--out", out)
        failed = [t for t in self.trials(out) if not t["ok"]]
        self.assertEqual({"b"}, {t["cell"]["arm"] for t in failed})
        self.assertIn("no result", failed[0]["error"])

    def test_wrong_usage(self):
        matrix = self.matrix(PAIR)
        for option in ("--against", "--program"):
            status, _, err = self.lab("run", matrix, option, self.path("nothing"))
            self.assertEqual(2, status)
            self.one_line(err)
            self.assertIn("No such file", err)
        status, _, err = self.lab("run", self.matrix(PAIR, more="arms: 3\n"), "--dry-run")
        self.assertEqual(2, status)
        self.assertIn("arms must be 1 or 2", err)

    def test_stages(self):
        status, out, err = self.lab("run", self.matrix("{transport: [unix, queue], workload: [echo, oneway]}"), "--stages", "--dry-run")
        self.assertEqual(0, status, err)
        self.assertEqual(2, out.count("stages=1"))  # echo over unix, and its duplicate


class Arms(lab.LabTest):
    def test_identical_arms(self):
        out = self.path("r.jsonl")
        status, _, err = self.lab("run", self.matrix(PAIR, more="arms: 2\ncontrols: false\n"), "--blocks", "2", "--out", out)
        self.assertEqual(0, status, err)
        self.assertEqual(4, sum(t["cell"]["arm"] == "b" for t in self.trials(out)))
        status, text, err = self.lab("compare", out)
        self.assertEqual(2, len([line for line in text.splitlines() if "echo " in line]), text + err)

    def test_a_file_of_one_arm(self):
        out = self.path("r.jsonl")
        self.assertEqual(0, self.lab("run", self.matrix(PAIR, more="controls: false\n"), "--blocks", "1", "--out", out)[0])
        status, _, err = self.lab("compare", out)
        self.assertEqual(2, status)
        self.one_line(err)
        self.assertIn("one arm only", err)


class Revisions(lab.LabTest):
    def git(self, *arguments):
        subprocess.run(["git", "-c", "user.name=t", "-c", "user.email=t@example.org", *arguments], cwd=self.folder, check=True,
                       capture_output=True, timeout=lab.LIMIT_S)

    def test_what_is_no_revision(self):
        self.git("init", "-q")
        self.write("a", "a")
        self.git("add", "a")
        self.git("commit", "-qm", "a")
        status, _, err = self.lab("compare", "HEAD~7", "HEAD")
        self.assertEqual(2, status)
        self.one_line(err)
        self.assertIn("neither a results file nor a git revision", err)

    def test_a_revision_that_does_not_build(self):
        self.git("init", "-q")
        self.write("meson.build", "nonsense(")
        self.git("add", "meson.build")
        self.git("commit", "-qm", "a")
        status, _, err = self.lab("compare", "HEAD", "HEAD")
        self.assertEqual(2, status)
        self.assertIn("cannot configure", err)


if __name__ == "__main__":
    unittest.main(verbosity=2)
