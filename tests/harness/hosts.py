"""Several hosts in one trial: namespaces, the wire between them, and the bare controls over it. Skipped where nobody may make namespaces."""

import json
import signal
import unittest

import lab

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

    def test_a_killed_trial_leaves_nothing(self):
        self.trial("transport=raw:tcp", "hosts=2")  # skips where it cannot be
        process = self.start("cell", "transport=raw:tcp", "hosts=2", "delay_us=100", "min_ms=60000", "max_ms=60000")
        lab.await_that(lambda: len(lab.descendants(process.pid)) == 2, "the wire and the responder")
        children = lab.descendants(process.pid)
        process.send_signal(signal.SIGKILL)
        self.finish(process)
        lab.await_that(lambda: not set(children) & set(lab.processes()), f"the end of {children}")


if __name__ == "__main__":
    unittest.main(verbosity=2)
