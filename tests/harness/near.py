"""Near misses: a word that is almost right is answered by the one that is, in one line; a word that is like none gets no guess."""

import os
import unittest

import lab

SOURCE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
QUICK = os.path.join(SOURCE, "experiments", "matrices", "quick.yaml")


class Near(lab.LabTest):
    CASES = [
        # arguments, what was meant
        (["reprot"], "report"), (["Cell"], "cell"), (["--hlep"], "--help"), (["--verison"], "--version"),
        (["list", "transport"], "transports"),
        (["doctor", "--claen"], "--clean"), (["run", QUICK, "--blcoks", "3"], "--blocks"), (["run", QUICK, "--dryrun"], "--dry-run"),
        (["cell", "transprot=shm"], "transport"), (["cell", "transport=smh"], "shm"), (["cell", "transport=TCP"], "tcp"),
        (["cell", "transport=futex"], "raw:futex"), (["cell", "transport=zmq"], "zmq-inproc"), (["cell", "serializer=pickel"], "pickle"),
        (["cell", "serializer=cloud_pickle"], "cloudpickle"), (["cell", "workload=ecko"], "echo"), (["cell", "payload=byte:8"], "bytes"),
        (["cell", "wake=adaptve"], "adaptive"), (["cell", "lang=pyton"], "python"),
        (["run", QUICK, "--only", "transprot=shm"], "transport"), (["run", QUICK, "--only", "transport=unx"], "unix"),
        (["run", QUICK, "--only", "family=transport"], "transports"),
        (["cell", "shm"], "transport=shm"), (["cell", "adaptive"], "wake=adaptive"), (["run", "quik.yaml"], "quick.yaml"),
        (["report", "--htlm", "x"], "--html"), (["report", "x", "--answer", "transprt"], "transport"), (["compare", "--blcks", "3"], "--blocks"),
        (["recommend", "x", "--lang", "pyton"], "python"), (["recommend", "x", "--wake-not", "spn"], "spin"),
        (["recommend", "x", "--by", "cpus"], "cpu"), (["recommend", "x", "--payload", "recrod"], "record"),
        (["merge", "x", "--out", "y", "--forse"], "--force"), (["coverage", "--only", "grop=x"], "group"),
        (["coverage", "--only", "group=fucntions"], "functions"),
    ]

    def test_what_was_meant(self):
        for arguments, meant in self.CASES:
            with self.subTest(arguments=arguments):
                status, out, err = self.lab(*arguments)
                self.assertEqual((2, ""), (status, out), err)
                self.one_line(err)
                self.assertIn(f"(did you mean '{meant}'?)", err)

    def test_what_to_write_instead(self):
        results = self.write("r.jsonl", '{"kind":"run"}\n')
        for arguments, words in ((["cell", "--transport=shm"], "write transport=VALUE"), (["run", QUICK, "--transport", "shm"], "write --only transport=VALUE"),
                                 (["run", results], "corps-lab report reads"),
                                 (["run", QUICK, "--only", "transport=shm", "--only", "transport=unix", "--dry-run"], "--only KEY=A,B")):
            with self.subTest(arguments=arguments):
                status, out, err = self.lab(*arguments)
                self.assertEqual((2, ""), (status, out), err)
                self.one_line(err)
                self.assertIn(words, err)
        self.assertEqual(self.lab("run", "--help"), self.lab("help", "run"))

    def test_no_guess(self):
        for arguments in (["fly"], ["cell", "transport=carrier-pigeon"], ["cell", "colour=red"], ["recommend", "x", "--by", "luck"], ["report", "--xyzzy"],
                          ["list", "birds"], ["run", QUICK, "--only", "family=x"]):
            with self.subTest(arguments=arguments):
                status, _, err = self.lab(*arguments)
                self.assertEqual(2, status, err)
                self.one_line(err)
                self.assertNotIn("did you mean", err)

    def test_keys_of_matrices(self):
        for text, meant in (("name: t\nblcks: 3\n", "blocks"), ("name: t\nfamilys: []\n", "families"),
                            ("name: t\nfamilies:\n  - {name: f, axis: {transport: shm}}\n", "axes"),
                            ("name: t\nfamilies:\n  - {name: f, axes: {transprot: shm}}\n", "transport"),
                            ("name: t\nfamilies:\n  - {name: f, axes: {transport: sm}}\n", None),
                            ("name: t\nfamilies:\n  - {name: f, axes: {transport: [unix, pip]}}\n", "pipe"),
                            ("name: t\nlimits: [{rwo: a}]\nfamilies: [{name: f}]\n", None)):
            with self.subTest(text=text):
                status, _, err = self.lab("run", self.write("m.yaml", text), "--dry-run")
                self.assertEqual(2, status, err)
                self.one_line(err)
                if meant is not None:
                    self.assertIn(f"(did you mean '{meant}'?)", err)


if __name__ == "__main__":
    unittest.main(verbosity=2)
