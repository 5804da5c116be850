"""Report, compare and recommend, on results made here. Run by meson with CORPS_REPORT (the folder of the programs)."""
import base64
import collections
import gzip
import json
import os
import re
import subprocess
import sys
import tempfile
import unittest

import numpy as np

FOLDER = os.environ.get("CORPS_REPORT") or os.path.join(os.path.dirname(__file__), "..", "..", "experiments", "report")
sys.path.insert(0, FOLDER)
import answers  # noqa: E402
import cells as grouping  # noqa: E402
import crossover  # noqa: E402
import export  # noqa: E402
import limits as limiting  # noqa: E402
import load  # noqa: E402
import packing  # noqa: E402
import stats  # noqa: E402
import studies  # noqa: E402
import text  # noqa: E402
import verdict  # noqa: E402
from simulated import run_program  # noqa: E402


def run_line(run="r1", machine="m1"):
    return {"kind": "run", "run": run, "schema": 1, "matrix": "test", "seed": 1, "fingerprint": {"machine": machine}}


def trial(block, order, p50, run="r1", ok=True, **axes):
    cell = {"workload": "echo", "transport": "shm", "serializer": "none", "payload": "bytes:64", "size_bytes": 64,
            "wake": "adaptive", "placement": "cross", "lang": "c", "window": 1, "envs": 2, "concs": 1, "gap_us": 0, "arm": ""}
    cell.update(axes)
    figures = {"p50_ns": p50, "p99_ns": 3 * p50, "max_ns": 9 * p50, "messages": 100, "seconds": 100 * p50 / 1e9,
               "messages_per_s": 1e9 / p50, "bytes_per_s": 64e9 / p50, "cpu_ns_per_message": 2 * p50}
    if not ok:
        figures = dict.fromkeys(figures)
    return {"kind": "trial", "run": run, "family": "f", "block": block, "order": order, "cell": cell, "ok": ok,
            "error": None if ok else "killed by signal 9 (SIGKILL)", "histogram": None, "stages_ns": None, "flags": [], **figures}


def simulated(effects, blocks=20, noise=0.03, seed=1, machine="m1", run="r1"):
    """effects: transport → p50. Each block has a shift of its own, each trial a noise."""
    random = np.random.default_rng(seed)
    lines = [run_line(run, machine)]
    for block in range(blocks):
        shift = np.exp(random.normal(0, 0.1))
        for order, (transport, p50) in enumerate(effects.items()):
            lines.append(trial(block, order, p50 * shift * np.exp(random.normal(0, noise)), run=run, transport=transport))
    return lines


class Tails(unittest.TestCase):
    """p99.9 and p99.99 of a cell's latencies together: where ten are beyond, and none is the mean of a group."""

    @staticmethod
    def cell(histograms, latencies=None, workload="echo"):
        cell = grouping.Cell(trial(0, 0, 1000, workload=workload)["cell"])
        cell.trials = [dict(trial(b, 0, 1000), histogram=h, **({} if latencies is None else {"latencies": latencies}))
                       for b, h in enumerate(histograms)]
        return cell

    def test_over_all_trials_together(self):
        halves = self.cell([[[1000, 4990], [2000, 10]], [[1000, 4985], [3000, 10], [4000, 5]]])
        self.assertEqual((3000, None), (halves.tail(1000), halves.tail(10000)))  # 25 are slower, and 10 beyond
        self.assertEqual(4000, self.cell([[[1000, 99000], [4000, 989], [5000, 11]]]).tail(1000))
        self.assertEqual(5000, self.cell([[[1000, 99000], [4000, 989], [5000, 11]]]).tail(10000))

    def test_too_few(self):
        self.assertIsNone(self.cell([[[1000, 9999]]]).tail(1000))
        self.assertIsNone(self.cell([None]).tail(1000))

    def test_means_of_groups_have_no_tail(self):
        histogram = [[1000, 9900], [2000, 100]]
        self.assertIsNone(self.cell([histogram], latencies=156).tail(1000))
        self.assertEqual(2000, self.cell([histogram], latencies=10000).tail(1000))
        self.assertIsNone(self.cell([histogram], workload="oneway").tail(1000))  # a file from before trials told

    def test_the_text_shows_them(self):
        results = load.Results()
        results.runs = [run_line()]
        results.trials = [dict(trial(0, 0, 1000), histogram=[[1000, 9900], [7000, 100]]), trial(0, 1, 1000, transport="unix")]
        rows = text.tails_table(grouping.group(results))
        self.assertEqual(2, len(rows), rows)
        self.assertIn("7 µs", rows[1])
        self.assertEqual([], text.tails_table(grouping.group(load.Results())))


class Counts(unittest.TestCase):
    """What counts=1 counts, in the exports; test_page.py has the page's table and the text's."""

    def test_exports(self):
        results = load.Results()
        results.runs = [run_line()]
        counted = {"instructions_per_message": 9000.5, "caller_instructions_per_message": 5000.0, "system_calls_per_message": 7.0, "system_call_bytes_per_message": 481.0, "page_faults_per_message": 0.0}
        results.trials = [dict(trial(0, 0, 1000, counts=1), **counted), trial(0, 1, 1000, transport="unix", counts=1)]
        found = [(results, grouping.group(results))]
        rows = export.rows_of(found)
        self.assertEqual([counted, dict.fromkeys(counted)], [{name: row[name] for name in counted} for row in rows])
        lines = export.as_markdown(rows, found).splitlines()
        self.assertIn("instructions | by the caller | system calls | bytes through them | page faults |", lines[0])
        self.assertIn("| 9,000 | 5,000 | 7.0 | 481 | 0.00 |", lines[2])
        self.assertTrue(lines[3].endswith("|  |  |  |  |  |"), lines[3])
        self.assertIn("2 trials in 1 block, 0 failed", text.header(results))


class Rows(unittest.TestCase):
    def test_cells_that_differ_in_another_key_are_told_apart(self):
        results = load.Results()
        results.runs = [run_line()]
        results.trials = [trial(0, n, 1000 + n, workload="fanin", concs=concs) for n, concs in enumerate((1, 2, 32))]
        rows = text.latency_table(grouping.group(results), "fanin")[2:]
        self.assertEqual([[], ["concs 2"], ["concs 32"]], [re.findall(r"concs \d+$", row) for row in rows])


class Crossing(unittest.TestCase):
    """Where Python calls Python, bytes by auto stand for what is not serialized."""

    def test_of_each_language(self):
        lines = []
        for block in range(6):
            for lang, bare, p50 in (("c", "none", 1000), ("python", "auto", 50000)):
                for size in (64, 4096):
                    lines.append(trial(block, 0, p50, lang=lang, serializer=bare, payload=f"bytes:{size}", size_bytes=size))
                    lines.append(trial(block, 0, p50 * (1.5 if size == 64 else 4), lang=lang, serializer="auto", payload=f"records:{size}",
                                       size_bytes=size))
        results = load.Results()
        results.runs, results.trials = [run_line()], lines
        found = {f.lang: f for f in crossover.crossings(grouping.group(results))}
        self.assertEqual(["c", "python"], sorted(found))
        for crossing in found.values():
            self.assertEqual("within", crossing.side)
            self.assertEqual([33, 75], [round(share * 100) for share in crossing.shares])
        told = answers.dominance_answers(grouping.group(results))
        self.assertEqual(2, len(told), told)
        self.assertIn("lang python", told[1])


class Limits(unittest.TestCase):
    """Each mark, on blocks whose outcome is known."""

    def marks(self, p50_by_block, rows, failed=()):
        cells = [trial(b, i, p, transport=name, ok=name not in failed)
                 for b, block in enumerate(p50_by_block) for i, (name, p) in enumerate(block.items())]
        results = load.Results()
        results.runs, results.trials = [dict(run_line(), limits=rows)], cells
        return limiting.limits(results, grouping.group(results))

    @staticmethod
    def row(text, transport, figure="p50_ns", against=(), **bound):
        made = {"row": text, "figure": figure, "cell": trial(0, 0, 1, transport=transport)["cell"], **bound}
        if against:
            made["against"] = [trial(0, 0, 1, transport=name)["cell"] for name in against]
        return made

    def test_marks(self):
        blocks = [{"shm": 100 + b, "unix": 210 + 2 * b, "tcp": 300 if b % 2 else 420} for b in range(8)]
        rows = [self.row("ratio", "unix", against=["shm"], at_most=2.2), self.row("ratio too high", "unix", against=["shm"], at_most=2),
                self.row("best of two", "unix", against=["tcp", "shm"], at_most=2.2), self.row("absolute", "shm", at_most=110),
                self.row("scattered", "tcp", at_most=400), self.row("rate", "shm", figure="messages_per_s", at_least=9e6),
                self.row("rate too low", "shm", figure="messages_per_s", at_least=11e6), self.row("unknown", "pipe", at_most=1)]
        found = self.marks(blocks, rows)
        self.assertEqual([limiting.MET, limiting.MISSED, limiting.MET, limiting.MET, limiting.UNCERTAIN, limiting.MET, limiting.MISSED,
                          limiting.UNMEASURED], [r.mark for r in found])
        self.assertIn("no trial of echo pipe", found[-1].reason)
        self.assertAlmostEqual(2.1, found[0].reached.estimate, delta=0.01)

    def test_few_blocks_are_never_certain(self):
        found = self.marks([{"shm": 100}] * 3, [self.row("few", "shm", at_most=200)])
        self.assertEqual(limiting.UNCERTAIN, found[0].mark)

    def test_a_failed_cell_is_not_measured(self):
        found = self.marks([{"shm": 100, "unix": 200}] * 8, [self.row("failed", "unix", at_most=1000)], failed=("unix",))
        self.assertEqual(limiting.UNMEASURED, found[0].mark)
        self.assertIn("SIGKILL", found[0].reason)

    def test_text_and_page(self):
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "l.jsonl")
            lines = simulated({"shm": 100, "unix": 200}, blocks=8)
            lines[0]["limits"] = [self.row("two < three", "unix", against=["shm"], at_most=3)]
            with open(path, "w") as file:
                file.write("\n".join(map(json.dumps, lines)) + "\n")
            done = subprocess.run([sys.executable, os.path.join(FOLDER, "report.py"), path], capture_output=True, text=True, timeout=300)
            self.assertEqual(0, done.returncode, done.stderr)
            self.assertIn("Limits: 1 met", done.stdout)
            with open(os.path.join(folder, "l.html"), encoding="utf-8") as file:
                self.assertIn("two &lt; three", file.read())


class Files(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)

    def write(self, lines, name="results.jsonl", end="\n"):
        path = os.path.join(self.folder.name, name)
        with open(path, "w") as file:
            file.write("\n".join(l if isinstance(l, str) else json.dumps(l) for l in lines) + end)
        return path

    def program(self, name, *args):
        return run_program(os.path.join(FOLDER, name + ".py"), *args)


class Statistics(unittest.TestCase):
    def test_signed_rank_quantiles_are_those_of_the_tables(self):
        # Largest k with P(W ≤ k) ≤ 0.025: n = 6 → 0, 8 → 3, 10 → 8, 20 → 52 (published tables of the signed-rank test).
        self.assertEqual([stats.signed_rank_quantile(n, 0.025) for n in (5, 6, 8, 10, 20)], [-1, 0, 3, 8, 52])

    def test_estimate_and_interval_of_a_small_sample(self):
        d = np.array([0.1, 0.2, 0.3, 0.4, 0.5, 0.6])
        r = stats.ratio(np.exp(d), np.ones(6))
        self.assertAlmostEqual(np.log(r.estimate), 0.35)  # symmetric: the middle
        self.assertAlmostEqual(np.log(r.low), 0.1)        # n = 6: the interval reaches from end to end
        self.assertAlmostEqual(np.log(r.high), 0.6)

    def test_no_interval_from_five_blocks(self):
        self.assertFalse(stats.ratio([2.0] * 5, [1.0] * 5).has_interval)

    def test_identical_arms_are_rarely_called_different(self):
        random = np.random.default_rng(7)
        wrong = sum(stats.ratio(np.exp(random.normal(0, 0.05, 20)), np.exp(random.normal(0, 0.05, 20))).excludes_one()
                    for _ in range(1000))
        self.assertLessEqual(wrong, 60)  # 5 % of 1000, and what chance allows on top

    def test_ten_percent_are_found_in_twenty_blocks(self):
        random = np.random.default_rng(8)
        found = sum(stats.ratio(1.1 * np.exp(random.normal(0, 0.05, 20)), np.exp(random.normal(0, 0.05, 20))).excludes_one()
                    for _ in range(400))
        self.assertGreaterEqual(found, 360)

    def test_holm(self):
        np.testing.assert_allclose(stats.holm([0.01, 0.04, 0.03]), [0.03, 0.06, 0.06])

    def test_winner_and_tie(self):
        values = {"a": {b: 10.0 for b in range(8)}, "b": {b: 10.2 for b in range(8)}, "c": {b: 20.0 for b in range(8)}}
        self.assertEqual(stats.winners(values), ("a", ["b"]))


class Loading(Files):
    def test_cut_last_line_is_a_warning(self):
        path = self.write([run_line(), trial(0, 0, 100)] + ['{"kind":"tri'], end="")
        results = load.load([path])
        self.assertEqual(len(results.trials), 1)
        self.assertIn("cut short", results.warnings[0])

    def test_doubled_and_foreign_lines_are_named(self):
        for lines, words in (([run_line(), trial(0, 0, 1), trial(0, 0, 1)], ":3: the same trial"), ([run_line(), "[1]"], ":2:"),
                             (["hello"], ":1: not JSON"), ([dict(run_line(), schema=9), trial(0, 0, 1)], "schema 9"),
                             ([run_line()], "no trial")):
            with self.assertRaises(load.BadResults) as caught:
                load.load([self.write(lines)])
            self.assertIn(words, str(caught.exception))

    def test_missing_file(self):
        done = self.program("report", os.path.join(self.folder.name, "nothing.jsonl"))
        self.assertEqual(done.returncode, 1)
        self.assertIn("cannot read", done.stderr)
        self.assertEqual(len(done.stderr.strip().split("\n")), 1)


class Report(Files):
    def test_text_and_page_hold_the_figures(self):
        lines = simulated({"shm": 2000, "unix": 9000, "tcp": 12000}, blocks=8)
        lines += [trial(b, 9, 4000, transport="raw:pipe", wake="block") for b in range(8)]
        lines += [trial(3, 10, 1, ok=False, transport="mqueue")]
        path = self.write(lines)
        page = os.path.join(self.folder.name, "page.html")
        done = self.program("report", path, "--html", page)
        self.assertEqual(done.returncode, 0, done.stderr)
        cells = grouping.group(load.load([path]))
        shm = grouping.find(cells, transport="shm")[0]
        self.assertIn("shm: ", done.stdout)
        self.assertIn(f"{shm.estimate('p50_ns') / 1e3:.3g} µs", done.stdout)
        self.assertIn("SIGKILL", done.stdout)
        html = open(page, encoding="utf-8").read()
        self.assertIn(f'data-v="{shm.estimate("p50_ns")}"', html)
        self.assertNotRegex(html, r'<(script|link|img)[^>]+(src|href)="https?:')
        raw = re.search(r'id="raw">([^<]+)<', html).group(1)
        self.assertEqual(len(gzip.decompress(base64.b64decode(raw)).decode().strip().split("\n")), len(lines))

    def test_controls_are_of_the_same_kind(self):
        """What is divided agrees in size, placement, way of waiting, block and family; otherwise there is no figure."""
        cells = [(2000, {"wake": "block"}), (40000, {"wake": "block", "payload": "bytes:65536", "size_bytes": 65536}), (500, {}), (9e8, {"wake": "block", "payload": "bytes:1048576", "size_bytes": 1 << 20}),
                 (5000, {"wake": "block", "payload": "record", "size_bytes": 64}), (7000, {"wake": "block", "gap_us": 100}), (6000, {"wake": "block", "placement": "unpinned"}),
                 (3000, {"wake": "block", "transport": "tcp"}), (8000, {"workload": "pipeline", "window": 16})]
        controls = [(1000, {"transport": "raw:futex", "wake": "block"}),
                    (20000, {"transport": "raw:futex", "wake": "block", "payload": "bytes:65536", "size_bytes": 65536}),
                    (1500, {"transport": "raw:pipe", "wake": "block"})]
        trials = [{**trial(b, i, p50, **axes), "family": "f"} for b in range(8) for i, (p50, axes) in enumerate(cells + controls)]
        path = self.write([run_line()] + trials)
        found = grouping.group(load.load([path]))
        ratio = {c.text: c.to_control and round(c.to_control.estimate, 2) for c in found.values() if c.is_ours}
        self.assertEqual({2.0: 2, None: len(cells) - 2}, dict(collections.Counter(ratio.values())), ratio)
        self.assertEqual(2.0, ratio["echo shm none bytes:65536 block cross"])
        done = self.program("report", path, "--html", os.path.join(self.folder.name, "page.html"))
        self.assertEqual(0, done.returncode, done.stderr)
        for line in done.stdout.splitlines():
            if "bytes:1048576" in line:
                self.assertNotIn("×", line)
        other = [{**t, "family": "g"} if t["cell"]["transport"].startswith("raw:") else t for t in trials]
        self.assertEqual({None}, {c.to_control for c in grouping.group(load.load([self.write([run_line()] + other)])).values()})

    def test_a_kill_is_compared_with_a_start(self):
        lines = [run_line()]
        for block in range(8):
            for order, (p50, axes) in enumerate(((6000, {}), (30000, {"lang": "python"}), (9000, {"placement": "same"}),
                                                 (2000, {"transport": "raw:process", "wake": "block"}),
                                                 (20000, {"transport": "raw:python", "wake": "block", "lang": "python"}))):
                lines.append({**trial(block, order, p50, workload="heal", **axes), "cpu_ns_per_message": None})
            lines.append(trial(block, 9, 100, transport="raw:pipe", wake="block"))
        path = self.write(lines)
        cells = {(c.lang, c.axes["placement"]): c for c in grouping.find(grouping.group(load.load([path]))) if c.is_ours}
        self.assertEqual(("raw:process", 3.0), (cells["c", "cross"].control, round(cells["c", "cross"].to_control.estimate, 2)))
        self.assertEqual(("raw:python", 1.5), (cells["python", "cross"].control, round(cells["python", "cross"].to_control.estimate, 2)))
        self.assertIsNone(cells["c", "same"].control)
        done = self.program("report", path, "--html", os.path.join(self.folder.name, "page.html"))
        self.assertEqual(0, done.returncode, done.stderr)
        self.assertIn("bare start of a process", done.stdout)

    def test_languages_are_told_apart(self):
        lines = [run_line()]
        for block in range(8):
            for order, (lang, p50) in enumerate((("c", 5000), ("python", 20000), ("c-python", 9000))):
                lines.append(trial(block, order, p50 + block, lang=lang, serializer="msgpack"))
            lines.append(trial(block, 3, 60000, transport="raw:mp-pipe", wake="block", lang="python"))
            lines.append(trial(block, 4, 30000, transport="raw:futex", wake="block"))
            lines.append(trial(block, 5, 2500, transport="raw:cacheline", wake="spin"))
        path = self.write(lines)
        cells = {c.lang: c for c in grouping.find(grouping.group(load.load([path]))) if not c.is_raw}
        self.assertEqual(["raw:cacheline", "raw:mp-pipe", "raw:mp-pipe"], [cells[lang].control for lang in ("c", "python", "c-python")])
        self.assertAlmostEqual(cells["python"].to_control.estimate, 1 / 3, places=2)
        self.assertNotIn("lang", cells["c"].text)
        self.assertIn("lang python", cells["python"].text)
        done = self.program("report", path, "--html", os.path.join(self.folder.name, "page.html"))
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("lang c 5 µs, c-python 9 µs, python 20 µs", " ".join(done.stdout.split()))
        done = self.program("recommend", path, "--payload", "bytes:64", "--lang", "python")
        self.assertIn("create_Corps", done.stdout)

    def test_failed_trials_are_no_figures(self):
        path = self.write([run_line(), trial(0, 0, 1, ok=False)])
        done = self.program("report", path, "--no-html")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("1 failed", done.stdout)
        self.assertNotIn("0 ns", done.stdout)


class Studies(Files):
    """Runs of different matrices, revisions or machines stand beside each other; only sessions of one are taken together."""

    def runs(self, **second):
        slow = {t: p for t, p in (("shm", 8000), ("unix", 9000))}
        one = [run_line("r1")] + [{**t, "run": "r1"} for t in simulated({"shm": 2000, "unix": 9000}, blocks=8)[1:]]
        two = [{**run_line("r2"), **second}] + [{**t, "run": "r2"} for t in simulated(slow, blocks=8, seed=2)[1:]]
        return self.write(one, "a.jsonl"), self.write(two, "b.jsonl")

    def test_only_sessions_are_merged(self):
        for second, count in (({}, 1), ({"matrix": "other"}, 2), ({"plan": "1" * 16}, 2),
                              ({"fingerprint": {"machine": "m2"}}, 2),
                              ({"fingerprint": {"machine": "m1", "git": {"revision": "def", "dirty": False}}}, 2)):
            with self.subTest(second=second):
                found = studies.split(load.load(self.runs(**second)))
                self.assertEqual(count, len(found))
                self.assertEqual(32, sum(len(s.trials) for s in found))

    def test_each_has_its_figures_and_its_page(self):
        files = self.runs(matrix="other")
        done = self.program("report", *files)
        self.assertEqual(0, done.returncode, done.stderr)
        for path in files:
            shm = grouping.find(grouping.group(load.load([path])), transport="shm")[0]
            self.assertIn(f"{shm.estimate('p50_ns') / 1e3:.3g} µs", done.stdout)
            with open(path.replace(".jsonl", ".html"), encoding="utf-8") as file:
                self.assertIn(f'data-v="{shm.estimate("p50_ns")}"', file.read())
        done = self.program("report", *files, "--answer", "transport")
        self.assertIn("other on m1:", done.stdout)
        done = self.program("recommend", *files)
        self.assertIn("compared within one: ", done.stdout)
        self.assertIn("winner: echo shm none bytes:64 adaptive cross", done.stdout)


class Verdicts(unittest.TestCase):
    """The two sentences that a page begins with."""

    def said(self, effects):
        """effects: [(p50, axes)] of every block, with a little noise."""
        random = np.random.default_rng(5)
        results = load.Results()
        results.runs = [run_line()]
        results.trials = [trial(b, i, p50 * float(np.exp(random.normal(0, 0.01))), **axes) for b in range(10) for i, (p50, axes) in enumerate(effects)]
        return verdict.of(grouping.group(results))

    def bare(self, **p50):
        return [(base + size / 100, {"transport": name, "payload": f"bytes:{size}", "size_bytes": size}) for name, base in p50.items() for size in (64, 65536)]

    def records(self, serializer, transport, p50, count=1):
        return p50, {"transport": transport, "serializer": serializer, "payload": f"records:{count}", "size_bytes": 300 * count}

    def test_a_winner_and_the_network(self):
        transports, serializers = self.said(self.bare(shm=1000, tcp=8000))
        self.assertTrue(transports.sentence.startswith("**shm** is quickest at every size from 64 B to 64 KiB; localhost TCP takes "), transports.sentence)
        self.assertIn("Not measured in this run", serializers.sentence)
        self.assertIsNone(serializers.data)

    def test_ties_are_named_and_shaded(self):
        transports, _ = self.said(self.bare(shm=1000, unix=1010, tcp=8000))
        self.assertIn("**shm and unix** are not clearly apart", transports.sentence)
        self.assertEqual([["shm", "unix"]] * 2, [tie["names"] for tie in transports.data["ties"]])

    def test_nobody_wins_by_less_than_identical_arms_differ(self):
        effects = self.bare(shm=1000, unix=1150)
        self.assertIn("**shm** is quickest", self.said(effects)[0].sentence)
        transports, _ = self.said(effects + [(1250, {"transport": "shm", "arm": "aa"})])
        self.assertIn("**shm and unix** are not clearly apart", transports.sentence)
        self.assertIn("cannot be resolved", transports.data["resolution"])

    def test_one_transport_answers_nothing(self):
        transports, _ = self.said(self.bare(shm=1000))
        self.assertIn("Not measured in this run", transports.sentence)
        self.assertIsNone(transports.data)

    def test_one_record_suffices_for_the_share(self):
        """As the quick matrix has it: one payload, every serializer, bytes beside it."""
        bare = self.bare(shm=1000, tcp=8000)
        for costs, words in (((9000, 90000), "**Yes**: it takes "), ((100, 200), "**No**: it takes "), ((100, 90000), "all but msgpack over shm and tcp"),
                             ((100, 3000), "**Mostly yes**|**Seldom**")):
            pairs = [self.records(name, transport, base + cost) for name, cost in zip(("msgpack", "pickle"), costs) for transport, base in (("shm", 1000), ("tcp", 8000))]
            with self.subTest(costs=costs):
                _, serializers = self.said(bare + pairs)
                self.assertTrue(any(word in serializers.sentence for word in words.split("|")), serializers.sentence)
                self.assertIn("Over shm **msgpack** is quickest", serializers.sentence) if costs[1] > 1000 else None
        share = next(row["share"] for row in serializers.data["rows"] if (row["transport"], row["serializer"]) == ("shm", "pickle"))
        self.assertAlmostEqual(0.72, share[0], delta=0.02)
        self.assertTrue(share[1] < share[0] < share[2])

    def test_the_largest_payload_is_told_besides(self):
        pairs = [self.records(name, "shm", 1000 + cost * count, count) for name, cost in (("msgpack", 100), ("pickle", 500)) for count in (1, 1000)]
        _, serializers = self.said(self.bare(shm=1000, tcp=8000) + pairs)
        self.assertRegex(serializers.sentence, r"; for records:1000 9\d to (9\d|100) %")


class Packing(unittest.TestCase):
    def test_lines_fit_into_a_page_and_it_is_said_how(self):
        random = np.random.default_rng(1)
        results = load.Results()
        results.runs = [run_line()]
        for count, said in ((1, "as they were measured"), (160, "buckets of 1/")):
            results.trials = [dict(trial(b, 0, 1000), histogram=[[int(low), int(n)] for low, n in zip(np.cumsum(random.integers(1, 50, 3000)) + 10**6, random.integers(1, 999, 3000))])
                              for b in range(count)]
            how, data = packing.lines(results)
            self.assertIn(said, how)
            self.assertLessEqual(len(data), packing.RAW_BYTES_MAX * 4 / 3 + 4)
            found = [json.loads(line) for line in gzip.decompress(base64.b64decode(data)).decode().splitlines()]
            self.assertEqual(count + 1, len(found))
            self.assertEqual(sum(n for _, n in results.trials[0]["histogram"]), sum(n for _, n in found[1]["histogram"]))


class Compare(Files):
    def verdict(self, a, b):
        done = self.program("compare", self.write(a, "a.jsonl"), self.write(b, "b.jsonl"))
        return done.returncode, done.stdout + done.stderr

    def test_same_is_0_and_a_tenth_slower_is_1(self):
        base = {"shm": 2000, "unix": 9000}
        self.assertEqual(self.verdict(simulated(base, seed=1), simulated(base, seed=1))[0], 0)
        # Two runs share their blocks' shifts here, as two arms of one interleaved run do.
        status, text = self.verdict(simulated(base, seed=3), simulated({"shm": 2000, "unix": 9900}, seed=3))
        self.assertEqual(status, 1, text)
        self.assertIn("SLOWER", text)
        self.assertEqual(self.verdict(simulated(base, seed=4), simulated({"shm": 2000, "unix": 9180}, seed=4))[0], 0)

    def test_inconclusive_is_3_and_wrong_usage_2(self):
        base = {"shm": 2000}
        for other in (simulated(base, machine="m2"), simulated({"unix": 1})):
            status, text = self.verdict(simulated(base), other)
            self.assertEqual(status, 3, text)
            self.assertTrue(text.splitlines()[-1].startswith("inconclusive"), text)
        self.assertEqual(self.verdict(simulated(base, blocks=4), simulated(base, blocks=4))[0], 3)
        status, text = self.verdict(simulated({"shm": 1, "unix": 2}), simulated({"shm": 1}))
        self.assertEqual(status, 3)
        self.assertIn("only one side", text)
        self.assertEqual(self.program("compare", self.write(simulated(base)), os.path.join(self.folder.name, "nowhere.jsonl")).returncode, 2)
        self.assertEqual(self.program("compare", "a", "b", "--blocks", "none").returncode, 2)


class Recommend(Files):
    def test_winner_and_configuration(self):
        path = self.write(simulated({"shm": 2000, "unix": 9000, "queue": 100}))
        done = self.program("recommend", path)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("winner: echo shm", done.stdout)
        self.assertIn("CORPS_TRANSPORT=shm", done.stdout)
        lines = done.stdout.splitlines()
        self.assertTrue(lines[-1].startswith("  struct corps_options"), "the answer and how to choose it stand last")

    def test_python_is_not_answered_for_by_c(self):
        path = self.write(simulated({"shm": 2000, "unix": 9000}))
        done = self.program("recommend", path, "--lang", "python")
        self.assertEqual((done.returncode, done.stdout), (1, ""))
        self.assertIn("no run with lang python", done.stderr)
        self.assertIn("corps-lab run python.yaml", done.stderr)

    def test_msgpack_is_not_named_where_python_values_would_change(self):
        def spoken(serializers, payload):
            return [run_line()] + [trial(block, number, p50, serializer=name, payload=payload, lang="python")
                                   for block in range(8) for number, (name, p50) in enumerate(serializers.items())]
        both = {"msgpack": 1000, "auto": 2000}
        done = self.program("recommend", self.write(spoken(both, "record")), "--payload", "record", "--lang", "python")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("CORPS_SERIALIZER=auto", done.stdout)
        self.assertIn("tuples arrive as lists", done.stdout)
        for arguments, payload in ((("--payload", "record", "--serializer", "msgpack"), "record"), (("--payload", "bytes:64"), "bytes:64")):
            done = self.program("recommend", self.write(spoken(both, payload)), "--lang", "python", *arguments)
            self.assertIn("CORPS_SERIALIZER=msgpack", done.stdout, done.stderr)
            self.assertIn("tuples arrive as lists", done.stdout)

    def test_tie_and_nothing_measured(self):
        path = self.write(simulated({"unix": 9000, "pipe": 9010}))
        self.assertIn("not clearly behind", self.program("recommend", path).stdout)
        done = self.program("recommend", path, "--payload", "bytes:1")
        self.assertEqual(done.returncode, 1)
        self.assertIn("bytes:64", done.stderr)
        self.assertEqual(self.program("recommend", path, "--by", "luck").returncode, 2)


if __name__ == "__main__":
    unittest.main()
