"""The page in a headless Chromium: it draws, filters by its address, and its numbers are those of the lines.

Without a Chromium the test is skipped, and says so. CHROMIUM names another program.
"""
import html
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import unittest
import urllib.parse

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
FOLDER = os.environ.get("CORPS_REPORT") or os.path.join(os.path.dirname(__file__), "..", "..", "experiments", "report")
sys.path.insert(0, FOLDER)
import cells as grouping  # noqa: E402
import load  # noqa: E402
import stats  # noqa: E402
from simulated import blocks_of, run_line, trial  # noqa: E402

CHROMIUM = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
STAGES = ("encode", "send", "transit", "dispatch", "decode", "method", "reply_encode", "reply_send", "reply_transit", "resume",
          "reply_decode")


def made_up():
    """A little of everything that the page draws."""
    cells = []
    for transport, base in (("shm", 2000), ("unix", 9000), ("tcp", 12000)):
        for wake, factor in (("block", 10), ("adaptive", 1), ("spin", 0.7)):
            for size in (64, 4096, 65536):
                cells.append((factor * base + size / 10, {"transport": transport, "wake": wake, "payload": f"bytes:{size}",
                                                          "size_bytes": size}))
        for serializer, per in (("msgpack", 0.5), ("pickle", 5)):
            for count in (1, 10, 100):
                cells.append((base + 100 * count * per, {"transport": transport, "serializer": serializer,
                                                         "payload": f"records:{count}", "size_bytes": 100 * count}))
        for percent in (25, 75):
            cells.append((base * (1 + percent / 50), {"transport": transport, "workload": "openloop", "load": percent}))
        cells.append((base, {"transport": transport, "workload": "pipeline", "window": 16}))
    for size in (64, 4096):  # and none of 64 KiB
        cells.append((1000 + size, {"transport": "raw:futex", "wake": "block", "payload": f"bytes:{size}", "size_bytes": size}))
    lines = [run_line()] + blocks_of(cells, blocks=8)
    for line in lines[1:]:
        if line["cell"]["workload"] == "openloop":
            line.update(capacity_per_s=1e6, offered_per_s=1e4 * line["cell"]["load"])
    for block in range(8):
        for order, transport in enumerate(("shm", "unix"), 900):
            line = trial(block, order, 2500, transport=transport, stages=1, serializer="msgpack")
            lines.append({**line, "stages_ns": {name: 100 + 10 * i for i, name in enumerate(STAGES)}})
    lines.append(trial(3, 990, 1, ok=False, transport="mqueue", payload="</script><b>"))
    return lines


@unittest.skipUnless(CHROMIUM, "there is no Chromium (set CHROMIUM, or install chromium)")
class Page(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory()
        cls.lines = os.path.join(cls.folder.name, "r.jsonl")
        cls.page = os.path.join(cls.folder.name, "r.html")
        with open(cls.lines, "w", encoding="utf-8") as file:
            file.write("".join(json.dumps(line) + "\n" for line in made_up()))
        done = subprocess.run([sys.executable, os.path.join(FOLDER, "report.py"), cls.lines, "--no-text"], capture_output=True,
                              text=True, timeout=300)
        assert done.returncode == 0, done.stderr
        cls.cells = grouping.group(load.load([cls.lines]))
        cls.opened = {}

    @classmethod
    def tearDownClass(cls):
        cls.folder.cleanup()

    def chromium(self, *options, **state):
        address = "file://" + self.page + ("#" + urllib.parse.urlencode(state) if state else "")
        profile = tempfile.mkdtemp(dir=self.folder.name)
        done = subprocess.run([CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run",
                               f"--user-data-dir={profile}", "--enable-logging=stderr", "--virtual-time-budget=10000", *options, address],
                              capture_output=True, text=True, timeout=300, env={**os.environ, "HOME": profile})
        console = [line for line in done.stderr.splitlines() if "CONSOLE" in line
                   and re.search("Error|Uncaught", line.rpartition('", source: ')[0])]
        self.assertEqual([], console)
        return done.stdout

    def dom(self, **state):
        """The document after its scripts have run; each address of a page is opened once."""
        key = (self.page, tuple(sorted(state.items())))
        if key not in self.opened:
            self.opened[key] = self.chromium("--dump-dom", **state)
        self.assertIn('data-drawn="1"', self.opened[key])
        return self.opened[key]

    def explored(self, **state):
        """[(text of the cell, number, interval)] of the explorer's table."""
        table = re.search(r'<table id="explored".*?</table>', self.dom(**state), re.S)[0]
        rows = re.findall(r'<tr><td>(.*?)</td><td>.*?</td><td data-v="(.*?)">(.*?)</td><td>(.*?)</td>', table)
        return [(html.unescape(text), float(value), interval) for text, value, _, interval in rows]

    def test_every_chart_is_drawn(self):
        text = self.dom()
        for chart in ("explore", "heat", "crossover", "stages", "load", "percentiles", "cpu"):
            body = re.search(rf'<div id="chart-{chart}".*?<figcaption', text, re.S)
            self.assertIsNotNone(body, chart)
            self.assertIn("main-svg", body[0], chart)
        self.assertNotIn("</script><b>", text.split('id="data"')[0].split("<script>")[0])

    def test_numbers_are_those_of_the_lines(self):
        rows = self.explored()
        self.assertEqual(9, len(rows))  # three transports, three sizes: echo, none, adaptive, cross
        for text, value, interval in rows:
            cell = next(c for c in self.cells.values() if c.text == text)
            blocks = list(cell.blocks("p50_ns").values())
            self.assertAlmostEqual(stats.ratio(blocks, [1] * len(blocks)).estimate, value, delta=0.001 * value)
            self.assertIn("–", interval)

    def test_the_address_chooses(self):
        self.assertEqual({"echo shm none bytes:64 spin cross"}, {t for t, _, _ in self.explored(wake="spin", transport="shm", payload="bytes:64")})
        rows = self.explored(workload="openloop", serializer="any", figure="messages_per_s")
        self.assertEqual(6, len(rows))
        self.assertTrue(all("load" in text for text, _, _ in rows))
        self.assertEqual([], self.explored(transport="shm", serializer="msgpack", payload="bytes:64"))
        self.assertEqual(11, len(self.explored(raw="1")))
        shown = re.search(r'id="shown"[^>]*>(.*?)<', self.dom(q="pipeline shm"))[1]
        self.assertTrue(shown.startswith("1 of "), shown)

    def test_nonsense_in_the_address_does_no_harm(self):
        self.assertEqual(9, len(self.explored(figure="luck", colour="red")))
        self.assertIn("No measured cell fits", self.dom(workload="dance"))

    def test_figures_besides_time(self):
        for figure in ("messages_per_s", "to_control"):
            with self.subTest(figure=figure):
                (text, value, _), = self.explored(figure=figure, transport="shm", payload="bytes:64", wake="block")
                cell = next(c for c in self.cells.values() if c.text == text)
                expected = cell.to_control.estimate if figure == "to_control" else cell.estimate(figure)
                self.assertAlmostEqual(expected, value, delta=0.02 * value)

    def test_nothing_is_divided_by_a_control_of_another_size(self):
        rows = self.explored(figure="to_control", transport="shm", wake="block")
        self.assertEqual({"echo shm none bytes:64 block cross", "echo shm none bytes:4096 block cross"}, {text for text, _, _ in rows})
        row = re.search(r'<tr data-text="echo shm none bytes:65536 block cross".*?</tr>', self.dom(), re.S)[0]
        self.assertNotIn("×", row)

    def test_a_phone_and_darkness(self):
        for options in (("--window-size=390,844",), ("--blink-settings=preferredColorScheme=0",)):
            path = os.path.join(self.folder.name, "shot.png")
            self.chromium(f"--screenshot={path}", *options)
            self.assertGreater(os.path.getsize(path), 10000)

    def test_a_page_of_nothing_but_failures(self):
        path = os.path.join(self.folder.name, "f.jsonl")
        with open(path, "w", encoding="utf-8") as file:
            file.write("".join(json.dumps(line) + "\n" for line in [run_line(), trial(0, 0, 1, ok=False)]))
        done = subprocess.run([sys.executable, os.path.join(FOLDER, "report.py"), path, "--no-text"], capture_output=True, text=True, timeout=300)
        self.assertEqual(0, done.returncode, done.stderr)
        page, self.__class__.page = self.page, os.path.join(self.folder.name, "f.html")
        try:
            text = self.dom()
        finally:
            self.__class__.page = page
        self.assertIn("No measured cell fits", text)
        self.assertIn("SIGKILL", text)


if __name__ == "__main__":
    unittest.main()
