"""The published results of this repository: valid, named, and what the documents say of them. Each file is read once, which is most of the time.
Run by meson with CORPS_REPORT and CORPS_SOURCE."""
import contextlib
import functools
import glob
import io
import math
import os
import re
import sys
import unittest
import unittest.mock

SOURCE = os.environ.get("CORPS_SOURCE") or os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
FOLDER = os.environ.get("CORPS_REPORT") or os.path.join(SOURCE, "experiments", "report")
sys.path.insert(0, FOLDER)
import cells as grouping  # noqa: E402
import findings  # noqa: E402
import front_page  # noqa: E402
import load  # noqa: E402
import noise  # noqa: E402
import private  # noqa: E402
import recommend  # noqa: E402
import validate  # noqa: E402


FILES = sorted(glob.glob(os.path.join(SOURCE, "results", "*", "*.jsonl.gz")))


@unittest.skipUnless(FILES, "nothing is published in results/")
class Published(unittest.TestCase):
    """What stands in results/ of this repository."""

    files = FILES

    @classmethod
    def setUpClass(cls):
        """Each file is read once: that is most of the time."""
        load_load, grouping_group = load.load, grouping.group
        read, cells = functools.lru_cache(None)(lambda paths: load_load(list(paths))), functools.lru_cache(None)(grouping_group)
        load.load, grouping.group = lambda paths, bad=None: read(tuple(paths)), cells  # nothing there is bad
        cls.addClassCleanup(setattr, load, "load", load_load)
        cls.addClassCleanup(setattr, grouping, "group", grouping_group)

    def recommend(self, *args):
        """What corps-lab recommend prints."""
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed), unittest.mock.patch.object(sys, "argv", ["recommend.py", *args]):
            self.assertEqual(0, recommend.main())
        return printed.getvalue()

    def test_each_is_valid(self):
        for path in self.files:
            with self.subTest(path=os.path.basename(path)):
                self.assertEqual([], validate.faults_of(path))
                with open(os.path.join(os.path.dirname(path), "index.html"), encoding="utf-8") as file:
                    self.assertIn(os.path.basename(path), file.read())

    def test_nothing_private_is_published(self):
        for path in self.files:
            with self.subTest(path=os.path.basename(path)):
                self.assertEqual([], private.faults(load.load([path])))

    def test_the_index_names_each(self):
        with open(os.path.join(SOURCE, "results", "index.html"), encoding="utf-8") as file:
            index = file.read()
        for path in self.files:
            self.assertIn(os.path.relpath(path, os.path.join(SOURCE, "results")), index)

    def sessions(self, path):
        """[the cells of each session alone]"""
        results = load.load([path])
        for run in results.runs:
            alone = load.Results()
            alone.runs, alone.trials = [run], [t for t in results.trials if t["run"] == run["run"]]
            yield grouping.group(alone)

    def test_the_findings_say_what_the_lines_say(self):
        """Every figure of the document is made from the lines, and none stands elsewhere."""
        found = findings.newest(os.path.join(SOURCE, "results"))
        self.assertGreaterEqual(len(found), 2)
        for writer in (findings, front_page):
            with open(os.path.join(SOURCE, writer.DOCUMENT), encoding="utf-8") as file:
                text = file.read()
            with self.subTest(document=writer.DOCUMENT):
                self.assertEqual(set(writer.BLOCKS), {m[1] for m in findings.BLOCK.finditer(text)})
                self.assertEqual(findings.filled(text, found, writer.BLOCKS), text, f"run experiments/report/{writer.__name__}.py")
                self.assertEqual([], re.findall(r"\d[\d.]*\s*(?:[µnm]s|×|times|%)", re.sub("95 % interval|5 % ahead", "", findings.BLOCK.sub("", text))))

    def test_flags_discriminate(self):
        """The flags of a first session alone are on the cells that came out otherwise in the second, and of both together on a fifth at most."""
        for machine in sorted({os.path.dirname(path) for path in self.files}):
            moved, counted, flagged_of_both, cells_of_both = [0, 0], [0, 0], 0, 0
            for path in (p for p in self.files if os.path.dirname(p) == machine):
                first, *second = self.sessions(path)
                if len(second) != 1:
                    continue
                both = grouping.group(load.load([path]))
                flagged_of_both += sum(1 for c in both.values() if c.flags)
                cells_of_both += len(both)
                for key, cell in first.items():
                    flagged = bool(cell.flags)
                    counted[flagged] += 1
                    moved[flagged] += abs(math.log(second[0][key].estimate("p50_ns") / cell.estimate("p50_ns"))) > noise.APART
            if not cells_of_both:
                continue  # nothing of this machine was measured in two sessions
            with self.subTest(machine=os.path.basename(machine), moved=moved, counted=counted):
                self.assertGreaterEqual(moved[True] / counted[True], 8 * moved[False] / counted[False])
                self.assertLessEqual(moved[False] / counted[False], 0.02)
                self.assertLessEqual(flagged_of_both, 0.2 * cells_of_both)

    def test_the_documented_defaults_are_winners_or_tied(self):
        """The library's defaults, as its header documents them, against the newest published run."""
        with open(os.path.join(SOURCE, "lib", "include", "corps.h"), encoding="utf-8") as file:
            header = file.read()
        transport = re.search(r'const char \*transport; +/\*\*< between Envs; default "(\w+)"', header)[1]
        serializer = re.search(r'const char \*serializer; +/\*\*< default "(\w+)"', header)[1]
        wake = re.search(r"enum corps_wake wake;[^\n]*default (\w+)", header)[1].lower()
        newest = {m: [p for p in self.files if p.endswith(f"-{m}.jsonl.gz")][-1] for m in ("transports", "serializers")}
        for matrix, args, word in (("transports", ("--size", "64", "--wake", wake), transport),
                                   ("transports", ("--size", "64KiB", "--wake", wake), transport),
                                   ("serializers", ("--payload", "records:10", "--transport", transport, "--wake", wake), serializer),
                                   ("transports", ("--size", "64", "--transport", transport, "--wake-not", "spin"), wake)):
            with self.subTest(matrix=matrix, args=args):
                named = [line for line in self.recommend(newest[matrix], *args).splitlines() if line.startswith(("winner", "first of", "not clearly"))]
                self.assertTrue(any(f" {word} " in line for line in named), (word, named))


if __name__ == "__main__":
    unittest.main()
