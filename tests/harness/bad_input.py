"""Mistakes of the user: each gives one clear line on standard error that names what is possible, and exit 2 (wrong usage)
or 1 (failure)."""

import json
import os
import unittest

import lab


class Cell(lab.LabTest):
    CASES = [
        # arguments, words that the line must have
        (["transport=carrier-pigeon"], ["carrier-pigeon", "shm", "unix", "raw:pipe"]),
        (["serializer=xml"], ["xml", "msgpack", "pickle"]),
        (["workload=sleep"], ["sleep", "echo", "search"]),
        (["payload=bytes"], ["bytes:N"]),
        (["payload=bytes:many"], ["bytes:many"]),
        (["payload=blob:1"], ["blob:1", "record"]),
        (["payload=file:/no/such/file"], ["/no/such/file", "No such file"]),
        (["colour=red"], ["colour", "transport", "placement"]),
        (["wake=sometimes"], ["sometimes", "adaptive"]),
        (["placement=left"], ["left", "cross"]),
        (["lang=cobol"], ["cobol", "python"]),
        (["envs=0"], ["envs", "1"]),
        (["window=-1"], ["window"]),
        (["window=1e3"], ["window"]),
        (["shm"], ["key=value"]),
        (["pattern=("], ["regular expression"]),
        (["path=/no/such/folder"], ["/no/such/folder", "directory"]),
        (["--loud"], ["--loud"]),
        # combinations that cannot be
        (["wake=spin", "placement=same"], ["infeasible", "wake=block"]),
        (["wake=spin", "envs=1000"], ["infeasible", "1000"]),
        (["transport=queue", "envs=2"], ["queue", "envs=1"]),
        (["transport=null"], ["null", "oneway"]),
        (["serializer=none", "payload=record"], ["none", "bytes:N"]),
        (["serializer=msgpack", "payload=ast"], ["pickle"]),
        (["lang=python", "serializer=none"], ["none", "another serializer"]),
        (["lang=python", "workload=codec"], ["codec", "lang=c"]),
        (["transport=raw:pipe", "serializer=msgpack"], ["none"]),
        (["transport=raw:pipe", "workload=ring"], ["echo"]),
        (["transport=raw:cacheline", "wake=block"], ["raw:futex"]),
        (["min_ms=500"], ["min_ms=500", "max_ms=250"]),
        (["hosts=2"], ["shm", "tcp", "raw:tls"]),
        (["transport=tcp", "hosts=1"], ["hosts=0"]),
        (["transport=tcp", "delay_us=100"], ["hosts=2"]),
        (["transport=tcp", "hosts=3", "envs=2"], ["envs=3"]),
        (["transport=raw:tcp", "hosts=3"], ["hosts=2"]),
        (["transport=raw:tls", "seal=1"], ["raw:tls", "anyway"]),
        (["transport=unix", "seal=1"], ["unix", "tcp"]),
    ]

    def test_table(self):
        for arguments, words in self.CASES:
            with self.subTest(arguments=arguments):
                status, out, err = self.lab("cell", *arguments)
                self.assertEqual(2, status, err)
                self.assertEqual("", out)
                self.one_line(err)
                for word in words:
                    self.assertIn(word, err)

    def test_commands(self):
        for arguments, word in [([], "--help"), (["fly"], "fly"), (["--fly"], "--fly"), (["list", "birds"], "transports"),
                                (["run"], "matrix"), (["doctor", "now"], "now")]:
            with self.subTest(arguments=arguments):
                status, _, err = self.lab(*arguments)
                self.assertEqual(2, status, err)
                self.one_line(err)
                self.assertIn(word, err)

    def test_help(self):
        for arguments in [["--help"], ["--version"], ["list", "--help"], ["doctor", "--help"], ["cell", "--help"],
                          ["run", "--help"]]:
            with self.subTest(arguments=arguments):
                status, out, err = self.lab(*arguments)
                self.assertEqual((0, ""), (status, err))
                self.assertIn("corps-lab", out)

    def test_a_failed_trial_is_printed_all_the_same(self):
        damaged = self.write("damaged.json", "[1, 2,")
        status, out, err = self.lab("cell", f"payload=file:{damaged}")
        self.assertEqual(1, status, err)
        self.one_line(err)
        line = json.loads(out)
        self.assertIs(False, line["ok"])
        self.assertTrue(line["error"])
        self.assertIsNone(line["p50_ns"])


class Matrix(lab.LabTest):
    HEAD = "name: test\nfamilies:\n  - name: f\n    axes: "
    CASES = [
        # text, where the error is, words
        (HEAD + "{transport: [shm, shmm]}\n", "4:29", ["shmm", "unix"]),
        (HEAD + "{transprot: shm}\n", "4:12", ["transprot", "transport"]),
        (HEAD + "{min_ms: 5}\n", "4:12", ["trial"]),
        (HEAD + "{arm: aa}\n", "4:12", ["arm"]),
        (HEAD + "{payload: []}\n", "4:12", ["payload", "value"]),
        (HEAD + "{envs: [1, zwei]}\n", "4:22", ["zwei"]),
        (HEAD + "{transport: [shm, unix, shm]}\n", "4:35", ["transport", "shm twice"]),
        (HEAD + "{envs: [2, 02]}\n", "4:22", ["02 twice"]),
        ("name: a/b\n", "1:7", ["slash"]),
        ("name: test\nblocks: 0\n" + "families: []\n", "2:9", ["blocks"]),
        ("name: test\nblock: 3\n", "2:1", ["block", "blocks"]),
        ("name: test\ncontrols: maybe\n", "2:11", ["true"]),
        ("name: test\ntrial: {transport: shm}\n", "2:9", ["defaults"]),
        ("name: test\ndefaults: {workload: [echo]}\n", "2:12", ["one value"]),
        ("name: test\nfamilies:\n  - axes: {transport: shm}\n", "3:5", ["name"]),
        ("name: test\nfamilies: []\n", "2:1", ["families"]),
        ("name: test\nfamilies:\n  - name: a/b\n", "3:11", ["slash"]),
        ("name: test\nfamilies:\n  - {name: f}\n  - {name: f}\n", "4:5", ["two families"]),
        ("name: test\nname: again\n", "2:1", ["uplicate"]),
        ("name: [test\n", "", []),
        ("families: []\n", "", ["name"]),
        ("name: test\ninclude: none.yaml\n", "none.yaml", ["No such file"]),
        ("name: test\ninclude: m.yaml\n", "2:10", ["circle"]),
        ("just text\n", "", ["key: value"]),
        ("name: test\nlimits: 3\nfamilies: [{name: f}]\n", "2:1", ["list"]),
        ("name: test\nlimits: [{row: a}]\nfamilies: [{name: f}]\n", "2:1", ["cell", "at_most"]),
        ("name: test\nlimits:\n  - {row: a, cell: {transport: owl}, at_most: 1}\nfamilies: [{name: f}]\n", "3:32", ["owl"]),
        ("name: test\nlimits:\n  - {row: a, cell: {wake: spin}, at_most: fast}\nfamilies: [{name: f}]\n", "3:43", ["fast"]),
        ("name: test\nlimits:\n  - {row: a, cell: {wake: spin}, at_most: 1, at_least: 1}\nfamilies: [{name: f}]\n", "3:56",
         ["one bound"]),
        ("name: test\nlimits:\n  - {row: a, cell: {wake: spin}, figure: speed, at_most: 1}\nfamilies: [{name: f}]\n", "3:42",
         ["speed", "p50_ns"]),
        ("name: test\nlimits:\n  - {rows: a}\nfamilies: [{name: f}]\n", "3:6", ["rows", "choose one of"]),
        ("", "", []),
    ]

    def test_table(self):
        for text, where, words in self.CASES:
            with self.subTest(text=text):
                path = self.write("m.yaml", text)
                status, out, err = self.lab("run", path, "--dry-run")
                self.assertEqual((2, ""), (status, out), err)
                self.one_line(err)
                place = f"{path}:{where}" if where[:1].isdigit() else where
                self.assertIn(place, err)
                for word in words:
                    self.assertIn(word, err)

    HOSTILE = [
        # bytes, where the error is, words; what made a parser hang, or could
        (bytes.fromhex("2523 6f75 743a e865 7609 0066 616d 6b2c"), "1:8", ["UTF-8"]),
        (b"name: \xff\n", "1:7", ["UTF-8"]),
        (b"[" * (1 << 20), "1:17", ["nested deeper"]),
        (b"{a: " * (1 << 18), "1:65", ["nested deeper"]),
        (b"- " * (1 << 19), "1:33", ["nested deeper"]),
        (b"a:\n" * (1 << 18), "1:1", ["there is no key"]),
        (b"[a,\n" * (1 << 18), "17:1", ["nested deeper"]),
        (b"".join(b"- &a%d x\n" % i for i in range(80000)), "1001:3", ["anchors"]),
        (b"x: [" + b"a: b, " * 170000 + b"]", "1:1", ["there is no key"]),
        (b"name: " + b"a b\n " * 200000, "1:7", ["1 to 63 bytes"]),
        (b"&a " * (1 << 18), "1:", []),
        (b"? " * (1 << 19), "1:", []),
        (b"'" + b"x" * (1 << 20), "larger than", []),
        (b"name: &a [*a]\n", "1:1", ["one value"]),
        (b"name: test\nfamilies: &f\n  - {name: f, axes: {transport: *f}}\n", "3:22", ["transport", "one value"]),
        (b"a0: &a0 [x,x,x,x,x,x,x,x,x]\n" +
         b"".join(b"a%d: &a%d [*a%d,*a%d,*a%d,*a%d,*a%d,*a%d,*a%d,*a%d,*a%d]\n" % (i, i, *(9 * (i - 1,))) for i in range(1, 30)),
         "1:1", ["there is no key"]),
        (b"name: test\n---\nname: test\n", "2:1", ["one document"]),
        (b'name: "a\\0b"\n', "1:1", ["one value"]),
    ]

    def test_hostile(self):
        for data, where, words in self.HOSTILE:
            with self.subTest(data=data[:40]):
                path = self.path("m.yaml")
                with open(path, "wb") as file:
                    file.write(data)
                status, out, err = self.lab("run", path, "--dry-run")
                self.assertEqual((2, ""), (status, out), err)
                self.one_line(err)
                self.assertIn(where, err)
                for word in words:
                    self.assertIn(word, err)

    def test_endless(self):
        status, _, err = self.lab("run", "/dev/zero", "--dry-run")
        self.assertEqual(2, status)
        self.assertIn("larger than", err)

    def test_missing(self):
        status, _, err = self.lab("run", "nowhere.yaml")
        self.assertEqual(2, status)
        self.one_line(err)
        self.assertIn("nowhere.yaml", err)

    def test_options(self):
        path = self.matrix("{transport: raw:pipe, placement: same}")
        for arguments, word in [(["--blocks", "0"], "--blocks"), (["--blocks", "many"], "many"), (["--blocks"], "--blocks"),
                                (["--seed", "-1"], "--seed"), (["--shard", "3/2"], "3/2"), (["--shard", "half"], "half"),
                                (["--only", "transport"], "key=value"), (["--only", "transport=owl"], "owl"),
                                (["--only", "colour=red"], "colour"), (["--only", "transport=tcp"], "--only"),
                                (["--trial-timeout", "0"], "--trial-timeout"), (["--fast"], "--fast"),
                                (["--resume", "a", "--out", "b"], "--out"), (["second.yaml"], "second.yaml")]:
            with self.subTest(arguments=arguments):
                status, _, err = self.lab("run", path, *arguments)
                self.assertEqual(2, status, err)
                self.one_line(err)
                self.assertIn(word, err)

    def test_impossible_cells_are_left_out_with_their_reason(self):
        path = self.matrix("{transport: [raw:pipe, queue], wake: [block, spin], placement: same, envs: 2}")
        status, out, _ = self.lab("run", path, "--dry-run")
        self.assertEqual(0, status)
        self.assertIn("left out (f): echo raw:pipe none bytes:64 spin same: infeasible", out)
        self.assertIn("envs=1", out)
        self.assertIn("3 impossible cells left out", out)

    def test_nothing_left(self):
        path = self.matrix("{transport: queue, envs: 2}")
        status, _, err = self.lab("run", path)
        self.assertEqual(2, status)
        self.one_line(err)
        self.assertIn("envs=1", err)


class Files(lab.LabTest):
    def setUp(self):
        super().setUp()
        self.small = self.matrix("{transport: raw:pipe, placement: same}", more="controls: false\n")

    def test_full_disk(self):
        status, _, err = self.lab("run", self.small, "--blocks", "1", "--out", "/dev/full")
        self.assertEqual(1, status)
        self.one_line(err)
        self.assertIn("/dev/full", err)
        self.assertIn("No space left", err)

    def test_file_that_cannot_grow_stays_readable(self):
        out = self.path("r.jsonl")
        status, _, _ = self.lab("run", self.small, "--blocks", "1", "--out", out)
        self.assertEqual(0, status)
        limit = 3 * os.path.getsize(out)
        os.unlink(out)

        def cap():
            import resource
            resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
        status, _, err = self.lab("run", self.small, "--blocks", "500", "--out", out, preexec_fn=cap)
        self.assertEqual(1, status)
        self.assertIn("File too large", err)
        self.assertIn("--resume", err)
        self.assertGreaterEqual(len(self.trials(out)), 1)

    def test_existing_file_is_not_overwritten(self):
        out = self.write("r.jsonl", "precious\n")
        status, _, err = self.lab("run", self.small, "--out", out)
        self.assertEqual(1, status)
        self.one_line(err)
        self.assertIn("--resume", err)
        with open(out, encoding="utf-8") as file:
            self.assertEqual("precious\n", file.read())

    def test_out_in_a_missing_folder(self):
        status, _, err = self.lab("run", self.small, "--out", self.path("no/r.jsonl"))
        self.assertEqual(1, status)
        self.one_line(err)
        self.assertIn("No such file", err)

    def test_resume_of_what_cannot_be(self):
        out = self.path("r.jsonl")
        self.assertEqual(0, self.lab("run", self.small, "--blocks", "2", "--seed", "3", "--out", out)[0])
        with open(out, encoding="utf-8") as file:
            # Without checksums, as older files are: what is wrong with a line shall be found all the same.
            first, second, third = (lab.without_checksum(line) for line in file)
        other = self.matrix("{transport: raw:unix, placement: same}", name="o.yaml", more="controls: false\n")
        strange = first.replace('"machine":"', '"machine":"0')
        unknown = second.replace("raw:pipe", "raw:fifo")
        for text, arguments, words in [
            ("", [], ["no whole line"]),
            (first[:-5], [], ["no whole line"]),
            (second + third, [], [":1:", "first line"]),
            (first + "{}\n", [], [":2:"]),
            (first + "nonsense\n" + second, [], [":2:"]),
            (first + second + second, [], [":3:", "twice"]),
            (first + unknown, [], [":2:", "raw:fifo"]),
            (strange + second, [], ["another machine"]),
            (first + second, ["--seed", "4"], ["seed"]),
            (first + second, ["--shard", "1/2"], ["shard"]),
        ]:
            with self.subTest(text=text[-60:], arguments=arguments):
                path = self.write("damaged.jsonl", text)
                status, _, err = self.lab("run", self.small, "--resume", path, *arguments)
                self.assertEqual(1, status, err)
                for word in words:
                    self.assertIn(word, err)
        status, _, err = self.lab("run", other, "--resume", out)
        self.assertEqual(1, status)
        self.assertIn("another matrix", err)
        status, _, err = self.lab("run", self.small, "--resume", self.path("none.jsonl"))
        self.assertEqual(1, status)
        self.assertIn("No such file", err)


if __name__ == "__main__":
    unittest.main(verbosity=2)
