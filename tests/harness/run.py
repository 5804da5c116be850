"""Runs: what a results file holds, blocks and their order, stopping and going on, shards, trials that die."""

import json
import os
import re
import shlex
import signal
import time
import unittest

import lab

FIGURES = ["messages", "seconds", "p50_ns", "p99_ns", "max_ns", "messages_per_s", "bytes_per_s", "cpu_ns_per_message",
           "histogram", "stages_ns"]
KEYS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "experiments", "cell", "keys.json")
with open(KEYS, encoding="utf-8") as file:  # size_bytes is the payload's
    AXES = [name for key in json.load(file) if key.get("axis") for name in [key["name"]] + ["size_bytes"] * (key["name"] == "payload")]
LONG = "{warmup_count: 1, min_count: 1, min_ms: 20000, max_ms: 20000}"
TWO = "{transport: [raw:pipe, raw:unix], placement: same}"


class Lines(lab.LabTest):
    def test_fields(self):
        out = self.path("r.jsonl")
        matrix = self.matrix("{transport: [shm, unix], serializer: none, placement: same, wake: block}")
        status, printed, err = self.lab("run", matrix, "--blocks", "2", "--seed", "5", "--out", out)
        self.assertEqual(0, status, err)
        self.assertEqual(out, printed.strip())
        first = self.lines(out)[0]
        self.assertEqual(("run", 1, "test", 5, 2), tuple(first[key] for key in ("kind", "schema", "matrix", "seed",
                                                                              "blocks")))
        for key in ("machine", "time", "processor", "kernel", "limits", "build", "git", "libraries", "serializers"):
            self.assertIn(key, first["fingerprint"])
        measured = first["fingerprint"]["measured"]
        self.assertEqual(["copy_bytes_per_s", "line_ns", "wake_ns"], sorted(measured))
        self.assertGreater(measured["copy_bytes_per_s"], 0)
        if len(os.sched_getaffinity(0)) > 1:  # how much more it takes across processors than on one may be less than chance
            self.assertGreater(measured["line_ns"], 0)
        trials = self.trials(out)
        self.assertEqual(2 * first["block_trials"], len(trials))
        for line in trials:
            self.assertIs(True, line["ok"], line["error"])
            self.assertIsNone(line["error"])
            for key in FIGURES + ["flags", "block", "order", "family", "time", "length"]:
                self.assertIn(key, line)
            self.assertEqual(AXES, list(line["cell"]))
            self.assertGreaterEqual(line["messages"], 20)
            self.assertEqual(line["messages"], sum(count for _, count in line["histogram"]))
        self.assertEqual(1, sum(line["cell"]["arm"] == "aa" for line in trials if line["block"] == 0))
        raws = {line["cell"]["transport"] for line in trials if line["cell"]["transport"].startswith("raw:")}
        self.assertLessEqual({"raw:pipe", "raw:unix", "raw:futex"}, raws)
        self.nothing_left()

    def test_cell_prints_the_same_object(self):
        status, out, err = self.lab("cell", "transport=raw:pipe", "placement=same", "min_ms=5")
        self.assertEqual((0, ""), (status, err))
        line = json.loads(out)
        self.assertEqual(("trial", "cell", 0, 0, True), tuple(line[key] for key in ("kind", "run", "block", "order",
                                                                                  "ok")))
        for key in FIGURES + ["flags", "family", "time", "length"]:
            self.assertIn(key, line)
        self.assertEqual(AXES, list(line["cell"]))

    def test_default_file(self):
        matrix = self.matrix(TWO)
        status, printed, err = self.lab("run", matrix, "--blocks", "1")
        self.assertEqual(0, status, err)
        self.assertRegex(printed.strip(), r"^results/\d{8}T\d{6}Z-test\.jsonl$")
        self.trials(self.path(printed.strip()))


class Until(lab.LabTest):
    def test_cells_that_are_known_get_no_more_blocks(self):
        """So coarse a wish is met at the first look or soon after; the bound is far."""
        out = self.path("r.jsonl")
        matrix = self.matrix("{transport: [shm, unix], serializer: none, placement: same, wake: block}", more="controls: false\n")
        status, _, err = self.lab("run", matrix, "--until", "50%", "--blocks", "40", "--seed", "3", "--out", out)
        self.assertEqual(0, status, err)
        first = self.lines(out)[0]
        self.assertEqual((0.5, 40), (first["until"], first["blocks"]))
        self.assertLess(len(self.trials(out)), 2 * 40)
        status, printed, err = self.lab("validate", out)
        self.assertEqual(0, status, printed + err)
        printed = self.lab("report", out, "--answer", "stopped")[1]
        self.assertIn("Why did each cell stop?", printed)
        status, _, err = self.lab("run", matrix, "--until", "10%", "--resume", out)
        self.assertEqual(1, status)
        self.assertIn("another --until", err)
        self.assertEqual(0, self.lab("run", matrix, "--resume", out)[0], "nothing is left to do")

    def test_usage(self):
        matrix = self.matrix(TWO)
        for arguments, words in ((["--until", "0"], "--until must be percent"), (["--until", "5", "--quick"], "leave --quick out"),
                                 (["--until", "5%", "--shard", "1/2"], "leave --shard out")):
            with self.subTest(arguments=arguments):
                status, _, err = self.lab("run", matrix, *arguments)
                self.assertEqual(2, status)
                self.assertIn(words, err)


class Blocks(lab.LabTest):
    def order(self, seed, name):
        out = self.path(name)
        axes = "{payload: [" + ", ".join(f'"bytes:{8 + i}"' for i in range(8)) + "], transport: raw:pipe, placement: same}"
        matrix = self.matrix(axes, more="controls: false\n")
        self.assertEqual(0, self.lab("run", matrix, "--blocks", "2", "--seed", seed, "--out", out)[0])
        trials = self.trials(out)
        self.identities(trials)
        found = {}
        for line in trials:
            found.setdefault(line["block"], []).append((line["order"], line["cell"]["payload"], line["cell"]["arm"],
                                                        line["cell"]["transport"], line["cell"]["placement"]))
        for block in found.values():
            self.assertEqual(list(range(len(block))), [entry[0] for entry in block])
        return [[entry[1:] for entry in found[block]] for block in sorted(found)]

    def test_order_follows_from_the_seed_alone(self):
        first = self.order("11", "a.jsonl")
        self.assertEqual(first, self.order("11", "b.jsonl"))
        self.assertNotEqual(first, self.order("12", "c.jsonl"))
        self.assertNotEqual(first[0], first[1], "two blocks in the same order")
        self.assertEqual(sorted(first[0]), sorted(first[1]))

    def test_shards_make_the_whole(self):
        matrix = self.matrix(TWO, more="controls: false\n")
        whole = self.path("w.jsonl")
        self.assertEqual(0, self.lab("run", matrix, "--blocks", "4", "--seed", "1", "--out", whole)[0])
        parts = set()
        for shard in ("1/3", "2/3", "3/3"):
            out = self.path(shard[0])
            self.assertEqual(0, self.lab("run", matrix, "--blocks", "4", "--seed", "1", "--shard", shard, "--out",
                                         out)[0])
            part = self.identities(self.trials(out))
            self.assertFalse(part & parts)
            parts |= part
        self.assertEqual(self.identities(self.trials(whole)), parts)
        status, _, err = self.lab("run", matrix, "--blocks", "2", "--shard", "3/3")
        self.assertEqual(1, status)
        self.assertIn("empty", err)

    def test_only(self):
        out = self.path("r.jsonl")
        status, _, err = self.lab("run", self.matrix(TWO), "--blocks", "1", "--only", "transport=raw:unix,raw:tcp",
                                  "--out", out)
        self.assertEqual(0, status, err)
        own = [line for line in self.trials(out) if line["cell"]["transport"] == "raw:unix"]
        self.assertEqual(2, len(own), "the cell and its duplicate")

    def test_controls_have_the_sizes_of_the_cells(self):
        matrix = self.matrix('{transport: [shm, mqueue], payload: ["bytes:64", "bytes:4096", "bytes:65536", "bytes:1048576", record], '
                             "placement: same, wake: block}")
        status, out, err = self.lab("run", matrix, "--dry-run")
        self.assertEqual(0, status, err)
        found = sorted(line.split()[2:5:2] for line in out.splitlines() if line.startswith("  control:") and line.split()[2] in ("raw:futex", "raw:mqueue"))
        with open("/proc/sys/fs/mqueue/msgsize_max", encoding="ascii") as file:
            most = int(file.read())
        self.assertEqual([["raw:futex", f"bytes:{n}"] for n in (4096, 64, 65536)] +
                         [["raw:mqueue", f"bytes:{n}"] for n in (4096, 64, 65536) if n <= most], found)

    def test_large_families_are_split_between_groups(self):
        payloads = ", ".join(f'"bytes:{8 * i}"' for i in range(1, 31))
        matrix = self.matrix("{transport: [raw:pipe, raw:unix, raw:tcp], payload: [" + payloads + "], placement: same}")
        status, out, _ = self.lab("run", matrix, "--dry-run")
        self.assertEqual(0, status)
        self.assertIn("family f/1: 39 cells", out)
        self.assertIn("family f/2: 39 cells", out)
        self.assertIn("family f/3: 12 cells", out)


class Stopping(lab.LabTest):
    BLOCKS = ["--blocks", "20", "--seed", "9"]
    whole = None  # the trials of such a run that nobody stops; measured once

    def small(self):
        return self.matrix(TWO, more="controls: false\n")

    def planned(self, matrix, arguments):
        out = self.path("planned.jsonl")
        self.assertEqual(0, self.lab("run", matrix, *arguments, "--out", out)[0])
        return self.identities(self.trials(out))

    @staticmethod
    def count_lines(path):
        try:
            with open(path, "rb") as file:
                return file.read().count(b"\n")
        except FileNotFoundError:
            return 0

    def run_until(self, matrix, arguments, out, lines, number):
        process = self.start("run", matrix, *arguments, "--out", out)
        try:
            lab.await_that(lambda: self.count_lines(out) > lines, "some trials")
        finally:
            process.send_signal(number)
        return self.finish(process)

    def stopped(self, matrix, number):
        """A run that a signal ended after some trials. One that was quicker than the signal is begun again."""
        for attempt in range(10):
            out = self.path(f"r{attempt}.jsonl")
            status, _, err = self.run_until(matrix, self.BLOCKS, out, 5, number)
            if status != 0:
                return out, status, err
        return self.fail("no signal came before the end of the run")

    def check(self, number, status_expected):
        matrix = self.small()
        if Stopping.whole is None:
            Stopping.whole = self.planned(matrix, self.BLOCKS)
        planned = Stopping.whole
        out, status, err = self.stopped(matrix, number)
        self.assertEqual(status_expected, status, err)
        before = self.trials(out)
        self.assertLess(len(before), len(planned), "it was not stopped in the middle")
        self.nothing_left()
        # Stopped within a line, as a crash of the machine does.
        with open(out, "ab") as file:
            file.write(b'{"kind":"trial","run":"20')
        status, _, again = self.lab("run", matrix, "--resume", out)
        self.assertEqual(0, status, again)
        self.assertIn("cut short", again)
        after = self.trials(out)
        self.assertTrue(before == after[:len(before)], "what was measured before has changed")
        self.assertEqual(planned, self.identities(after))
        return err

    def test_ctrl_c(self):
        err = self.check(signal.SIGINT, 1)
        self.assertIn("stopped by Ctrl-C", err)
        self.assertIn("--resume", err)

    def test_terminated(self):
        self.check(signal.SIGTERM, 1)

    def test_killed(self):
        self.check(signal.SIGKILL, -signal.SIGKILL)

    def test_ctrl_c_within_a_long_trial(self):
        matrix = self.matrix("{transport: shm, placement: same, wake: block}", trial=LONG, more="controls: false\n")
        out = self.path("it's one.jsonl")
        process = self.start("run", matrix, "--blocks", "1", "--only", "transport=shm", "--out", out)
        lab.await_that(lambda: len(lab.descendants(process.pid)) >= 3, "a trial with two Envs")
        lab.interrupt(process)
        status, _, err = self.finish(process)
        self.assertEqual(1, status, err)
        self.assertEqual(0, len(self.trials(out)))
        self.nothing_left()
        go_on = re.search("^to go on: (.*)$", err, re.MULTILINE)[1]
        self.assertEqual(["corps-lab", "run", matrix, "--only", "transport=shm", "--resume", out], shlex.split(go_on))

    def test_ctrl_c_before_the_first_trial(self):
        """While the machine is looked at: the file is there already."""
        out = self.path("r.jsonl")
        process = self.start("run", self.small(), "--blocks", "500", "--out", out)
        lab.await_that(lambda: os.path.exists(out), "the file")
        lab.interrupt(process)
        status, _, err = self.finish(process)
        self.assertEqual(1, status, err)
        self.assertIn("corps-lab: stopped by Ctrl-C", err)
        if "nothing was measured" in err:
            self.one_line(err)
            self.assertFalse(os.path.exists(out))
        self.nothing_left()

    def test_more_blocks_later(self):
        matrix = self.small()
        out = self.path("r.jsonl")
        self.assertEqual(0, self.lab("run", matrix, "--blocks", "2", "--seed", "9", "--out", out)[0])
        planned = self.planned(matrix, ["--blocks", "4", "--seed", "9"])
        self.assertEqual(0, self.lab("run", matrix, "--blocks", "4", "--resume", out)[0])
        self.assertEqual(planned, self.identities(self.trials(out)))
        self.assertEqual(0, self.lab("run", matrix, "--blocks", "4", "--resume", out)[0])
        self.assertEqual(planned, self.identities(self.trials(out)))

    def test_what_was_changed_is_not_gone_on_with(self):
        matrix = self.matrix("{transport: raw:pipe, placement: same}", more="controls: false\n")
        out = self.path("r.jsonl")
        self.assertEqual(0, self.lab("run", matrix, "--blocks", "3", "--out", out)[0])
        status, said, err = self.lab("validate", out)
        self.assertEqual((0, f"{out}: valid\n"), (status, said), err)
        with open(out, encoding="utf-8") as file:
            lines = file.read().splitlines()
        digit = re.sub(r'("p50_ns":)(\d)', lambda found: found[1] + str((int(found[2]) + 1) % 10), lines[2])
        for changed in (digit, lab.without_checksum(lines[2] + "\n")[:-1]):
            with self.subTest(changed=changed[-60:]):
                damaged = self.write("d.jsonl", "\n".join([*lines[:2], changed, *lines[3:]]) + "\n")
                status, _, err = self.lab("run", matrix, "--resume", damaged)
                self.assertEqual(1, status)
                self.assertIn("d.jsonl:3: the line is not as it was written", err)
                for command in (["validate", damaged], ["report", damaged, "--no-html"], ["merge", damaged, "--out", self.path("m.jsonl")]):
                    status, _, err = self.lab(*command)
                    self.assertEqual(1, status, command)
                    self.assertIn("d.jsonl:3: the line is not as it was written", err)
        missing = self.write("e.jsonl", "\n".join(lines[:3]) + "\n")
        status, _, err = self.lab("validate", missing)
        self.assertEqual(1, status)
        self.assertIn("2 of 3 planned trials are there", err)
        # Lines of before there were checksums: read as they are, and gone on with.
        old = self.write("f.jsonl", "".join(lab.without_checksum(line + "\n") for line in lines[:2]))
        self.assertEqual(0, self.lab("run", matrix, "--resume", old)[0])
        self.assertIn(": valid; 2 of 4 lines unverified", self.lab("validate", old)[1])

    def test_a_file_that_is_refused_is_not_changed(self):
        mine = self.matrix("{transport: raw:pipe, placement: same}", more="controls: false\n")
        out = self.path("r.jsonl")
        self.assertEqual(0, self.lab("run", mine, "--blocks", "1", "--out", out)[0])
        with open(out, "ab") as file:
            file.write(b'{"kind":"trial","run":"20')
        with open(out, "rb") as file:
            before = file.read()
        status, _, err = self.lab("run", self.small(), "--resume", out)
        self.assertEqual(1, status, err)
        self.one_line(err)
        self.assertIn("another matrix", err)
        with open(out, "rb") as file:
            self.assertEqual(before, file.read())

    def test_two_runs_do_not_write_one_file(self):
        matrix = self.matrix("{transport: raw:pipe, placement: same}", trial=LONG)
        out = self.path("r.jsonl")
        process = self.start("run", matrix, "--blocks", "1", "--out", out)
        try:
            lab.await_that(lambda: os.path.exists(out) and lab.descendants(process.pid), "a trial")
            status, _, err = self.lab("run", matrix, "--resume", out)
            self.assertEqual(1, status)
            self.assertIn("another run", err)
        finally:
            lab.interrupt(process)
            self.finish(process)


class Deaths(lab.LabTest):
    """Two cells; the trial of the first long one is hurt, the rest must be measured."""

    def hurt(self, victim_of, transport="shm", reason=r"signal 9|SIGKILL"):
        more = "controls: false\n"
        matrix = self.write("m.yaml", "name: test\n" + more + "families:\n"
                            f"  - name: hurt\n    trial: {LONG}\n"
                            f"    axes: {{transport: {transport}, wake: block, placement: same}}\n"
                            f"  - name: sound\n    trial: {lab.FAST}\n"
                            "    axes: {transport: [unix, raw:unix], wake: block, placement: same}\n")
        out = self.path("r.jsonl")
        process = self.start("run", matrix, "--blocks", "1", "--out", out)
        try:
            victim = lab.await_that(lambda: victim_of(lab.descendants(process.pid)), "the victim")
            time.sleep(0.5)  # into the timed section; the test holds earlier too
            os.kill(victim, signal.SIGKILL)
            status, _, err = self.finish(process)
        finally:
            if process.poll() is None:
                process.kill()
        self.assertEqual(1, status, err)
        by_family = {}
        for line in self.trials(out):
            by_family.setdefault(line["family"], []).append(line)
        self.assertEqual([True, True], [line["ok"] for line in by_family["sound"]])
        (line,) = by_family["hurt"]
        self.assertIs(False, line["ok"])
        self.assertRegex(line["error"], reason)
        for key in FIGURES:
            self.assertIsNone(line[key], key)
        self.nothing_left()
        return line["error"]

    @staticmethod
    def env(number):
        def find(table):
            if len(table) < 3:
                return None
            found = [pid for pid, command in table.items() if command[:1] == ["corps-env"] and command[-1] == number]
            return found[0] if found else None
        return find

    @staticmethod
    def is_trial(command):
        """The long one, and none of those that measure what the machine is like."""
        return command[1:2] == ["cell"] and "min_ms=20000" in command

    def test_trial_killed(self):
        def find(table):
            found = [pid for pid, command in table.items() if self.is_trial(command)]
            return found[0] if len(table) >= 3 and found else None
        self.assertIn("killed by signal 9 (SIGKILL)", self.hurt(find))

    def test_first_env_killed(self):
        self.hurt(self.env("0"))

    def test_second_env_killed(self):
        self.hurt(self.env("1"))

    def test_second_env_killed_over_mqueue(self):
        with lab.room("mqueue"):
            self.hurt(self.env("1"), "mqueue")

    def test_raw_control_killed(self):
        def find(table):
            found = [pid for pid, command in table.items() if self.is_trial(command)]
            return max(found) if len(found) >= 2 else None
        self.hurt(find, "raw:pipe", "raw:pipe: .*(responder|other side|signal 9)")

    def test_time_limit(self):
        matrix = self.matrix("{transport: shm, wake: block, placement: same}", trial=LONG, more="controls: false\n")
        out = self.path("r.jsonl")
        status, _, err = self.lab("run", matrix, "--blocks", "1", "--trial-timeout", "0.5", "--out", out)
        self.assertEqual(1, status, err)
        (line,) = self.trials(out)
        self.assertIs(False, line["ok"])
        self.assertIn("no result within 0.5 s", line["error"])
        self.nothing_left()


class Shipped(lab.LabTest):
    """The matrices that come with the laboratory."""

    FOLDER = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "experiments", "matrices")

    def cells(self, name):
        status, out, err = self.lab("run", os.path.join(self.FOLDER, name), "--dry-run")
        self.assertEqual((0, ""), (status, err), name)
        return [line.split() for line in out.splitlines() if line.startswith("  ") and not line.startswith("  control:")]

    def test_every_matrix_can_be_planned(self):
        names = {name: len(self.cells(name)) for name in os.listdir(self.FOLDER) if name.endswith(".yaml")}
        self.assertLessEqual({"quick.yaml", "transports.yaml", "serializers.yaml", "workloads.yaml", "full.yaml"},
                             set(names))
        self.assertEqual(names["full.yaml"], max(names.values()))

    @unittest.skipIf(len(os.sched_getaffinity(0)) < 2, "placement cross needs two processors")
    def test_quick_covers_everything(self):
        cells = self.cells("quick.yaml")

        def known(section):
            return [line.split()[0] for line in self.lab("list", section)[1].splitlines()[1:] if "for comparison" not in line
                    and "not available: " not in line]
        pairs = {(transport, serializer) for _, transport, serializer, *_ in cells}
        for transport in known("transports"):
            for serializer in known("serializers"):
                self.assertIn((transport, serializer), pairs)
        self.assertLessEqual(set(known("workloads")), {cell[0] for cell in cells})
        self.assertGreaterEqual(len({cell[3] for cell in cells if cell[3].startswith("bytes:")}), 3)
        self.assertLessEqual({"same", "cross"}, {cell[5] for cell in cells})
        self.assertLessEqual({"block", "spin", "adaptive"}, {cell[4] for cell in cells})


class WithinOneEnv(lab.LabTest):
    """What is compared with each other must send the same: bare bytes where the serializer is none, and nothing over a wire."""

    def test_bare_bytes_everywhere(self):
        _, transports, _ = self.lab("list", "--plain", "values", "transport")
        compared = [name for name in transports.split() if name == "queue" or name.endswith("-inproc")]
        self.assertIn("queue", compared)
        for transport in compared:
            for serializer in ("none", "msgpack"):
                with self.subTest(transport=transport, serializer=serializer):
                    status, out, err = self.lab("cell", "transport=" + transport, "serializer=" + serializer,
                                                "payload=bytes:4", "min_ms=5", "max_ms=30")
                    self.assertEqual(0, status, err)
                    trial = json.loads(out)
                    self.assertEqual(0, trial["bytes_on_wire_per_message"])
                    self.assertTrue(trial["ok"])


class Doctor(lab.LabTest):
    def test_leftovers(self):
        base = os.path.join(self.runtime, "corps")
        dead = os.path.join(base, "0123456789abcdef")
        os.mkdir(base, 0o700)
        os.mkdir(dead, 0o700)
        with open(os.path.join(dead, "lock"), "w", encoding="utf-8"):
            pass
        _, out, _ = self.lab("doctor")
        self.assertRegex(out, re.compile(f"^warn +leftover +{dead}.*--clean", re.M))
        self.assertTrue(os.path.isdir(dead))
        _, out, _ = self.lab("doctor", "--clean")
        self.assertIn("was removed", out)
        self.assertFalse(os.path.exists(dead))
        _, out, _ = self.lab("doctor")
        self.assertRegex(out, re.compile("^ok +leftovers +none", re.M))

    def test_every_line_has_a_verdict(self):
        status, out, _ = self.lab("doctor")
        *checks, last = out.splitlines()
        for line in checks:
            self.assertRegex(line, r"^(ok|warn|fail) +\S")
        fails = sum(line.startswith("fail") for line in checks)
        self.assertTrue(last.startswith(f"{fails} problem"))
        self.assertEqual(1 if fails else 0, status)

    def test_list_names_everything(self):
        status, out, _ = self.lab("list")
        self.assertEqual(0, status)
        for word in ["shm", "queue", "raw:cacheline", "msgpack", "search", "records:N", "adaptive", "cross", "quick.yaml",
                     "warmup_count"]:
            self.assertIn(word, out)


if __name__ == "__main__":
    unittest.main(verbosity=2)
