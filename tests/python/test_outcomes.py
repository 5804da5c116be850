"""tests/outcomes.py, which adds up for scripts/test, on a log of each kind of outcome."""
import json
import os
import subprocess
import sys
import tempfile
import unittest

PROGRAM = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "outcomes.py")
RESULTS = [("corps:unit / one", "OK", ""), ("corps:unit / two", "EXPECTEDFAIL", ""), ("corps:unit / three", "SKIP", ""),
           ("corps:unit / late one", "TIMEOUT", "line 1\nline 2\n"), ("corps:unit / racy", "FAIL", "WARNING: ThreadSanitizer: data race"),
           ("corps:stress / life", "FAIL", "100 calls, 2 wrong"), ("corps:stress / ends", "ERROR", "100 calls, 0 wrong")]


class Outcomes(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = folder.name
        os.mkdir(self.path("meson-logs"))
        with open(self.path("meson-logs/testlog.json"), "w", encoding="utf-8") as file:
            for name, result, text in RESULTS:
                print(json.dumps({"name": name, "result": result, "duration": 1.6, "stdout": text}), file=file)

    def path(self, name):
        return os.path.join(self.folder, name)

    def read(self, name):
        with open(self.path(name), encoding="utf-8") as file:
            return file.read()

    def count(self, how, *again):
        command = [sys.executable, PROGRAM, self.folder, self.path("failures"), how, *again]
        return subprocess.run(command, check=True, stdout=subprocess.PIPE, universal_newlines=True).stdout

    def test_sums(self):
        self.assertEqual(self.count(""), "2 4 1\n")

    def test_failures_are_told_in_the_order_of_the_log(self):
        self.count(" again, alone")
        self.count("")
        told = self.read("failures")
        self.assertTrue(told.startswith(f"failed again, alone: {self.folder}: corps:unit / late one: TIMEOUT after 2 s\n    line 1\n    line 2\n"), told)
        self.assertEqual(told.count("failed"), 8)

    def test_what_was_found_is_not_tried_again(self):
        self.count("", self.path("again"))
        self.assertEqual(self.read("again"), "late one\nends\n")


if __name__ == "__main__":
    unittest.main()
