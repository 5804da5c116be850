"""One trial of each lang: the fields, what cannot be, the controls in Python, and that both languages make the same
contents."""

import json
import os
import signal
import time
import unittest

import lab

FAST = ["warmup_count=5", "min_count=20", "min_ms=5", "max_ms=10000"]
FIGURES = ["messages", "seconds", "p50_ns", "p99_ns", "max_ns", "messages_per_s", "bytes_per_s", "cpu_ns_per_message",
           "histogram", "peak_rss_bytes", "voluntary_switches_per_message"]


class Langs(lab.LabTest):
    def good(self, *settings):
        status, out, err = self.lab("cell", *FAST, *settings)
        self.assertEqual((0, ""), (status, err))
        line = json.loads(out)
        self.assertIs(True, line["ok"])
        for key in FIGURES:
            self.assertIsNotNone(line[key], key)
        self.assertIn("context", line)
        self.assertIsNone(line["stages_ns"])
        self.assertEqual(line["messages"], sum(count for _, count in line["histogram"])
                         * (line["cell"]["concs"] if line["cell"]["workload"] == "fanout" else 1))
        self.assertLessEqual(line["p50_ns"], line["p99_ns"])
        self.assertLessEqual(line["p99_ns"], line["max_ns"])
        self.nothing_left()
        return line

    def test_echo_of_each(self):
        lines = [self.good(f"lang={lang}", "serializer=msgpack", "payload=record", "placement=same", "wake=block")
                 for lang in ("c", "python", "c-python", "python-c")]
        for line in lines[1:]:
            self.assertEqual(set(lines[0]), set(line))
            self.assertEqual(list(lines[0]["cell"]), list(line["cell"]))
            self.assertEqual(lines[0]["cell"]["size_bytes"], line["cell"]["size_bytes"])
            self.assertEqual(lines[0]["bytes_on_wire_per_message"], line["bytes_on_wire_per_message"])

    def test_every_workload(self):
        for workload in ("pipeline", "oneway", "fanout", "ring", "search"):
            for lang in ("python", "c-python", "python-c"):
                if workload != "ring" or lang == "python":
                    with self.subTest(workload=workload, lang=lang):
                        self.good(f"workload={workload}", f"lang={lang}", "serializer=msgpack",
                                  f"path={self.sources()}")

    def test_heal(self):
        """An Env of Python that is killed, and an interpreter."""
        for settings in (("lang=python",), ("lang=c-python", "serializer=msgpack"), ("lang=python-c", "serializer=msgpack"), ("transport=raw:python",)):
            with self.subTest(settings=settings):
                status, out, err = self.lab("cell", "workload=heal", "warmup_count=1", "min_count=3", "min_ms=0", "max_ms=20000", *settings)
                self.assertEqual((0, ""), (status, err))  # nothing of restarts
                line = json.loads(out)
                self.assertEqual((True, 3, 3), (line["ok"], line["messages"], line["latencies"]))
                self.assertEqual(3, sum(count for _, count in line["histogram"]))
                self.assertIsNone(line["cpu_ns_per_message"])  # whose it was has died
                self.nothing_left()

    def test_retry(self):
        """And that a trial ends in order before the Env that is called holds as many results as it may: 64 of 16 MiB."""
        for lang in ("python", "c-python", "python-c"):
            with self.subTest(lang=lang):
                self.good("workload=retry", f"lang={lang}", "serializer=msgpack", "payload=record")
        line = self.good("workload=retry", "lang=python", "payload=bytes:16777216", "min_count=1000", "max_ms=60000")
        self.assertTrue("short" in line["flags"] and line["messages"] < 64, line)

    def test_many_callers(self):
        for workload, lang in (("mesh", "python"), ("fanin", "c-python")):
            with self.subTest(workload=workload, lang=lang):
                line = self.good(f"workload={workload}", f"lang={lang}", "serializer=msgpack", "concs=2")
                self.assertTrue(0 < line["least_share"] <= 1, line["least_share"])
                self.assertEqual(line["messages"], line["latencies"])

    def test_one_env(self):
        for workload, langs in (("echo", ("python", "c-python", "python-c")), ("pipeline", ("python",)), ("oneway", ("c-python",)),
                                ("fanout", ("python-c",)), ("search", ("python", "c-python"))):
            for lang in langs:
                with self.subTest(workload=workload, lang=lang):
                    self.good(f"workload={workload}", f"lang={lang}", "serializer=msgpack", "transport=queue",
                              f"path={self.sources()}")

    def test_serializers(self):
        for serializer in ("pickle", "cloudpickle", "dill", "auto"):
            with self.subTest(serializer=serializer):
                self.good("lang=python", f"serializer={serializer}", "payload=record")

    def test_placement(self):
        """Envs of Python stay where the cell has put them."""
        for placement in ("same", "cross"):
            if placement == "cross" and len(os.sched_getaffinity(0)) < 2:
                print("skipped: placement=cross needs two processors", flush=True)
                continue
            with self.subTest(placement=placement):
                self.good("lang=python", "serializer=pickle", f"placement={placement}")

    def test_both_languages_make_the_same_contents(self):
        """The sink of a stream compares with what it has made itself."""
        for payload, lang in (("bytes:100", "c-python"), ("ints:100", "python-c"), ("record", "c-python"), ("records:3", "python-c"),
                              ("tree", "c-python")):
            with self.subTest(payload=payload, lang=lang):
                self.good("workload=oneway", f"lang={lang}", f"payload={payload}", "seed=77")

    def test_controls(self):
        for name, envs in (("raw:mp-pipe", 2), ("raw:queue", 1)):
            with self.subTest(name=name):
                line = self.good(f"transport={name}", "placement=same")
                cell = line["cell"]
                self.assertEqual(("python", "none", envs), (cell["lang"], cell["serializer"], cell["envs"]))

    def test_what_cannot_be(self):
        for settings, word in [(["lang=python", "serializer=none"], "another serializer"),
                               (["lang=c-python", "serializer=pickle"], "serializer=msgpack"),
                               (["lang=python-c", "workload=ring"], "lang=c"),
                               (["lang=python", "workload=oneway", "transport=null"], "lang=c"),
                               (["lang=python", "workload=search", "pattern=[[:alpha:]]"], "lang=python-c"),
                               (["transport=raw:pipe", "lang=python"], "lang=c"),
                               (["transport=raw:mp-pipe", "lang=c"], "lang=python"),
                               (["transport=raw:mp-pipe", "wake=spin"], "wake=block"),
                               (["transport=raw:queue", "envs=2"], "envs=1")]:
            with self.subTest(settings=settings):
                status, out, err = self.lab("cell", *settings)
                self.assertEqual((2, ""), (status, out))
                self.one_line(err)
                self.assertIn(word, err)

    def test_a_killed_env_fails_the_trial(self):
        process = self.start("cell", "lang=python", "gap_us=20000", "min_ms=30000", "max_ms=30000")
        lab.await_that(lambda: len(self.envs(process)) == 2, "both Envs")
        time.sleep(1)  # into the trial itself; earlier is a failed boot, which fails as well
        os.kill(self.envs(process)[-1], signal.SIGKILL)
        status, out, _ = self.finish(process)
        line = json.loads(out)
        self.assertEqual((1, False), (status, line["ok"]))
        self.assertIn("signal 9", line["error"])
        self.assertIsNone(line["p50_ns"])
        self.nothing_left()

    def test_a_killed_program_leaves_nothing(self):
        process = self.start("cell", "lang=python", "gap_us=20000", "min_ms=30000", "max_ms=30000")
        lab.await_that(lambda: len(self.envs(process)) == 2, "both Envs")
        left = list(lab.descendants(process.pid))
        process.kill()
        self.finish(process)
        lab.await_that(lambda: not set(left) & set(lab.processes()), "the end of all processes")

    def sources(self):
        folder = self.path("sources")
        if not os.path.isdir(folder):
            os.mkdir(folder)
            for i in range(30):
                with open(os.path.join(folder, f"{i}.txt"), "w", encoding="utf-8") as file:
                    file.write("import this\nor that\n" * i)
        return folder

    def envs(self, process):
        """The template process is the parent of the Envs."""
        tree = lab.descendants(process.pid)
        table = lab.processes()
        parents = [table[pid][0] for pid in tree if pid in table]
        template = [pid for pid in tree if any("from corps import _template" in word for word in tree[pid]) and pid in parents]
        return sorted(pid for pid in tree if pid in table and table[pid][0] in template)


if __name__ == "__main__":
    unittest.main(verbosity=2)
