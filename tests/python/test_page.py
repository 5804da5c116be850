"""The page in a headless Chromium: what stands first, that nothing is cut, hidden or dropped, and that its numbers are those of the lines.

Without a Chromium the test is skipped, and says so. CHROMIUM names another program.
"""
import json
import os
import re
import subprocess
import sys
import tempfile
import unittest
import urllib.parse

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
FOLDER = os.environ.get("CORPS_REPORT") or os.path.join(os.path.dirname(__file__), "..", "..", "experiments", "report")
sys.path.insert(0, FOLDER)
import browser  # noqa: E402
import cells as grouping  # noqa: E402
import load  # noqa: E402
import page as pages  # noqa: E402
import text  # noqa: E402
from simulated import blocks_of, run_line, trial  # noqa: E402

STAGES = ("encode", "send", "transit", "dispatch", "decode", "method", "reply_encode", "reply_send", "reply_transit", "resume",
          "reply_decode")
WIDTHS = (375, 768, 1280, 2560)


def made_up(loads=(25, 75)):
    """A little of everything that the page draws."""
    cells = []
    for transport, base in (("shm", 2000), ("unix", 9000), ("tcp", 12000)):
        for wake, factor in (("block", 10), ("adaptive", 1), ("spin", 0.7)):
            for size in (64, 4096, 65536):
                cells.append((factor * base + size / 10, {"transport": transport, "wake": wake, "payload": f"bytes:{size}",
                                                          "size_bytes": size}))
        for serializer, per in (("msgpack", 5), ("pickle", 50)):
            for count in (1, 10, 100):
                cells.append((base + 100 * count * per, {"transport": transport, "serializer": serializer,
                                                         "payload": f"records:{count}", "size_bytes": 100 * count}))
            for payload, size in (("tree", 1000), ("ast", 9000), ("bytes:64", 64), ("bytes:4096", 4096)):
                cells.append((base + size * per, {"transport": transport, "serializer": serializer, "payload": payload, "size_bytes": size}))
        for percent in loads:
            cells.append((base * (1 + percent / 50), {"transport": transport, "workload": "openloop", "load": percent}))
        cells.append((base, {"transport": transport, "workload": "pipeline", "window": 16}))
    for size in (64, 4096):  # and none of 64 KiB
        cells.append((1000 + size, {"transport": "raw:futex", "wake": "block", "payload": f"bytes:{size}", "size_bytes": size}))
    cells.append((2000, {"arm": "aa"}))
    lines = [run_line()] + blocks_of(cells, blocks=8)
    for line in lines[1:]:
        if line["cell"]["workload"] == "openloop":
            line.update(capacity_per_s=1e6, offered_per_s=1e4 * line["cell"]["load"])
        if line["cell"]["transport"] == "tcp":
            line["voluntary_switches_per_message"] = 2.0 * (line["block"] % 2)  # bears a flag
    for block in range(8):
        for order, transport in enumerate(("shm", "unix"), 900):
            line = trial(block, order, 2500, transport=transport, stages=1, serializer="msgpack")
            lines.append({**line, "stages_ns": {name: 100 + 10 * i for i, name in enumerate(STAGES)}})
    lines.append(trial(3, 990, 1, ok=False, transport="mqueue", payload="</script><b>"))
    return lines


@unittest.skipUnless(browser.CHROMIUM, "there is no Chromium (set CHROMIUM, or install chromium)")
class Page(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(cls.folder.cleanup)
        cls.page = cls.made("r", made_up())
        cls.cells = grouping.group(load.load([os.path.join(cls.folder.name, "r.jsonl")]))
        cls.browser = browser.Browser()
        cls.addClassCleanup(cls.browser.close)

    @classmethod
    def made(cls, name, lines):
        """Path of the page that corps-lab report makes of these lines."""
        path = os.path.join(cls.folder.name, name)
        with open(path + ".jsonl", "w", encoding="utf-8") as file:
            file.write("".join(json.dumps(line) + "\n" for line in lines))
        done = subprocess.run([sys.executable, os.path.join(FOLDER, "report.py"), path + ".jsonl", "--no-text"], capture_output=True,
                              text=True, timeout=300)
        assert done.returncode == 0, done.stderr
        return path + ".html"

    def tearDown(self):
        errors, self.browser.errors = self.browser.errors, []
        self.assertEqual([], errors)

    def open(self, path=None, width=1280, dark=False, media="screen", **state):
        self.browser.open("file://" + (path or self.page) + ("#" + urllib.parse.urlencode(state) if state else ""), width=width, dark=dark, media=media)

    def ask(self, expression):
        return self.browser.evaluate(expression)

    def explored(self, **state):
        """[(text of the cell, number, interval)] of the explorer's table."""
        self.open(**state)
        return [tuple(row) for row in self.ask("[...document.querySelectorAll('#explored tbody tr')].map(r => "
                                               "[r.cells[0].textContent, +r.cells[2].dataset.v, r.cells[3].textContent])")]

    # ---- what stands first ----

    def test_the_answers_and_a_chart_stand_in_the_first_900_pixels(self):
        for width in (1280, 2560, 768, 375):
            with self.subTest(width=width):
                self.open(width=width)
                ends = self.ask("['verdict-transports', 'verdict-serializers', 'chart-transports'].map(i => document.getElementById(i).getBoundingClientRect())"
                                ".map(r => [r.top, r.bottom])")
                self.assertLess(ends[1][1], 900)
                self.assertLess(ends[2][1] if width >= 768 else ends[2][0], 900)
                self.assertEqual(["shm", "unix", "tcp"], sorted(self.ask(
                    "[...document.querySelectorAll('#glance svg text.name, #glance .legend span')].map(e => e.textContent)"), key=["shm", "unix", "tcp"].index))
        self.assertIn("shm is quickest at every size from 64 B to 64 KiB", self.ask("document.getElementById('verdict-transports').textContent"))
        self.assertRegex(self.ask("document.getElementById('verdict-serializers').textContent"), "Seldom: it takes .* only with pickle over shm")

    def test_the_order_of_the_page(self):
        self.open()
        titles = self.ask("[...document.querySelectorAll('h2')].map(h => h.textContent)")
        self.assertEqual(["Serializers", "Explore"], titles[:2])
        shares = self.ask("[...document.querySelectorAll('#chart-serializers td')].map(c => +c.dataset.share)")
        self.assertEqual(6, len(shares))
        self.assertTrue(all(0 < share < 1 for share in shares), shares)

    def test_every_chart_is_drawn(self):
        self.open()
        for chart in ("transports", "explore", "crossover", "load", "percentiles", "cpu"):
            self.assertGreater(self.ask(f"document.querySelectorAll('#chart-{chart} svg .point').length"), 1, chart)
        self.assertGreater(self.ask("document.querySelectorAll('#chart-heat td, #chart-stages .bar span').length"), 20)

    def test_one_load_is_no_curve(self):
        self.open(self.made("one-load", made_up(loads=(50,))))
        self.assertTrue(self.ask("document.getElementById('chart-load').closest('section').hidden"))
        self.open(self.page)
        self.assertFalse(self.ask("document.getElementById('chart-load').closest('section').hidden"))

    # ---- the explorer ----

    def test_numbers_are_those_of_the_lines(self):
        rows = self.explored()
        self.assertEqual(9, len(rows))  # three transports, three sizes: echo, none, adaptive, cross
        for text, value, interval in rows:
            cell = next(c for c in self.cells.values() if c.text == text)
            self.assertAlmostEqual(cell.estimate("p50_ns"), value, delta=0.001 * value)
            self.assertIn("–", interval)

    def table(self, selector):
        """[{column: text}] of a table."""
        return self.ask(f"[...document.querySelectorAll('{selector} tbody tr')].map(r => Object.fromEntries([...r.cells].map(c => [c.dataset.title, c.textContent])))")

    def test_tails_and_why_each_cell_stopped(self):
        lines = [run_line(until=0.05, blocks=12)] + blocks_of([(2e6, {}), (2e6, {"arm": "aa"}), (9e6, {"transport": "unix"}), (9e6, {"transport": "tcp"})], blocks=12)
        for line in lines[1:]:
            if line["cell"]["transport"] == "unix":  # in all 12,000 latencies: 12 beyond p99.9
                line["histogram"] = [[9000000, 998], [20000000, 1], [70000000, 1]]
                line["latencies"] = 1000
        self.open(self.made("until", lines))
        shm, unix, tcp = (next(r for r in self.table("#explored") if name in r["cell"]) for name in ("shm", "unix", "tcp"))
        self.assertEqual([("–", "–"), ("20 ms", "–"), ("–", "–")], [(r["p99.9"], r["p99.99"]) for r in (shm, unix, tcp)])
        for row in (shm, unix, tcp):
            self.assertRegex(row["stopped"], "known to ±|decided: |the bound|the others of its family are known")
        every = {r["cell"]: r["blocks"] for r in self.table("#cells")}
        self.assertEqual({r["cell"]: "12" + r["stopped"] for r in (shm, unix, tcp)}, every)
        self.assertNotIn("stopped", self.page_titles())

    def page_titles(self):
        self.open()
        return self.ask("[...document.querySelectorAll('#explored th')].map(t => t.textContent)")

    def test_the_address_chooses(self):
        self.assertEqual({"echo shm none bytes:64 spin cross"}, {t for t, _, _ in self.explored(wake="spin", transport="shm", payload="bytes:64")})
        rows = self.explored(workload="openloop", serializer="any", figure="messages_per_s")
        self.assertEqual(6, len(rows))
        self.assertTrue(all("load" in text for text, _, _ in rows))
        self.assertEqual([], self.explored(transport="unix", serializer="none", payload="tree"))
        self.assertEqual(11, len(self.explored(raw="1")))
        self.open(q="pipeline shm")
        self.assertTrue(self.ask("document.getElementById('shown').textContent").startswith("1 of "))
        self.assertTrue(self.ask("document.getElementById('every').open"))

    def test_nonsense_in_the_address_does_no_harm(self):
        self.assertEqual(9, len(self.explored(figure="luck", colour="red")))
        self.open(workload="dance")
        self.assertIn("No measured cell fits", self.ask("document.getElementById('caption-explore').textContent"))

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
        self.assertNotIn("×", self.ask("""document.querySelector('tr[data-text="echo shm none bytes:65536 block cross"]').textContent"""))

    def test_lines_are_told_apart_and_join_like_with_like(self):
        """Every line of a chart has a look of its own, and goes from left to right: none joins a tree with an array of bytes."""
        for state in ({"serializer": "any"}, {"serializer": "any", "transport": "shm"}, {"wake": "any"}, {"serializer": "any", "wake": "any"}):
            with self.subTest(state=state):
                self.open(**state)
                looks = self.ask("""[...document.querySelectorAll('#chart-explore svg[role=img]')].map(svg => [...svg.querySelectorAll('.series')].map(s =>
                    s.style.color + (s.querySelector('.line') ? s.querySelector('.line').getAttribute('stroke-dasharray') : '') + s.querySelector('.point').getAttribute('d')))""")
                for chart in looks:
                    self.assertEqual(len(chart), len(set(chart)), chart)
                    self.assertLessEqual(len(chart), 12)
                paths = self.ask("[...document.querySelectorAll('#chart-explore .line')].map(l => l.getAttribute('d')).filter(d => d !== 'M1,7H29')")
                for path in paths:
                    xs = [float(x) for x in re.findall(r"[ML]([0-9.e-]+),", path)]
                    self.assertEqual(xs, sorted(set(xs)), path)

    def test_a_line_is_called_by_what_differs(self):
        self.open()
        names = "[...document.querySelectorAll('#chart-explore .legend span, #chart-explore svg text.name')].map(e => e.textContent)"
        self.assertEqual({"shm", "unix", "tcp"}, set(self.ask(names)))
        colours = {chart: self.ask(f"Object.fromEntries([...document.querySelectorAll('#chart-{chart} .legend span')].map(e => "
                                   "[e.textContent.split(' ').find(w => ['shm', 'unix', 'tcp'].includes(w)), e.querySelector('svg').style.color]))")
                   for chart in ("explore", "percentiles")}
        self.assertEqual(colours["explore"], colours["percentiles"])

    def test_numbers_in_names_are_in_their_order(self):
        lines = [run_line()] + blocks_of([(1000 * concs, {"transport": name, "workload": "fanin", "concs": concs}) for name in ("unix", "shm") for concs in (32, 2)], blocks=2)
        self.open(self.made("numbers", lines))
        drawn = self.ask("document.querySelector('#chart-explore svg').textContent")
        self.assertRegex(drawn, "shm concs 2shm concs 32unix concs 2unix concs 32")

    def test_a_run_of_special_cells_alone_is_drawn(self):
        lines = [run_line()] + blocks_of([(2000, {"counts": 1}), (9000, {"transport": "unix", "counts": 1}), (9000, {"transport": "tcp", "counts": 1})], blocks=3)
        for line in lines[1:]:
            if line["cell"]["transport"] != "tcp":  # which could not be counted
                line.update(instructions_per_message=12345.5 + 120 * (line["block"] % 2), caller_instructions_per_message=6100.0, system_calls_per_message=6.25, system_call_bytes_per_message=505.0, page_faults_per_message=0.0)
        self.open(self.made("counts", lines), figure="instructions_per_message")
        values = self.ask("[...document.querySelectorAll('#explored tbody tr')].map(r => +r.cells[2].dataset.v).filter(v => v)")
        self.assertEqual(2, len(values), values)
        self.assertTrue(all(12340 < value < 12470 for value in values), values)
        drawn = self.ask("document.querySelector('#chart-explore svg').textContent")
        self.assertIn("unix", drawn)
        self.assertNotIn("counts 1", drawn)  # which is the same for all
        study = load.load([os.path.join(self.folder.name, "counts.jsonl")])
        told = text.counts_table(grouping.group(study))
        self.assertEqual(4, len(told))
        self.assertRegex(told[1], r"counts +12[34]\d\d +1\.0 % +6100 +6\.[23] +505 +0\.00 ")
        self.assertRegex(told[3], r"tcp .* not counted")

    def test_exact_counts_have_a_table(self):
        self.open()
        self.assertEqual(0, self.ask("document.querySelectorAll('#exact, #counts').length"))
        lines = [run_line()] + blocks_of([(9000 if name == "unix" else 2000, {"transport": name, "counts": 1}) for name in ("unix", "shm", "tcp")], blocks=3)
        for line in lines[1:]:
            fewest = line["cell"]["transport"] == "shm"
            if line["cell"]["transport"] != "tcp":
                line.update(instructions_per_message=8000.0 if fewest else 9100.0, caller_instructions_per_message=4500.0, system_calls_per_message=6.5, system_call_bytes_per_message=50505.0, page_faults_per_message=0.0)
        self.open(self.made("exact", lines))
        self.assertEqual([("echo shm none bytes:64 adaptive cross counts", "8,000", "4,500", "6.5", "50,505", "0.00", "0.0 %"),
                          ("echo unix none bytes:64 adaptive cross counts", "9,100", "4,500", "6.5", "50,505", "0.00", "0.0 %")],
                         [tuple(row.values())[:7] for row in self.table("#counts")])
        self.assertEqual(["8,000"], self.ask("[...document.querySelectorAll('#counts strong')].map(e => e.textContent)"))
        self.assertIn("Not counted", self.ask("document.querySelector('#exact').parentElement.textContent"))
        self.assertIn("echo tcp", self.ask("document.querySelector('#exact').parentElement.textContent"))

    def test_no_line_is_dropped(self):
        rows = self.explored(serializer="any", wake="any")
        drawn = self.ask("[document.querySelectorAll('#chart-explore .series').length, document.querySelectorAll('#chart-explore .series .point').length, "
                         "document.getElementById('caption-explore').textContent]")
        self.assertGreater(drawn[0], 24)
        self.assertEqual(len(rows), drawn[1])
        self.assertIn(f"{len(rows)} cells, {drawn[0]} lines in ", drawn[2])

    # ---- the table of every cell ----

    def test_duplicates_of_chance_are_no_cells(self):
        self.open()
        texts = self.ask("[...document.querySelectorAll('#cells tbody tr')].map(r => r.cells[0].textContent)")
        self.assertEqual(len(texts), len(set(texts)))
        self.assertIn("echo shm none bytes:64 adaptive cross", texts)

    def test_why_a_cell_is_flagged_is_text(self):
        self.open()
        flagged = self.ask("""document.querySelector('tr[data-text="echo tcp none bytes:64 spin cross"] .noise').textContent""")
        self.assertIn("modes", flagged)
        self.assertIn("sleeps per message split into two modes", self.ask("document.querySelector('#noise').nextElementSibling.parentElement.textContent"))
        self.assertEqual(0, self.ask("document.querySelectorAll('[tabindex]').length"))

    def test_nothing_is_cut_at_any_width(self):
        for width in WIDTHS:
            for media in ("screen", "print") if width == 768 else ("screen",):
                with self.subTest(width=width, media=media):
                    self.open(width=width, media=media, serializer="any", wake="any")
                    self.ask("document.querySelectorAll('details').forEach(d => { d.open = true; })")
                    over = self.ask("""[...document.querySelectorAll('main *')].filter(e => e.getClientRects().length && !e.closest('#chart-stages')
                        && e.getBoundingClientRect().right > innerWidth + 1).map(e => e.outerHTML.slice(0, 120)).slice(0, 5)""")
                    self.assertEqual([], over)
                    self.assertLessEqual(self.ask("document.documentElement.scrollWidth"), width)
                    hidden = self.ask("""[...document.querySelectorAll('#cells tbody tr:first-child td')].filter(e => e.textContent && !e.getClientRects().length).length""")
                    self.assertEqual(0, hidden)

    def test_print_is_dark_on_white(self):
        self.open(media="print", dark=True, width=768)
        self.assertEqual(["rgb(255, 255, 255)", "none"], self.ask("[getComputedStyle(document.body).backgroundColor, getComputedStyle(document.querySelector('.controls')).display]"))

    # ---- without a pointer ----

    def test_keyboard(self):
        self.open()
        stops = []
        for _ in range(60):
            self.browser.press("Tab", 9)
            at = self.ask("(e => e === document.body ? '' : e.tagName + ' ' + (e.name || e.id || e.textContent.slice(0, 30)) + ' ' + getComputedStyle(e).outlineStyle)(document.activeElement)")
            if not at or at in stops:
                break
            stops.append(at)
        self.assertLess(len(stops), 40, stops)  # with the table closed
        self.assertTrue(stops[0].startswith("A Skip"), stops)
        self.assertEqual([], [stop for stop in stops if stop.endswith("none")])
        self.assertIn("SELECT transport", " ".join(stops))

    def test_sorting_by_keyboard_shows_the_way(self):
        self.open(q="echo")
        self.ask("document.querySelectorAll('#cells th button')[1].focus()")
        for way, mark in (("ascending", "▲"), ("descending", "▼")):
            self.browser.press("Enter", 13)
            self.assertEqual(way, self.ask("document.querySelectorAll('#cells th')[1].getAttribute('aria-sort')"))
            self.assertIn(mark, self.ask("getComputedStyle(document.querySelectorAll('#cells th button')[1], '::after').content"))
            shown = self.ask("[...document.querySelectorAll('#cells tbody tr')].map(r => r.cells[1].dataset.v).filter(v => v).map(Number)")
            self.assertEqual(sorted(shown, reverse=way == "descending"), shown)

    # ---- files ----

    def test_a_page_of_nothing_but_failures(self):
        self.open(self.made("f", [run_line(), trial(0, 0, 1, ok=False)]))
        self.assertIn("Not measured in this run", self.ask("document.getElementById('verdict-transports').textContent"))
        self.assertIn("No measured cell fits", self.ask("document.getElementById('caption-explore').textContent"))
        self.assertIn("SIGKILL", self.ask("document.body.textContent"))

    def test_what_a_payload_is_called_is_no_markup(self):
        self.open()
        self.assertEqual(0, self.ask("document.querySelectorAll('main b').length - document.querySelectorAll('.verdict b, #chart-serializers b').length"))


def luminance(colour):
    channels = [int(colour[i:i + 2], 16) / 255 for i in (1, 3, 5)] if len(colour) == 7 else [int(c * 2, 16) / 255 for c in colour[1:]]
    return sum(weight * (c / 12.92 if c <= 0.03928 else ((c + 0.055) / 1.055) ** 2.4) for weight, c in zip((0.2126, 0.7152, 0.0722), channels))


def contrast(a, b):
    high, low = sorted((luminance(a), luminance(b)), reverse=True)
    return (high + 0.05) / (low + 0.05)


class Style(unittest.TestCase):
    def test_contrast(self):
        """Text 4.5 at least, lines and marks 3, in light, dark and print (WCAG 2.1 AA)."""
        themes = [dict(re.findall(r"--(\w+):(#[0-9a-f]{3,6})", block)) for block in re.findall(r":root\{(.*?)\}", pages.part("style.css"), re.S)]
        self.assertEqual(3, len(themes))
        for theme in themes:
            for name in ("fg", "dim", "mark", "warn", "good", "bad", *(f"c{i}" for i in range(1, 10))):
                for behind in ("bg", "card"):
                    least = 3 if name.startswith("c") else 4.5
                    self.assertGreaterEqual(contrast(theme[name], theme[behind]), least, (name, theme[name], behind, theme[behind]))
            self.assertGreaterEqual(contrast(theme["fg"], theme["encode"]), 4.5)


if __name__ == "__main__":
    unittest.main()
