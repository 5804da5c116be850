"""What decides by a transport asks for its capabilities (corps/transport.h); nothing but transports/, tests and words for people has its
name. A string in C, Python or JavaScript that is a transport's name, or a control's outside of raw/, is what this looks for."""

import os
import re
import subprocess
import unittest

import lab

SOURCE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
FOLDERS = ("lib", "serializers", "experiments", "scripts")
ALLOWED = {  # file → the strings that it may have, which decide nothing
    "lib/python/corps/_create.py": {"shm", "queue"},  # the default, and the one transport of one Env: has no table of transports to ask yet
    "experiments/report/findings.py": {"shm", "pipe", "mqueue", "unix", "tcp", "queue"},  # rows and columns of a document's tables, in its order
    "experiments/report/front_page.py": {"shm", "pipe", "mqueue", "unix", "tcp"},  # likewise, of the README
    "experiments/report/machines.py": {"raw:pipe", "raw:cacheline"},  # a machine's figures are those of these mechanisms, by definition
    "experiments/run/measured.c": {"raw:pipe", "raw:cacheline", "raw:memcpy"},  # the same
    "lib/agent/look_json.c": {"null"},  # JSON's word
    "lib/top/json.c": {"null"},  # the same
    "serializers/auto_names.py": {"queue"},  # a module of Python's
    "serializers/owned.py": {"shm"},  # an attribute of multiprocessing's
}
COMMENTS = {".py": r"(?s:\"\"\".*?\"\"\"|'''.*?''')|#.*", ".c": r"(?s:/\*.*?\*/)|//.*", ".h": r"(?s:/\*.*?\*/)|//.*", ".js": r"//.*"}


class Names(lab.LabTest):
    def test_transports(self):
        _, out, _ = self.lab("list", "--plain", "values", "transport")
        names = {name for name in out.split() if not name.startswith("peer:")}
        files = subprocess.run(["git", "ls-files", "-z", *FOLDERS], cwd=SOURCE, capture_output=True, text=True, timeout=60).stdout.split("\0")
        if files == [""]:
            self.skipTest("this is no checkout: git lists no files")
        found = []
        for path in files:
            kind = os.path.splitext(path)[1]
            if kind not in COMMENTS or path.startswith("experiments/raw/"):
                continue
            with open(os.path.join(SOURCE, path), encoding="utf-8") as file:
                code = re.sub(COMMENTS[kind], "", file.read())
            strings = {a or b for a, b in re.findall(r"\"([\w:-]+)\"|'([\w:-]+)'", code)}
            found += [f"{path} has {name!r}" for name in sorted(strings & names - ALLOWED.get(path, set()))]
        self.assertEqual([], found)


if __name__ == "__main__":
    unittest.main(verbosity=2)
