"""Several hosts in one trial: namespaces, the wire between them, and the bare controls over it. Skipped where nobody may make namespaces."""

import glob
import json
import os
import signal
import sys
import unittest

import lab

sys.path.append(os.path.join(os.path.dirname(os.path.abspath(__file__)), os.pardir, "hosts"))
import loopback  # noqa: E402

QUICK = ("warmup_count=5", "min_count=20", "min_ms=5", "max_ms=10000")


class Hosts(lab.LabTest):
    def trial(self, *pairs):
        status, out, err = self.lab("cell", *pairs, *QUICK)
        if "may not make" in err:
            self.skipTest(err.strip())
        if "install OpenSSL's headers" in err:
            self.skipTest(err.strip())
        self.assertEqual(0, status, err)
        return json.loads(out)

    def test_bare_controls(self):
        for transport in ("raw:tcp", "raw:tls"):
            for pairs in (("hosts=0",), ("hosts=2",), ("hosts=2", "payload=bytes:65536"), ("hosts=2", "workload=oneway", "payload=bytes:65536"),
                          ("hosts=2", "delay_us=1000", "rate_mbit=1000")):
                with self.subTest(transport=transport, pairs=pairs):
                    line = self.trial(f"transport={transport}", *pairs)
                    self.assertGreaterEqual(line["messages"], 20)
        self.nothing_left()

    def test_delay_and_rate_are_kept(self):
        """Nothing is quicker than its wire."""
        line = self.trial("transport=raw:tcp", "hosts=2", "delay_us=2000")
        self.assertGreaterEqual(line["p50_ns"], 4000000)
        line = self.trial("transport=raw:tcp", "hosts=2", "rate_mbit=100", "workload=oneway", "payload=bytes:65536")
        self.assertLess(line["bytes_per_s"], 100e6 / 8)

    def test_a_corps_over_hosts(self):
        """Through agents in namespaces: each Env where it belongs, and nothing of them left."""
        for pairs in (("hosts=2",), ("hosts=2", "seal=1", "payload=bytes:65536"), ("hosts=3", "workload=fanout", "concs=2", "delay_us=500"),
                      ("hosts=2", "workload=oneway", "seal=1"), ("hosts=2", "workload=heal", "min_count=1", "min_ms=0", "warmup_count=0")):
            with self.subTest(pairs=pairs):
                line = self.trial("transport=tcp", "wake=block", *pairs)
                self.assertEqual([], [flag for flag in line["flags"] if flag == "unverified"])
                if "workload=heal" not in pairs:
                    self.assertIsNotNone(line["cpu_ns_per_message"], "the processes on other hosts are not known")
                if "delay_us=500" in pairs:
                    self.assertGreaterEqual(line["p50_ns"], 1000000)
        self.nothing_left()
        left = glob.glob("/tmp/corps-lab-hosts-*")
        self.assertEqual([], [folder for folder in left if folder.split("-")[3] not in map(str, lab.processes())])

    def test_sealed_links_on_this_host(self):
        line = self.trial("transport=tcp", "seal=1")
        self.assertEqual(1, line["cell"]["seal"])

    def test_controls_of_a_family(self):
        """As the cells: over the same wire, sealed where they are, and the bandwidth."""
        matrix = self.matrix("{transport: tcp, hosts: 2, seal: [0, 1], delay_us: 100, placement: cross, wake: block}")
        status, out, err = self.lab("run", matrix, "--dry-run")
        self.assertEqual(0, status, err)
        controls = {line.split("control: ")[1].strip() for line in out.splitlines() if "control: " in line}
        for name in ("raw:tcp", "raw:tls"):
            for workload, payload in (("echo", "bytes:64"), ("oneway", "bytes:65536")):
                wanted = f"{workload} {name} none {payload} block cross hosts=2 delay_us=100"
                self.assertTrue(any(c.startswith(wanted) for c in controls), f"{wanted} is not among {controls}")
        plain = [c for c in controls if c.split()[1] == "raw:pipe"]
        self.assertTrue(plain and not any("hosts" in c for c in plain), "a pipe does not leave its host")

    def test_hosts_of_a_file(self):
        """run --hosts: agents that run already; what the laboratory cannot do to such hosts is left out."""
        matrix = self.matrix("{transport: tcp, hosts: [2, 3], seal: [0, 1], delay_us: [0, 100], placement: cross, wake: block}")
        out = self.path("r.jsonl")
        with loopback.Hosts(agent=os.path.join(os.path.dirname(lab.program()), "corps-agent")) as hosts:
            self.environment.update(hosts.environment(1))
            status, _, err = self.lab("run", matrix, "--hosts", hosts.file, "--blocks", "1", "--out", out)
        self.assertEqual(1, status, err)
        self.assertIn("leave --hosts out", err)
        trials = self.trials(out)
        self.assertTrue(self.lines(out)[0]["own_hosts"])
        over = [line for line in trials if line["cell"]["hosts"]]
        self.assertEqual({"tcp"}, {line["cell"]["transport"] for line in over}, "a bare control between hosts of a file")
        self.assertEqual([(2, True), (3, False)], sorted({(line["cell"]["hosts"], line["ok"]) for line in over}))
        self.assertTrue(all("needs more" in line["error"] for line in over if not line["ok"]))
        self.one_line(self.lab("run", matrix, "--hosts", "/no/such/file")[2])

    def test_a_killed_trial_leaves_nothing(self):
        self.trial("transport=raw:tcp", "hosts=2")  # skips where it cannot be
        process = self.start("cell", "transport=raw:tcp", "hosts=2", "delay_us=100", "min_ms=60000", "max_ms=60000")
        lab.await_that(lambda: len(lab.descendants(process.pid)) == 2, "the wire and the responder")
        children = lab.descendants(process.pid)
        process.send_signal(signal.SIGKILL)
        self.finish(process)
        lab.await_that(lambda: not set(children) & set(lab.processes()), f"the end of {children}")

    def test_a_killed_trial_with_agents_leaves_nothing(self):
        self.trial("transport=tcp", "hosts=2")
        process = self.start("cell", "transport=tcp", "hosts=2", "min_ms=60000", "max_ms=60000")
        folder = f"/tmp/corps-lab-hosts-{process.pid}-*"
        lab.await_that(lambda: sum("corps-env" in command[0] for command in lab.descendants(process.pid).values() if command) >= 2, "the Envs")
        children = lab.descendants(process.pid)
        self.assertEqual(1, len(glob.glob(folder)))
        process.send_signal(signal.SIGKILL)
        self.finish(process)
        lab.await_that(lambda: not set(children) & set(lab.processes()), f"the end of {children}")
        self.trial("transport=tcp", "hosts=2")
        self.assertEqual([], glob.glob(folder))


if __name__ == "__main__":
    unittest.main(verbosity=2)
