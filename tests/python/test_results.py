"""validate, publish and recommend. Run by meson with CORPS_REPORT and CORPS_SOURCE."""
import glob
import gzip
import json
import os
import sys
import tempfile
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
SOURCE = os.environ.get("CORPS_SOURCE") or os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
FOLDER = os.environ.get("CORPS_REPORT") or os.path.join(SOURCE, "experiments", "report")
sys.path.insert(0, FOLDER)
import cells as grouping  # noqa: E402
import load  # noqa: E402
import machines  # noqa: E402
import text  # noqa: E402
import validate  # noqa: E402
import words  # noqa: E402
from simulated import blocks_of, run_line, run_program, trial  # noqa: E402

CELLS = [(2000, {"transport": "shm"}), (9000, {"transport": "unix"}), (12000, {"transport": "tcp"})]


class Files(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = folder.name

    def path(self, name):
        return os.path.join(self.folder, name)

    def write(self, lines, name="results.jsonl", end="\n"):
        with open(self.path(name), "w", encoding="utf-8") as file:
            file.write("\n".join(line if isinstance(line, str) else json.dumps(line) for line in lines) + end)
        return self.path(name)

    def program(self, name, *args, status=0):
        done = run_program(os.path.join(FOLDER, name + ".py"), *args)
        self.assertEqual(status, done.returncode, done.stdout + done.stderr)
        return done.stdout if status == 0 else done.stderr


class PublishedPaths(unittest.TestCase):
    def test_no_published_file_names_a_folder_of_its_machine(self):
        tree = os.path.join(os.path.abspath(SOURCE), "").encode()
        for path in sorted(glob.glob(os.path.join(SOURCE, "results", "**"), recursive=True)):
            if os.path.isfile(path):
                with (gzip.open if path.endswith(".gz") else open)(path, "rb") as file:
                    content = file.read()
                for folder in (b"/home/", b"/root/", tree):
                    self.assertFalse(folder in content, f"{path} holds {folder!r}")


class Validate(Files):
    def test_what_the_laboratory_writes_is_valid(self):
        self.assertEqual([], validate.faults_of(self.write([run_line()] + blocks_of(CELLS) + [trial(3, 9, 1, ok=False)] * 1
                                                          + [trial(b, 9, 7, ok=False) for b in range(20) if b != 3])))

    def test_faults(self):
        def broken(**changes):
            return [run_line(), {**trial(0, 0, 2000), **changes}]
        for lines, words in [
            (broken(seconds=0), "seconds is not a positive number"), (broken(messages_per_s=1.0), "messages / seconds"),
            (broken(p99_ns=10), "in order"), (broken(p999_ns=10), "in order"), (broken(p999_ns=9000, p9999_ns=7000), "in order"),
            (broken(max_ns=5999 - 1000), "in order"), (broken(block="0"), "field block"),
            (broken(ok=False), "failed and yet"), (broken(histogram=[]), "histogram is empty"),
            (broken(histogram=[[5000, 1], [2000, 2]]), "not in order"), (broken(histogram=[[2000]]), "field histogram"),
            (broken(histogram=[[9000, 10]]), "median"), (broken(flags=None), "field flags"),
            (broken(messages_per_s=float("nan")), "not a positive number"),
            ([run_line(plan=7), trial(0, 0, 1000)], "field plan"), ([trial(0, 0, 1000)], "no line of kind run"),
            ([run_line(), trial(0, 0, 1000, run="other")], "no first line"),
            ([run_line()] + blocks_of(CELLS)[:-1], "block 19 does not hold"),
        ]:
            with self.subTest(words=words):
                faults = validate.faults_of(self.write(lines))
                self.assertTrue(any(words in fault for fault in faults), faults)

    def test_what_was_planned_must_be_there(self):
        """A run that was stopped after its first trials holds only whole blocks' worth of nothing: the plan tells."""
        cells = CELLS[:1]
        for run, trials, words in [
            ({"blocks": 12, "block_trials": 1}, blocks_of(cells, blocks=1), "1 of 12 planned trials are there (block 1 has 0 of 1)"),
            ({"blocks": 4, "block_trials": 3}, blocks_of(CELLS, blocks=4)[:-1], "11 of 12 planned trials are there (block 3 has 2 of 3)"),
            ({"blocks": 4, "block_trials": 1, "shard": "2/2"}, blocks_of(cells, blocks=4)[1:2], "1 of 2 planned trials are there (block 3"),
        ]:
            with self.subTest(words=words):
                faults = validate.faults_of(self.write([run_line(**run)] + trials))
                self.assertTrue(any(words in fault for fault in faults), faults)
        more = [run_line(blocks=2, block_trials=3)] + blocks_of(CELLS, blocks=4)  # it went on
        self.assertEqual([], validate.faults_of(self.write(more)))
        shard = [run_line(blocks=4, block_trials=3, shard="2/2")] + [t for t in blocks_of(CELLS, blocks=4) if t["block"] % 2]
        self.assertEqual([], validate.faults_of(self.write(shard)))

    def checked(self, *records):
        """As corps-lab writes them now."""
        return [load.line_text({**record, "check": ""}) for record in records]

    def test_no_byte_can_change(self):
        run, line = self.checked(run_line(blocks=1, block_trials=1), trial(0, 0, 2000))
        self.assertEqual([], validate.faults_of(self.write([run, line])))
        self.assertIn(": valid\n", self.program("validate", self.write([run, line])))
        for at in range(len(line)):
            changed = line[:at] + chr(ord(line[at]) ^ 1) + line[at + 1:]
            with self.subTest(at=at), self.assertRaises(load.BadResults):
                validate.faults_of(self.write([run, changed]))
        text = self.program("validate", self.write([run, line.replace('"messages":100', '"messages":101')]), status=1)
        self.assertIn("results.jsonl:2: the line is not as it was written", text)
        self.assertIn("its checksum is gone", self.program("validate", self.write([run, trial(0, 0, 2000)]), status=1))

    def test_lines_without_a_checksum_are_unverified(self):
        old = [run_line(blocks=1, block_trials=2), trial(0, 0, 2000)]
        more = self.checked(trial(0, 1, 3000, transport="unix"))  # it went on with a newer program
        self.assertIn(": valid; 2 of 3 lines unverified", self.program("validate", self.write(old + more)))

    def test_no_field_makes_a_reader_fall(self):
        """Any field replaced or taken away: faults or none, never a traceback; what is without fault can be reported."""
        values = [None, True, 1e308, "x", [], {"a": []}, 10 ** 30]
        good = [run_line(block_trials=3, limits=[{"row": "a", "figure": "p50_ns", "cell": trial(0, 0, 1)["cell"], "at_most": 2.0}])] \
            + blocks_of(CELLS, blocks=2)
        for number, where, name in [(i, w, n) for i in (0, 1) for w, value in (("", good[i]), ("cell", good[i].get("cell", {})),
                                                                              ("fingerprint", good[i].get("fingerprint", {}))) for n in value]:
            for value in values + ["(gone)"]:
                lines = json.loads(json.dumps(good))
                place = lines[number][where] if where else lines[number]
                place[name] = value
                if value == "(gone)":
                    del place[name]
                with self.subTest(where=where, name=name, value=value):
                    path = self.write(lines)
                    try:
                        validate.faults_of(path)
                        results = load.load([path])
                    except load.BadResults:
                        continue
                    text.report(results, grouping.group(results))
        self.assertIn("not JSON", self.program("validate", self.write([run_line(), "[" * 100000]), status=1))

    def test_a_failed_trial_without_reason(self):
        faults = validate.faults_of(self.write([run_line(), {**trial(0, 0, 1, ok=False), "error": None}]))
        self.assertIn("without a reason", faults[0])

    def test_command(self):
        good = self.write([run_line()] + blocks_of(CELLS), "good.jsonl")
        self.assertIn("valid", self.program("validate", good))
        bad = self.write([run_line(), "{}"], "bad.jsonl")
        self.assertIn("bad.jsonl:2", self.program("validate", good, bad, status=1))
        cut = self.write([run_line()] + blocks_of(CELLS) + ['{"kind":'], "cut.jsonl", end="")
        self.assertIn("cut short", self.program("validate", cut, status=1))


class Publish(Files):
    def sessions(self, **second):
        a = self.write([run_line("a")] + blocks_of(CELLS, run="a"), "a.jsonl")
        b = self.write([run_line("b", **second)] + blocks_of(CELLS, seed=2, run="b"), "b.jsonl")
        return a, b

    def test_two_sessions_become_one_file_a_page_and_an_index(self):
        out = self.program("publish", *self.sessions(), "--to", self.path("results"))
        base = self.path("results/m1/2026-01-02-test")
        self.assertIn(base, out)
        results = load.load([base + ".jsonl.gz"])
        self.assertEqual((2, 120), (len(results.runs), len(results.trials)))
        self.assertEqual([], validate.faults_of(base + ".jsonl.gz"))
        for name in ("index", "2026-01-02-test"):
            with open(self.path(f"results/m1/{name}.html"), encoding="utf-8") as file:
                self.assertIn('href="2026-01-02-test.jsonl.gz"', file.read())
        self.assertLess(os.path.getsize(base + ".html"), 400 << 10)  # it links its lines
        with open(self.path("results/index.html"), encoding="utf-8") as file:
            index = file.read()
        self.assertIn('href="m1/index.html"', index)
        self.assertIn("m1", index)

    def test_checksums_are_kept(self):
        lines = [load.line_text({**record, "check": ""}) for record in [run_line("a")] + blocks_of(CELLS, run="a")]
        self.program("publish", self.write(lines, "a.jsonl"), "--to", self.path("results"))
        published = self.path("results/m1/2026-01-02-test.jsonl.gz")
        self.assertIn(": valid\n", self.program("validate", published))
        with gzip.open(published, "rt", encoding="utf-8") as file:
            damaged = file.read().replace('"seconds":', '"seconds":1', 1)
        self.assertIn("not as it was written", self.program("validate", self.write(damaged.splitlines(), "d.jsonl"), status=1))

    def test_nothing_private_is_published(self):
        """Paths, addresses and the command line of the machine go; what changes how fast messages are stays, and cells stay apart."""
        finger = {"machine": "m1", "git": {"revision": "abc", "dirty": False}, "libraries": {"python": "3.11", "python_executable": "/home/ann/x/bin/python"},
                  "kernel": {"release": "6.18.44-x", "command_line": "root=UUID=1 ip=10.1.2.3 mitigations=off haltpoll.guest_halt_poll_ns=0 -- --token secret"}}
        trials = blocks_of([(2000, {"path": "/home/ann/one"}), (3000, {"path": "/usr/lib/python3.11"})], run="a")
        trials += [{**trial(b, 7, 1, run="a", ok=False, transport="tcp"), "error": "192.168.7.9: /home/ann/x/corps-lab was killed"} for b in range(20)]
        path = self.write([run_line("a", block_trials=3, program="/home/ann/x/corps-lab", fingerprint=finger)] + trials, "a.jsonl")
        self.assertIn("python_executable", self.program("validate", "--public", path, status=1))
        self.program("publish", path, "--to", self.path("results"))
        published = self.path("results/m1/2026-01-02-test.jsonl.gz")
        self.program("validate", "--public", published)
        with gzip.open(published, "rt", encoding="utf-8") as file:
            text = file.read()
        for word in ("ann", "secret", "UUID", "10.1.2.3", "192.168"):
            self.assertNotIn(word, text)
        results = load.load([published])
        self.assertEqual("mitigations=off haltpoll.guest_halt_poll_ns=0", results.runs[0]["fingerprint"]["kernel"]["command_line"])
        self.assertEqual(("corps-lab", "6.18.44-x"), (results.runs[0]["program"], results.runs[0]["fingerprint"]["kernel"]["release"]))
        self.assertEqual({"one", "/usr/lib/python3.11", ""}, {t["cell"].get("path", "") for t in results.trials})
        self.assertEqual("(address): corps-lab was killed", results.failed[0]["error"])

    def test_histograms_keep_their_counts(self):
        a, b = self.sessions()
        self.program("publish", a, b, "--to", self.path("results"))
        before, after = load.load([a, b]), load.load([self.path("results/m1/2026-01-02-test.jsonl.gz")])
        for x, y in zip(before.trials, after.trials):
            self.assertEqual(sum(n for _, n in x["histogram"]), sum(n for _, n in y["histogram"]))
            self.assertEqual(x["p50_ns"], y["p50_ns"])
            for low, _ in y["histogram"]:
                self.assertTrue(low < 256 or low % (1 << (low.bit_length() - 8)) == 0, low)

    def test_what_is_published_is_never_changed(self):
        files = self.sessions()
        self.program("publish", *files, "--to", self.path("results"))
        before = os.stat(self.path("results/m1/2026-01-02-test.jsonl.gz")).st_mtime_ns
        self.assertIn("never changed", self.program("publish", *files, "--to", self.path("results"), status=1))
        self.program("publish", "--to", self.path("results"))  # pages and index anew
        self.assertEqual(before, os.stat(self.path("results/m1/2026-01-02-test.jsonl.gz")).st_mtime_ns)

    def test_what_does_not_belong_together_is_refused(self):
        for second, words in (({"machine": "m2"}, "machines"), ({"plan": "1" * 16}, "plans"), ({"matrix": "other"}, "matrices"),
                              ({"fingerprint": {"machine": "m1", "git": {"revision": "def", "dirty": False}}}, "revisions"),
                              ({"schema": 2}, "schema 2")):
            with self.subTest(words=words):
                text = self.program("publish", *self.sessions(**second), "--to", self.path("results"), status=1)
                self.assertIn(words, text)
                self.assertFalse(os.path.exists(self.path("results/m1")))
        dirty = {"fingerprint": {"machine": "m1", "git": {"revision": "abc", "dirty": True}}}
        self.assertIn("uncommitted", self.program("publish", *self.sessions(**dirty), "--to", self.path("results"), status=1))
        self.program("publish", *self.sessions(**dirty), "--to", self.path("results"), "--allow-dirty")

    def test_machines_are_compared_by_what_was_measured(self):
        kinds = {"m1": {"wake_ns": 35000, "line_ns": 290, "copy_bytes_per_s": 49e9}, "m2": {"wake_ns": 5000, "line_ns": 300, "copy_bytes_per_s": None}}
        for machine, measured in kinds.items():
            finger = {"machine": machine, "git": {"revision": "abc", "dirty": False}, "measured": measured}
            self.program("publish", self.write([run_line(machine, fingerprint=finger)] + blocks_of(CELLS, run=machine), machine + ".jsonl"),
                         "--to", self.path("results"))
        with open(self.path("results/index.html"), encoding="utf-8") as file:
            index = file.read()
        self.assertIn("<td>waking a processor</td><td>measured</td><td>35 µs</td><td>5 µs</td>", index)
        self.assertIn("<td>copying 64 KiB</td><td>measured</td><td>49 GB/s</td><td>–</td>", index)
        done = run_program(os.path.join(FOLDER, "compare.py"), self.path("m1.jsonl"), self.path("m2.jsonl"))
        self.assertEqual(3, done.returncode)
        self.assertIn("different machines: their figures do not compare (waking a processor: 35 µs and 5 µs)", done.stdout)

    def test_runs_that_measured_nothing_tell_their_machine_by_the_controls(self):
        controls = [(4000, {"transport": "raw:pipe", "wake": "block", "placement": "same"}), (64000, {"transport": "raw:pipe", "wake": "block"}),
                    (300, {"transport": "raw:cacheline", "wake": "spin"})]
        results = load.load([self.write([run_line("a")] + blocks_of(controls, noise=0, run="a"))])
        found = machines.figures(results, grouping.group(results))
        self.assertAlmostEqual(30000, found["wake_ns"], delta=2000)
        self.assertIsNone(machines.alike(found, {**found, "copy_bytes_per_s": 1}))
        self.assertEqual("wake_ns", machines.alike(found, {**found, "wake_ns": found["wake_ns"] / 6}))

    def test_two_machines_stand_side_by_side(self):
        self.program("publish", self.write([run_line("a")] + blocks_of(CELLS, run="a"), "a.jsonl"), "--to", self.path("results"))
        other = self.write([run_line("b", machine="m2")] + blocks_of(CELLS, run="b"), "b.jsonl")
        self.program("publish", other, "--to", self.path("results"))
        with open(self.path("results/index.html"), encoding="utf-8") as file:
            index = file.read()
        self.assertRegex(index, r'<th scope="col">m1, 2026-01-02-test</th><th scope="col">m2, 2026-01-02-test</th>')
        self.assertRegex(index, r"<td>shm</td><td>cross, wake adaptive</td><td>[^<]+µs</td><td>[^<]+µs</td>")

    def test_a_figure_is_of_one_run_and_the_same_everywhere(self):
        """Two matrices hold the same cell, a quick and a slow one: no page takes them together, and all tell one estimate of each."""
        slow = [(3 * p50, axes) for p50, axes in CELLS] + [(900, {"payload": "bytes:4096", "size_bytes": 4096, "transport": t}) for t in ("shm", "tcp")]
        for name, cells, matrix in (("a", CELLS, "test"), ("b", slow, "other")):
            self.program("publish", self.write([run_line(name, matrix=matrix)] + blocks_of(cells, run=name), name + ".jsonl"), "--to", self.path("results"))
        texts = {}
        for matrix in ("test", "other"):
            base = self.path(f"results/m1/2026-01-02-{matrix}")
            shm = grouping.find(grouping.group(load.load([base + ".jsonl.gz"])), transport="shm", payload="bytes:64")[0]
            texts[matrix] = words.time_text(shm.estimate("p50_ns"))
            with open(base + ".html", encoding="utf-8") as file:
                self.assertIn(f'data-v="{shm.estimate("p50_ns")}">{texts[matrix]}<', file.read())
        self.assertNotEqual(*texts.values())
        out = self.program("report", *(self.path(f"results/m1/2026-01-02-{m}.jsonl.gz") for m in texts), "--no-html")
        with open(self.path("results/index.html"), encoding="utf-8") as file:
            index = file.read()
        self.assertIn(texts["test"], out)
        self.assertIn(texts["other"], out)
        self.assertIn('<th scope="col">m1, 2026-01-02-other</th>', index)  # which measured more sizes
        self.assertIn(f"<td>{texts['other']}</td>", index)
        with open(self.path("results/m1/index.html"), encoding="utf-8") as file:
            self.assertIn('href="2026-01-02-other.html">2026-01-02-other</a>', file.read())

    def test_a_broken_archive(self):
        path = self.path("x.jsonl.gz")
        with open(path, "wb") as file:
            file.write(gzip.compress(b"hello")[:-3])
        self.assertIn("gzip", self.program("validate", path, status=1))


class Recommend(Files):
    def setUp(self):
        super().setUp()
        cells = []
        for transport, base in (("shm", 2000), ("unix", 9000)):
            for wake, factor in (("adaptive", 1), ("spin", 0.5), ("block", 20)):
                for count in (10, 100):
                    for lang, more in (("c", 0), ("python", 10000)):
                        cells.append((base * factor + 50 * count + more, {
                            "transport": transport, "wake": wake, "payload": f"records:{count}", "size_bytes": 100 * count,
                            "serializer": "msgpack", "lang": lang}))
            cells.append((base, {"transport": transport, "workload": "pipeline", "window": 4, "payload": "bytes:64"}))
        self.results = self.write([run_line()] + blocks_of(cells, noise=0.01))

    def ask(self, *args, status=0):
        return self.program("recommend", self.results, *args, status=status)

    def test_a_question(self):
        text = self.ask("--payload", "records", "--size", "4KiB", "--lang", "python", "--in-flight", "4", "--wake-not", "spin",
                        "--serializer", "msgpack")
        self.assertIn("nothing that fits was measured with 4 in flight", text)
        self.assertIn("the nearest payload measured is records:100, 9.77 KiB", text)
        self.assertIn("echo shm msgpack records:100 adaptive cross lang python", text.split("winner: ")[1].split("\n")[0])
        self.assertIn("CORPS_TRANSPORT=shm\n  export CORPS_SERIALIZER=msgpack\n  export CORPS_WAKE=adaptive", text)
        self.assertIn("create_Corps(", text)

    def test_in_flight(self):
        self.assertIn("winner: pipeline shm", self.ask("--in-flight", "4"))

    def test_spinning_allowed(self):
        self.assertIn("shm msgpack records:10 spin", self.ask("--payload", "records:10"))

    def test_a_language_that_nobody_measured(self):
        text = self.ask("--payload", "records:10", "--lang", "c-python", status=1)
        self.assertIn("no run with lang c-python is among these files, and what was measured in c and python does not answer for it", text)

    def test_python_and_msgpack_alone(self):
        text = self.ask("--payload", "records:10", "--lang", "python", status=1)
        self.assertIn("only msgpack was measured", text)
        self.assertIn("tuples arrive as lists", text)

    def test_wrong_usage(self):
        self.assertIn("is not a size", self.ask("--size", "much", status=2))
        self.assertIn("records:10", self.ask("--payload", "ast", status=1))


if __name__ == "__main__":
    unittest.main()
