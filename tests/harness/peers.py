"""Peers: one short trial of each that is found; and peers that answer nothing, rubbish, too late or leave something behind.

Which peers were left out, and why, is printed: none of them must be there, apart from those of Python itself.
"""

import json
import os
import re
import signal
import unittest

import lab

SHORT = ["warmup_count=5", "min_count=20", "min_ms=5", "max_ms=200"]
GOOD = '{"version": "1", "messages": 20, "seconds": 0.5, "max_ns": 9, "size_bytes": 64, "histogram": [[9, 20]]}'
# What a peer may be asked for besides the default; see experiments/cell/peers.c.
SAVINA = [f"savina-{words}" for words in (
    "pingpong scale=1", "counting scale=1", "forkjoin scale=1", "ring scale=1", "chameneos scale=1 concs=5", "big scale=1 concs=4",
    "buffer scale=1 concs=6", "apsp scale=18 concs=9")]
WORKLOADS = {
    "peer:erlang": ["echo", "echo wake=block", "echo envs=2", "count", "fanout", "ring concs=100", "spawn concs=1000", "heal", *SAVINA],
    "peer:caf": ["echo", "echo wake=block", "echo envs=2", "count", "fanout", "ring concs=100", "spawn concs=1000", *SAVINA],
    "peer:ucx-posix": ["echo placement=cross", "echo wake=block", "oneway placement=cross payload=bytes:65536"],
    "peer:ucx-sysv": ["echo placement=cross", "echo wake=block"],
    "peer:ucx-cma": ["echo placement=cross payload=bytes:65536", "oneway wake=block payload=bytes:65536"],
}
OTHERS = ["echo", "oneway", "oneway payload=bytes:65536"]


class Found(lab.LabTest):
    def peers(self):
        """{name: None, or why it is not there}."""
        status, out, err = self.lab("list", "peers")
        self.assertEqual((0, ""), (status, err))
        rows = [line for line in out.splitlines() if line.startswith("  peer:")]
        self.assertGreaterEqual(len(rows), 10)
        found = {}
        for row in rows:
            match = re.search(r"; (not found|found): (.+)$", row)
            self.assertIsNotNone(match, row)
            found[row.split()[0]] = None if match[1] == "found" else match[2]
        return found

    def good(self, name, settings):
        status, out, err = self.lab("cell", *SHORT, f"transport={name}", "placement=unpinned", *settings)
        self.assertEqual((0, ""), (status, err))
        line = json.loads(out)
        self.assertIs(True, line["ok"])
        self.assertTrue(line["peer_version"])
        for key in ("messages", "seconds", "p50_ns", "p99_ns", "messages_per_s"):
            self.assertGreater(line[key], 0, key)
        if line["histogram"] is None:
            self.assertIn("unverified", line["flags"])
        else:
            share = line["cell"]["concs"] if line["cell"]["workload"] == "fanout" else 1
            self.assertEqual(line["messages"], share * sum(count for _, count in line["histogram"]))
            self.assertLessEqual(line["p99_ns"], line["max_ns"])
        if line["cell"]["workload"] == "spawn":
            self.assertEqual(line["messages"], line["cell"]["concs"])
            self.assertIn("bytes_each", line)
        self.assertEqual("none", line["cell"]["serializer"])
        self.nothing_left()

    def test_each(self):
        for name, why in self.peers().items():
            if why is not None:
                print(f"skipped {name}: {why}", flush=True)
                continue
            for settings in WORKLOADS.get(name, OTHERS):
                with self.subTest(name=name, settings=settings):
                    self.good(name, [f"workload={settings.split()[0]}", *settings.split()[1:]])

    def test_python_is_always_there(self):
        found = self.peers()
        self.assertIsNone(found["peer:mp-pipe"])
        self.assertIsNone(found["peer:mp-queue"])

    def test_what_cannot_be(self):
        for settings, word in [(["peer:erlang", "wake=spin"], "adaptive block"), (["peer:caf", "payload=bytes:65"], "bytes:64"),
                               (["peer:mp-queue", "lang=c"], "python"), (["peer:mp-queue", "workload=ring"], "oneway"),
                               (["peer:mp-pipe", "envs=1"], "2"), (["peer:mp-pipe", "window=2"], "window=1"),
                               (["peer:mp-pipe", "payload=record"], "bytes:8"), (["peer:ucx-cma"], "bytes:4096"),
                               (["peer:erlang", "workload=ring", "envs=2"], "echo"),
                               (["peer:mp-pipe", "serializer=pickle"], "none"),
                               (["peer:pigeon"], "corps-lab list peers")]:
            with self.subTest(settings=settings):
                status, out, err = self.lab("cell", f"transport={settings[0]}", *settings[1:])
                self.assertEqual((2, ""), (status, out))
                self.one_line(err)
                self.assertIn(word, err)


class Broken(lab.LabTest):
    """A program in the place of Erlang's."""

    def setUp(self):
        super().setUp()
        os.mkdir(self.path("peers"))
        self.environment["CORPS_PEERS"] = self.path("peers")
        self.cell = ["transport=peer:erlang", "min_count=20"]

    def peer(self, script):
        path = self.write("peers/erlang", "#!/bin/sh\n" + script)
        os.chmod(path, 0o755)

    def failed(self, out):
        line = json.loads(out)
        self.assertIs(False, line["ok"])
        self.assertIsNone(line["p50_ns"])
        self.assertIsNone(line["messages"])
        return line["error"]

    def test_a_good_one(self):
        """Or what follows would prove nothing."""
        self.peer(f"echo '{GOOD}'")
        status, out, err = self.lab("cell", *self.cell)
        self.assertEqual((0, ""), (status, err))
        line = json.loads(out)
        self.assertEqual((True, 20, "1"), (line["ok"], line["messages"], line["peer_version"]))

    def test_answers(self):
        broken = GOOD.replace
        for script, words in [
            ("true", ["status 0", "no result"]),
            ("echo Hello", ["no result"]),
            ("exit 1", ["status 1"]),
            ("echo this is why >&2; exit 1", ["status 1", "this is why"]),
            ("exit 127", ["status 127"]),
            ("kill -SEGV $$", ["signal 11"]),
            ("echo '[1, 2]'", ["no result"]),
            (f"echo '{GOOD[:-9]}'", ["no result"]),
            (f"echo '{GOOD}{GOOD}'", ["no result"]),
            ("echo '{}'", ["not complete"]),
            ("echo '{\"error\": \"message 7 is lost\"}'; exit 1", ["message 7 is lost"]),
            (f"echo '{broken('20,', '0,')}'", ["no message"]),
            (f"echo '{broken('0.5', '0')}'", ["not complete"]),
            (f"echo '{broken('0.5', 'true')}'", ["not complete"]),
            (f"echo '{broken('[[9, 20]]', '7')}'", ["not complete"]),
            (f"echo '{broken('[[9, 20]]', '[[9, -20]]')}'", ["not complete"]),
            (f"echo '{broken('[[9, 20]]', '[9, 20]')}'", ["not complete"]),
            (f"echo '{GOOD}'; echo too late >&2; exit 3", ["status 3", "too late"]),
            (f"echo '{GOOD}'; kill -KILL $$", ["signal 9"]),
            (f"sleep 1000 & echo '{GOOD}'", ["left processes"]),
            (f"setsid sleep 1000 & echo '{GOOD}'", ["left processes"]),
        ]:
            with self.subTest(script=script):
                self.peer(script)
                status, out, err = self.lab("cell", *self.cell)
                self.assertEqual(1, status)
                self.one_line(err)
                reason = self.failed(out)
                for word in words:
                    self.assertIn(word, reason)
                self.nothing_left()

    def test_a_peer_that_hangs_is_ended(self):
        """Alone, after a time of the laboratory's own; with it what it has started."""
        self.peer("trap '' TERM\nsetsid sleep 1000 &\nsleep 1001\n")
        self.environment["CORPS_PEER_PATIENCE"] = "2"
        status, out, _ = self.lab("cell", *self.cell)
        self.assertEqual(1, status)
        self.assertIn("no answer within 2 s", self.failed(out))
        self.nothing_left()

    def test_a_peer_that_hangs_in_a_run(self):
        self.peer("trap '' TERM\nsleep 1000 &\nsleep 1001\n")
        matrix = self.matrix("{transport: 'peer:erlang'}", more="controls: false\n")
        status, out, _ = self.lab("run", matrix, "--blocks", "1", "--trial-timeout", "2", "--out", self.path("r.jsonl"))
        self.assertEqual(1, status)
        trial, = self.trials(self.path("r.jsonl"))
        self.assertIn("no result within 2 s", self.failed(json.dumps(trial)))
        self.nothing_left()

    def test_an_interrupted_run_leaves_nothing(self):
        self.peer("sleep 1000 &\nsleep 1001\n")
        matrix = self.matrix("{transport: 'peer:erlang'}", more="controls: false\n")
        process = self.start("run", matrix, "--blocks", "1", "--out", self.path("r.jsonl"))
        lab.await_that(lambda: len(lab.descendants(process.pid)) >= 4, "the peer and its own")
        lab.interrupt(process, signal.SIGINT)
        self.finish(process)
        self.nothing_left()

    def test_one_that_is_not_there_is_left_out(self):
        matrix = self.matrix("{transport: ['peer:erlang', 'peer:mp-pipe'], placement: same}", more="controls: false\n")
        status, _, err = self.lab("run", matrix, "--blocks", "1", "--out", self.path("r.jsonl"))
        self.assertEqual(0, status, err)
        self.assertIn("left out 1 impossible cells", err)
        self.assertIn("scripts/peers", err)
        trial, = self.trials(self.path("r.jsonl"))
        self.assertEqual("peer:mp-pipe", trial["cell"]["transport"])

    def test_a_file_that_is_no_program(self):
        self.write("peers/erlang", "text")
        status, _, err = self.lab("cell", *self.cell)
        self.assertEqual(2, status)
        self.one_line(err)
        self.assertIn("not there", err)


if __name__ == "__main__":
    unittest.main(verbosity=2)
