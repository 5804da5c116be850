"""What a trial looks like on a terminal, what a program reads, and the figures as CSV, Markdown and JSON."""

import csv
import io
import json
import os
import pty
import shutil
import subprocess
import unittest

import lab

PRINTER = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
CELL = ("transport=unix", "placement=same", "wake=block", "min_ms=5", "max_ms=10000", "min_count=20")
TWO = "{transport: [unix, pipe], placement: same, wake: block, serializer: none}"


def on_terminal(environment, folder, *arguments):
    """(status, what a terminal of 80 columns shows)."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen([lab.program(), *arguments], stdin=theirs, stdout=theirs, stderr=theirs,
                               env={**environment, "TERM": "xterm"}, cwd=folder)
    os.close(theirs)
    shown = b""
    while True:
        try:
            part = os.read(ours, 4096)
        except OSError:  # the other side is closed
            break
        if not part:
            break
        shown += part
    os.close(ours)
    return process.wait(timeout=lab.LIMIT_S), shown.decode().replace("\r\n", "\n")


class Summary(lab.LabTest):
    def test_people_and_programs(self):
        status, shown = on_terminal(self.environment, self.folder, "cell", *CELL)
        self.assertEqual(0, status, shown)
        lines = shown.splitlines()
        self.assertTrue(lines[0].startswith("echo unix msgpack bytes:64 block same"), shown)
        self.assertRegex(lines[-1], r"^unix: [\d.,]+ \S+ a message \(p50\), [\d.,]+ \S+\. ")
        for word in ("latency", "p50", "p99", "max", "rate", "CPU/message", "memory"):
            self.assertIn(word, shown)
        for arguments in ((), ("--json",)):
            status, out, err = self.lab("cell", *CELL, *arguments)
            self.assertEqual((0, ""), (status, err))
            self.assertEqual("trial", json.loads(out)["kind"])
        status, shown = on_terminal(self.environment, self.folder, "cell", "--json", *CELL)
        self.assertTrue(json.loads(shown)["ok"])

    def test_flags_say_what_they_mean(self):
        status, shown = on_terminal(self.environment, self.folder, "cell", "workload=oneway", "transport=null", *CELL[1:])
        self.assertEqual(0, status, shown)
        self.assertIn("unverified: nothing came back that could be checked\n", shown)

    def test_a_failed_trial(self):
        damaged = self.write("damaged.json", "[1, 2,")
        status, shown = on_terminal(self.environment, self.folder, "cell", f"payload=file:{damaged}")
        self.assertEqual(1, status, shown)
        self.assertEqual(2, len(shown.splitlines()), shown)
        self.assertIn("the trial failed: ", shown)


class Exports(lab.LabTest):
    def text(self, name):
        with open(self.path(name), encoding="utf-8") as file:
            return file.read()

    def names(self, form):
        return self.path("out." + form)

    def test_of_a_trial(self):
        status, out, err = self.lab("cell", *CELL, *(word for form in ("csv", "markdown", "json") for word in (f"--export-{form}", self.names(form))))
        self.assertEqual((0, ""), (status, err))
        trial = json.loads(out)
        row, = csv.DictReader(io.StringIO(self.text("out.csv")))
        self.assertEqual(("unix", "1", "0", ""), (row["transport"], row["trials"], row["failed"], row["p50_low_ns"]))
        self.assertAlmostEqual(trial["p50_ns"], float(row["p50_ns"]), delta=trial["p50_ns"] / 1e5)
        cell, = json.loads(self.text("out.json"))["cells"]
        self.assertEqual(list(row), list(cell))
        self.assertIsNone(cell["p50_low_ns"])
        self.assertIn("transport unix", self.text("out.markdown"))

    def test_of_a_run_and_its_report(self):
        results = self.path("r.jsonl")
        status, out, err = self.lab("run", self.matrix(TWO, more="controls: false\n"), "--blocks", "2", "--out", results, "--export-csv", "-")
        self.assertEqual(0, status, err)
        rows = list(csv.DictReader(io.StringIO(out)))
        self.assertEqual(["pipe", "unix"], sorted(row["transport"] for row in rows), "the duplicate is left out")
        self.assertEqual({"2"}, {row["blocks"] for row in rows})
        self.assertEqual(f"next: corps-lab report {results}", err.splitlines()[-1])
        status, out, err = self.lab("report", results, "--no-html", "--export-csv", "-")
        self.assertEqual((0, rows), (status, list(csv.DictReader(io.StringIO(out)))), err)
        status, out, err = self.lab("report", results, "--no-html", "--export-markdown", self.names("markdown"))
        self.assertEqual(0, status, err)
        self.assertTrue(out.startswith("Corps Lab report"))
        head, line, *body = self.text("out.markdown").splitlines()
        self.assertTrue(head.startswith("| transport | p50 [µs] |"), head)
        self.assertEqual(2, sum("`unix`" in row or "`pipe`" in row for row in body))

    def test_what_cannot_be_written(self):
        results = self.path("r.jsonl")
        self.assertEqual(0, self.lab("run", self.matrix(TWO, more="controls: false\n"), "--blocks", "1", "--out", results)[0])
        for command in (["cell", *CELL], ["report", results, "--no-html", "--no-text"]):
            for path, words, wanted in ((self.folder, "directory", 2), ("/dev/full", "No space left", 1)):
                with self.subTest(command=command[0], path=path):
                    status, _, err = self.lab(*command, "--export-csv", path)
                    self.assertEqual(wanted, status, err)
                    self.one_line(err)
                    self.assertIn(words, err)
        for arguments in (["--export-csv", "-", "--export-json", "-"], ["--export-json", results]):
            status, out, err = self.lab("report", results, *arguments)
            self.assertEqual((2, ""), (status, out), err)
            self.one_line(err)
        self.assertEqual([], [name for name in os.listdir(self.folder) if name.endswith(".new")])
        status, _, err = self.lab("run", self.matrix(TWO), "--export-json", self.path("no/x.json"), "--out", self.path("never.jsonl"))
        self.assertEqual(2, status, "said before anything is measured")
        self.one_line(err)
        self.assertFalse(os.path.exists(self.path("never.jsonl")))


class Paper(lab.LabTest):
    def setUp(self):
        super().setUp()
        self.results = self.path("r.jsonl")
        self.assertEqual(0, self.lab("run", self.matrix(TWO, more="controls: false\n"), "--blocks", "1", "--out", self.results)[0])

    def test_one_pdf(self):
        if PRINTER is None:
            self.skipTest("there is no Chromium to print with (set CHROMIUM, or install chromium)")
        status, out, err = self.lab("report", self.results, "--paper", self.path("r.pdf"))
        self.assertEqual((0, ""), (status, err))
        self.assertEqual(f"paper written to {self.path('r.pdf')}", out.splitlines()[-1])
        with open(self.path("r.pdf"), "rb") as file:
            content = file.read()
        self.assertTrue(content.startswith(b"%PDF-"))
        self.assertIn(b"%%EOF", content[-32:])
        self.assertGreater(len(content), 20000)
        self.assertFalse(os.path.exists(self.path("r.html")), "the paper stands in place of the page")

    def test_without_a_printer(self):
        for chromium, words in (("/nowhere/chromium", "cannot start"), ("/bin/true", "printed nothing")):
            self.environment["CHROMIUM"] = chromium
            status, _, err = self.lab("report", self.results, "--no-text", "--paper", self.path("r.pdf"))
            self.assertEqual(1, status, err)
            self.one_line(err)
            self.assertIn(words, err)
            self.assertIn("CHROMIUM", err)
            self.assertFalse(os.path.exists(self.path("r.pdf")))


if __name__ == "__main__":
    unittest.main(verbosity=2)
