#!/usr/bin/env python3
"""Every workload and every raw control, as a trial of the built corps-lab (environment CORPS_LAB): the fields, the
checks that are made, the limits on a trial's length, and that nothing is left when a process is killed in the middle.

Options choose the transport, so that the same tests run over each: workloads.py [--transport NAME] [unittest's own]."""
import glob
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
import unittest

import lab

LAB = os.environ.get("CORPS_LAB", "")
TRANSPORT = "unix"
TIMEOUT_S = 300
FIGURES = ["messages", "seconds", "p50_ns", "p99_ns", "max_ns", "messages_per_s", "bytes_per_s", "cpu_ns_per_message",
           "histogram", "peak_rss_bytes"]
SHORT = ["warmup_count=20", "min_count=100", "min_ms=5", "max_ms=20000"]  # so long on a busy machine alone


def trial(*settings):
    done = subprocess.run([LAB, "cell", *SHORT, *settings], capture_output=True, text=True, timeout=TIMEOUT_S)
    try:
        return json.loads(done.stdout), done.returncode
    except json.JSONDecodeError as error:
        raise AssertionError(f"{settings}: no JSON ({error}): {done.stdout!r} {done.stderr!r}") from error


def envs_of(transport):
    return "1" if transport == "queue" else "2"


class Base(unittest.TestCase):
    def good(self, *settings):
        fields, code = trial(*settings)
        self.assertTrue(fields["ok"], fields["error"])
        self.assertEqual(code, 0)
        self.assertIsNone(fields["error"])
        self.assertEqual(fields["cell"]["stages"] == 1, fields["stages_ns"] is not None)
        self.assertIsInstance(fields["flags"], list)
        for key in FIGURES:
            self.assertIsNotNone(fields[key], key)
        self.assertLessEqual(fields["p50_ns"], fields["p99_ns"])
        self.assertLessEqual(fields["p99_ns"], fields["max_ns"])
        self.assertEqual([low for low, _ in fields["histogram"]], sorted(low for low, _ in fields["histogram"]))
        self.assertAlmostEqual(fields["messages_per_s"], fields["messages"] / fields["seconds"], delta=1)
        return fields


class Workloads(Base):
    def run_workload(self, name, *settings):
        return self.good(f"workload={name}", f"transport={TRANSPORT}", f"envs={envs_of(TRANSPORT)}", *settings)

    def test_calls_and_rings(self):
        for name in ("echo", "pipeline", "oneway", "fanout", "ring"):
            for serializer in ("none", "msgpack"):
                with self.subTest(workload=name, serializer=serializer):
                    fields = self.run_workload(name, f"serializer={serializer}", "payload=bytes:64")
                    self.assertGreaterEqual(fields["messages"], 100)
                    self.assertEqual(fields["cell"]["size_bytes"], 64)
                    counted = sum(count for _, count in fields["histogram"])
                    self.assertEqual(counted, fields["messages"] // (8 if name == "fanout" else 1))

    def test_payloads(self):
        with tempfile.NamedTemporaryFile("w", suffix=".json") as document:
            json.dump({"a": [1, 2.5, None, True, "ü"], "b": {"c": -3}}, document)
            document.flush()
            for payload in ("bytes:0", "bytes:1", "bytes:100000", "ints:50", "record", "records:5", "tree",
                            f"file:{document.name}"):
                with self.subTest(payload=payload):
                    self.run_workload("echo", "serializer=msgpack", f"payload={payload}")

    def test_small_bytes_without_room_for_a_number(self):
        for name in ("echo", "oneway", "ring"):
            with self.subTest(workload=name):
                self.run_workload(name, "serializer=none", "payload=bytes:3")

    def test_payloads_written_in_place(self):
        for name in ("echo", "oneway"):
            for settings in (("serializer=none", "payload=bytes:3"), ("serializer=none", "payload=bytes:65536"),
                             ("serializer=msgpack", "payload=bytes:0"), ("serializer=msgpack", "payload=bytes:65536")):
                with self.subTest(workload=name, settings=settings):
                    fields = self.run_workload(name, "loan=1", *settings)
                    self.assertEqual(1, fields["cell"]["loan"])
        for wrong in ("workload=ring", "payload=record", "transport=raw:pipe placement=same", "lang=python"):
            refused = subprocess.run([LAB, "cell", "loan=1", *wrong.split()], capture_output=True, text=True, timeout=TIMEOUT_S)
            self.assertEqual((2, ""), (refused.returncode, refused.stdout), refused.stderr)
            self.assertIn("loan=1 is for payload=bytes:N", refused.stderr)

    def test_stages(self):
        if TRANSPORT == "queue":
            return  # within one Env nothing is sent
        for settings in ((), ("serializer=none", "payload=bytes:70000"), ("payload=record",)):
            with self.subTest(settings=settings):
                fields = self.run_workload("echo", "stages=1", *settings)
                stages = fields["stages_ns"]
                self.assertEqual(["encode", "send", "transit", "dispatch", "decode", "method", "reply_encode", "reply_send",
                                  "reply_transit", "resume", "reply_decode"], list(stages))
                self.assertTrue(all(ns >= 0 for ns in stages.values()), stages)
                # Each median is at most the largest call, and the parts make up a call that nothing disturbed.
                self.assertLess(max(stages.values()), fields["max_ns"])
                self.assertGreater(sum(stages.values()), 0.3 * fields["histogram"][0][0])
        self.assertIsNone(self.run_workload("echo")["stages_ns"])

    def test_an_open_loop(self):
        if TRANSPORT == "queue":
            return
        for load in (20, 60):
            with self.subTest(load=load):
                fields = self.run_workload("openloop", f"load={load}", "placement=cross", "min_count=300")
                self.assertAlmostEqual(fields["offered_per_s"], fields["capacity_per_s"] * load / 100, delta=1)
                self.assertEqual(fields["messages"], sum(count for _, count in fields["histogram"]))
                self.assertLessEqual(fields["late"], fields["messages"])
                self.assertEqual(load, fields["cell"]["load"])

    def test_batches(self):
        for batch in (1, 10):
            fields = self.run_workload("oneway", f"batch={batch}")
            self.assertEqual(batch, fields["cell"]["batch"])

    def test_system_calls_are_counted_where_that_is_allowed(self):
        counted = self.run_workload("echo", "wake=block", "placement=same")["system_calls_per_message"]
        if counted is None:
            print("skipped: the kernel lets nobody count system calls here (root and tracefs are needed)", flush=True)
        elif TRANSPORT in ("unix", "tcp"):
            self.assertGreaterEqual(counted, 4)  # two writes, two reads
        else:
            self.assertGreaterEqual(counted, 0)

    def test_instructions_are_counted_where_that_is_allowed(self):
        fields = self.run_workload("echo", "wake=block", "placement=same", "counts=1")
        if None in (fields["instructions_per_message"], fields["system_call_bytes_per_message"]):
            print("skipped: no process may be stepped here (x86-64 is needed, and leave to trace others), or the machine is too crowded", flush=True)
            return
        self.assertTrue(1000 < fields["instructions_per_message"] < 1e6, fields)
        most = fields["bytes_on_wire_per_message"] + 4096
        if TRANSPORT in ("unix", "tcp"):
            self.assertGreaterEqual(fields["system_calls_per_message"], 4)  # two writes, two reads
            self.assertTrue(2 * fields["bytes_on_wire_per_message"] <= fields["system_call_bytes_per_message"] <= 2 * most, fields)
        else:
            self.assertLess(fields["system_call_bytes_per_message"], 2 * most)

    def test_keys_of_other_workloads(self):
        for wrong, word in (("workload=echo load=5", "openloop"), ("workload=echo batch=5", "oneway"),
                            ("workload=oneway stages=1", "echo"), ("workload=pipeline counts=1 wake=block", "echo"), ("counts=1", "wake=block"), ("stages=1 lang=python", "lang=c"),
                            ("stages=1 transport=queue", "between Envs"), ("workload=openloop placement=same", "infeasible"),
                            ("workload=ring scale=5", "Savina"), ("workload=savina-big serializer=none", "serializer=msgpack"),
                            ("workload=savina-apsp concs=5", "square"), ("workload=savina-buffer concs=99", "2 to 98"),
                            ("workload=savina-pingpong lang=python", "lang=c"), ("workload=fanin transport=null", "oneway"),
                            ("workload=openloop load=201", "200"), ("workload=openloop transport=queue", "second Env"),
                            ("workload=heal transport=null", "oneway"), ("workload=heal transport=raw:pipe", "raw:process"),
                            ("workload=heal transport=raw:mp-pipe", "raw:python"), ("workload=retry transport=null", "oneway"),
                            ("workload=retry transport=queue", "workload=echo"), ("workload=retry transport=raw:pipe", "workload=echo"),
                            ("workload=retry stages=1", "echo"), ("workload=retry counts=1 wake=block", "echo"), ("workload=retry loan=1", "echo"), ("transport=raw:process", "workload=heal")):
            with self.subTest(wrong=wrong):
                refused = subprocess.run([LAB, "cell", *wrong.split()], capture_output=True, text=True, timeout=TIMEOUT_S)
                self.assertEqual((2, ""), (refused.returncode, refused.stdout), refused.stderr)
                self.assertIn(word, refused.stderr)

    def test_a_bare_copy(self):
        if TRANSPORT != "shm":
            return  # once is enough
        fields = self.good("workload=oneway", "transport=raw:memcpy", "payload=bytes:65536")
        self.assertAlmostEqual(fields["bytes_per_s"], 65536 * fields["messages_per_s"], delta=65536)
        for wrong, instead in (("workload=echo", "workload=oneway"), ("workload=oneway wake=block", "wake=spin")):
            refused = subprocess.run([LAB, "cell", "transport=raw:memcpy", *wrong.split()], capture_output=True, text=True,
                                     timeout=TIMEOUT_S)
            self.assertEqual((2, ""), (refused.returncode, refused.stdout))
            self.assertIn(instead, refused.stderr)

    def test_the_seed_decides_the_content(self):
        sizes = {self.run_workload("echo", "payload=records:5", f"seed={seed}")["cell"]["size_bytes"] for seed in (1, 1, 2)}
        self.assertEqual(len(sizes), 2)

    def test_a_ring_of_one_and_of_many(self):
        for concs in (1, 2, 33):
            with self.subTest(concs=concs):
                fields = self.run_workload("ring", f"concs={concs}")
                self.assertEqual(fields["messages"] % concs, 0)

    def test_contention(self):
        """Each call came and was answered, to whoever made it."""
        for name in ("fanin", "mesh"):
            for concs in (1, 5):
                with self.subTest(workload=name, concs=concs):
                    fields = self.run_workload(name, f"concs={concs}")
                    self.assertGreaterEqual(fields["messages"], 100)
                    self.assertEqual(fields["messages"], fields["latencies"])
                    self.assertEqual(fields["messages"], sum(count for _, count in fields["histogram"]))
                    self.assertTrue(0 < fields["least_share"] <= 1, fields["least_share"])

    def test_savina(self):
        """The programs check their answers; here, that they did all of the work."""
        if TRANSPORT not in ("shm", "queue"):
            return  # what the others do is seen by other workloads
        for name, messages, *settings in (
                ("pingpong", 400, "scale=1"), ("counting", 10000, "scale=1"), ("forkjoin", 300, "scale=1", "concs=3"),
                ("ring", 1000, "scale=1", "concs=7"), ("chameneos", 2000, "scale=1", "concs=5"), ("big", 800, "scale=1", "concs=4"),
                ("buffer", 30, "scale=1", "concs=6"), ("apsp", 27 * 9 * 4, "scale=18", "concs=9")):
            with self.subTest(program=name):
                fields = self.run_workload(f"savina-{name}", *settings)
                self.assertEqual(messages, fields["messages"])
                self.assertNotIn("short", fields["flags"])

    def test_tails(self):
        """Where ten latencies are beyond; never where one is the mean of a group."""
        if TRANSPORT != "queue":
            return  # once is enough
        for count, known in ((100, ()), (10000, ("p999_ns",)), (100000, ("p999_ns", "p9999_ns"))):
            with self.subTest(count=count):
                fields = self.run_workload("echo", f"min_count={count}", "min_ms=1", "warmup_count=0")
                tails = [fields[key] for key in known]
                self.assertNotIn(None, tails)
                if fields["latencies"] < 10000:
                    self.assertEqual([None, None], [fields["p999_ns"], fields["p9999_ns"]])
                self.assertEqual(fields["messages"], fields["latencies"])
                ordered = [fields["p99_ns"], *tails, fields["max_ns"]]
                self.assertEqual(sorted(ordered), ordered)
        fields = self.run_workload("count", "min_count=200000")
        self.assertEqual([None, None], [fields["p999_ns"], fields["p9999_ns"]])
        self.assertLess(fields["latencies"], fields["messages"])

    def test_counting(self):
        for concs in (1, 300):
            with self.subTest(concs=concs):
                fields = self.run_workload("count", f"concs={concs}")
                self.assertGreaterEqual(fields["messages"], 100)

    def test_many_concs(self):
        fields = self.run_workload("spawn", "concs=5000")
        self.assertEqual(fields["messages"], 5000)
        self.assertGreater(fields["bytes_each"], 64)

    def test_links_and_rest(self):
        if TRANSPORT == "queue":
            return  # one Env has neither
        fields = self.good("workload=links", f"transport={TRANSPORT}", "envs=4")
        self.assertEqual(fields["messages"], 3)
        self.assertIsNotNone(fields["bytes_each"])
        fields = self.good("workload=idle", f"transport={TRANSPORT}")
        self.assertGreater(fields["seconds"], 0.9)

    def test_heal(self):
        """An Env that is killed comes back: the driver checks each answer, here that all kills were timed, and alone."""
        few = ("workload=heal", "min_count=4", "min_ms=0", "max_ms=60000", "warmup_count=1")
        if TRANSPORT == "queue":
            refused = subprocess.run([LAB, "cell", *few, "transport=queue"], capture_output=True, text=True, timeout=TIMEOUT_S)
            self.assertEqual((2, ""), (refused.returncode, refused.stdout))
            self.assertIn("envs=2", refused.stderr)
            return
        for settings in ((f"transport={TRANSPORT}",), (f"transport={TRANSPORT}", "envs=3", "serializer=none", "placement=same", "wake=block"),
                         *([("transport=raw:process",), ("transport=raw:process", "placement=same")] if TRANSPORT == "shm" else [])):
            with self.subTest(settings=settings):
                done = subprocess.run([LAB, "cell", *few, *settings], capture_output=True, text=True, timeout=TIMEOUT_S)
                self.assertEqual((0, ""), (done.returncode, done.stderr), done.stdout)  # nothing of restarts
                fields = json.loads(done.stdout)
                self.assertEqual((True, 4, 4), (fields["ok"], fields["messages"], fields["latencies"]))
                self.assertEqual(4, sum(count for _, count in fields["histogram"]))
                self.assertTrue(0 < fields["p50_ns"] <= fields["p99_ns"] <= fields["max_ns"])
                self.assertIsNone(fields["cpu_ns_per_message"])  # whose it was has died

    def test_retry(self):
        """The driver checks each answer; here, that a trial ends in order before the Env that is called holds as many results as it may."""
        if TRANSPORT == "queue":
            return  # refused: a retry call is a plain one there
        for settings in ((), ("serializer=none", "payload=bytes:4096", "wake=block", "placement=same")):
            with self.subTest(settings=settings):
                fields = self.run_workload("retry", *settings)
                self.assertGreaterEqual(fields["messages"], 100)
                self.assertEqual(fields["messages"], fields["latencies"])
                self.assertEqual(fields["messages"], sum(count for _, count in fields["histogram"]))
        if TRANSPORT == "shm":  # 16 MiB each: 1 GiB of results would be full at the 64th
            fields = self.run_workload("retry", "serializer=none", "payload=bytes:16777216", "warmup_count=2", "min_count=1000", "max_ms=60000")
            self.assertLess(fields["messages"], 64)
            self.assertIn("short", fields["flags"])

    def test_surge(self):
        """The driver checks each answer; here, that the figures fit together, whatever the machine does beside."""
        if TRANSPORT not in ("shm", "unix", "tcp"):
            refused = subprocess.run([LAB, "cell", "workload=surge", f"transport={TRANSPORT}", "envs=1" if TRANSPORT == "queue" else "envs=3"],
                                     capture_output=True, text=True, timeout=TIMEOUT_S)
            self.assertEqual((2, ""), (refused.returncode, refused.stdout))
            self.assertIn("envs=2", refused.stderr)
            return
        fields = self.run_workload("surge")
        self.assertEqual((1, 1, 0), (fields["messages"], fields["latencies"], fields["lost"]))
        self.assertEqual([], [flag for flag in fields["flags"] if flag != "sentinel"])  # not short: it is one step
        self.assertGreaterEqual(fields["seconds"], 0.05)
        self.assertEqual(0, round(1000 * fields["seconds"]) % 50, "waits are back at the end of a window")
        self.assertGreaterEqual(fields["requests"], 125 + round(2500 * (fields["seconds"] + 1.5)))
        self.assertGreaterEqual(fields["needed"], 6)  # 2,500 a second, of 2 ms and a little more
        self.assertGreaterEqual(fields["members"], max(fields["members_before"], 2))
        self.assertEqual(fields["members"] - fields["needed"], fields["overshoot"])
        self.assertGreaterEqual(fields["longest_wait_ns"], 0)

    def test_surge_is_of_the_core(self):
        if TRANSPORT == "shm":
            refused = subprocess.run([LAB, "cell", "workload=surge", "lang=python"], capture_output=True, text=True, timeout=TIMEOUT_S)
            self.assertEqual((2, ""), (refused.returncode, refused.stdout))
            self.assertIn("lang=c", refused.stderr)

    def test_raw_streams(self):
        if TRANSPORT not in ("unix", "tcp"):
            return  # the others have no stream of their own
        for size in (64, 65536):
            fields = self.good("workload=oneway", f"transport=raw:{TRANSPORT}", f"payload=bytes:{size}", "placement=same")
            self.assertEqual(fields["cell"]["size_bytes"], size)
            self.assertAlmostEqual(fields["bytes_per_s"], size * fields["messages_per_s"], delta=size)
        refused = subprocess.run([LAB, "cell", "workload=oneway", "transport=raw:futex", "placement=same"], capture_output=True,
                                 text=True, timeout=TIMEOUT_S)
        self.assertEqual((2, ""), (refused.returncode, refused.stdout))
        self.assertIn("workload=echo", refused.stderr)

    def test_max_ms_ends_a_trial(self):
        fields = self.run_workload("echo", "gap_us=20000", "warmup_count=1", "min_count=100000", "max_ms=200")
        self.assertLess(fields["messages"], 100000)
        self.assertIn("short", fields["flags"])

    def test_search_agrees_with_grep(self):
        with tempfile.TemporaryDirectory() as folder:
            files = {"plain": b"import a\nno\nimport b\n", "no newline": b"x\nimport c", "empty": b"", "lines": b"\n\n",
                     "binary": b"\x00import d\x00\n\xff\xfeimport e\n", ".hidden": b"import f\n",
                     "sub/deep/file": b"reimport\r\nimport\r\n"}
            for name, content in files.items():
                path = os.path.join(folder, name)
                os.makedirs(os.path.dirname(path), exist_ok=True)
                with open(path, "wb") as file:
                    file.write(content)
            os.symlink("plain", os.path.join(folder, "link"))
            for pattern, total in (("import", 8), ("^import", 5), ("(a|b)$", 2), ("nothing at all", 0)):
                with self.subTest(pattern=pattern):
                    fields = self.run_workload("search", f"path={folder}", f"pattern={pattern}")
                    self.assertEqual((fields["total"], fields["files"]), (total, 7))


class Discarding(Base):
    def test_null_is_timed_and_declared_unverified(self):
        if TRANSPORT != "shm":
            return  # once is enough
        fields = self.good("workload=oneway", "transport=null", "serializer=msgpack")
        self.assertIn("unverified", fields["flags"])


class Raw(Base):
    def test_every_control(self):
        if TRANSPORT != "shm":
            return  # once is enough
        for name in lab.in_turn(("futex", "pipe", "unix", "tcp", "mqueue")):
            for payload in ("bytes:8", "bytes:64", "bytes:4096"):
                with self.subTest(control=name, payload=payload):
                    fields = self.good(f"transport=raw:{name}", "serializer=none", "wake=block", "placement=same",
                                       f"payload={payload}")
                    self.assertEqual(sum(count for _, count in fields["histogram"]), fields["messages"])
                    self.assertGreaterEqual(fields["messages"], 100)

    def test_spinning(self):
        if TRANSPORT != "shm":
            return  # once is enough
        if len(os.sched_getaffinity(0)) < 2:
            self.skipTest("spinning needs two processors, and one is allowed here")
        for name in lab.in_turn(("cacheline", "pipe", "unix", "tcp", "mqueue")):
            with self.subTest(control=name):
                self.good(f"transport=raw:{name}", "serializer=none", "wake=spin", "placement=cross")


def descendants(pid):
    """Any thread may have started a child, and the kernel lists children by thread."""
    children = []
    for listing in glob.glob(f"/proc/{pid}/task/*/children"):
        try:
            with open(listing, encoding="ascii") as file:
                children += [int(child) for child in file.read().split()]
        except (FileNotFoundError, ProcessLookupError):
            continue  # that thread has ended meanwhile
    return [found for child in children for found in (child, *descendants(child))]


def alive(pid):
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as file:
            return file.read().rsplit(")", 1)[1].split()[0] not in "ZX"
    except (FileNotFoundError, ProcessLookupError):
        return False


def eventually(condition):
    end = time.monotonic() + TIMEOUT_S
    while not condition() and time.monotonic() < end:
        time.sleep(0.02)
    return condition()


class Killed(Base):
    """A gap of 20 ms before each message keeps the trial going until the kill."""

    def start(self, wanted, *settings):
        process = subprocess.Popen([LAB, "cell", "gap_us=20000", "min_ms=30000", "max_ms=30000", *settings],
                                   stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        self.addCleanup(process.stdout.close)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        self.assertTrue(eventually(lambda: len(descendants(process.pid)) >= wanted))
        time.sleep(0.5)  # into the trial itself; earlier is a failed boot, which fails as well
        return process, descendants(process.pid)

    def check_failed(self, process, children):
        output, _ = process.communicate(timeout=TIMEOUT_S)
        fields = json.loads(output)
        self.assertFalse(fields["ok"])
        self.assertIn("signal 9", fields["error"])
        self.assertNotIn("\n", fields["error"])
        self.assertNotEqual(process.returncode, 0)
        for key in FIGURES:
            self.assertIsNone(fields[key], f"{key}: a failed trial is a null, never a fast one")
        self.assertTrue(eventually(lambda: not any(alive(child) for child in children)))

    def test_an_env_that_is_killed_fails_the_trial(self):
        if TRANSPORT == "queue":
            self.skipTest("transport queue has one Env, which is the driver's")
        for name, victim in (("echo", 0), ("echo", -1), ("pipeline", 0), ("oneway", -1), ("fanout", 0), ("ring", -1)):
            with self.subTest(workload=name, victim=victim):
                process, children = self.start(2, f"workload={name}", f"transport={TRANSPORT}")
                os.kill(children[victim], signal.SIGKILL)
                self.check_failed(process, children)

    def test_a_killed_program_leaves_nothing(self):
        process, children = self.start(1, "workload=echo", f"transport={TRANSPORT}", f"envs={envs_of(TRANSPORT)}")
        process.kill()
        self.assertTrue(eventually(lambda: not any(alive(child) for child in children)))

    def test_raw_controls(self):
        if TRANSPORT != "shm":
            return  # once is enough
        for name in lab.in_turn(("futex", "pipe", "mqueue")):
            settings = (f"transport=raw:{name}", "serializer=none", "wake=block", "placement=same")
            with self.subTest(control=name):
                process, children = self.start(1, *settings)
                os.kill(children[0], signal.SIGKILL)
                self.check_failed(process, children)
                process, children = self.start(1, *settings)
                process.kill()
                self.assertTrue(eventually(lambda left=children: not any(alive(child) for child in left)))


if __name__ == "__main__":
    if not LAB:
        sys.exit("set CORPS_LAB to the built corps-lab")
    if "--transport" in sys.argv:
        at = sys.argv.index("--transport")
        TRANSPORT = sys.argv[at + 1]
        del sys.argv[at:at + 2]
    unittest.main(verbosity=2)  # says why a test is skipped
