"""Tests of corps-lab coverage: that its checks are right, that outcomes are what they should be, and the command itself."""
import atexit
import functools
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import unittest

SOURCE = os.environ.get("CORPS_SOURCE", os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", ".."))
FOLDER = os.path.join(SOURCE, "experiments", "coverage")
sys.path.insert(0, FOLDER)
import carriers  # noqa: E402
import cases  # noqa: E402
import table  # noqa: E402

# Why the check cannot look at the very object: it tells a copy apart from it, or changes what it came from.
NOT_IN_ONE_PROCESS = {
    ("methods", "getstate and setstate"): "they have not run",
    ("methods", "reduce"): "it has not run",
    ("instances", "getstate of a base class"): "it has not run",
    ("instances", "setstate alone"): "it has not run",
    ("instances", "reduce of many"): "it has not run",
    ("instances", "the type of copyreg"): "it has not run",
    ("instances", "a class attribute that is an instance with a setstate"): "it has not run",
    ("odd", "slots inherited with a state of its own"): "they have not run",
    ("odd", "object with the __reduce_ex__ of a base"): "it has not run",
    ("odd", "reduce with items and keys"): "it has not run",
    ("odd", "state that is false"): "they have not run",
    ("stream", "mutable attribute sent twice"): "both messages are the same object",
    ("system", "end of a pipe"): "whatever arrives owns what is not its own",
    ("system", "temporary directory"): "whatever arrives owns what is not its own",
    ("system", "exit stack with something to leave"): "whatever arrives owns what is not its own",
    ("system", "descriptor by its number"): "whatever arrives owns what is not its own",
}


SCRIPT = """
import json, os, signal, sys
sys.path.insert(0, FOLDER)
import cases, workers
wanted = [tuple(pair) for pair in json.load(sys.stdin)]
for case, _ in cases.all_cases():
    if (case.group, case.name) not in wanted:
        continue
    pid = os.fork()
    if pid == 0:
        signal.alarm(60)
        names, _ = workers.in_home(case, 'exec')
        got = names['messages']() if case.stream else names['make']()
        got = list(got) if case.stream else got
        check = {'__name__': 'check'}
        exec(compile(case.check, '<check>', 'exec'), check)
        os.write(1, json.dumps([case.group, case.name, str(check['check'](got))]).encode() + b"\\n")
        os._exit(0)
    os.waitpid(pid, 0)
"""


def verdicts_in_one_process(members):
    """{(group, name): verdict of the check over what make() gives, in a process of its own}, and what the processes complained of.
    They are forks of one that has imported the cases: three hundred interpreters would take longer than all that they do."""
    done = subprocess.run([sys.executable, "-c", f"FOLDER = {FOLDER!r}" + SCRIPT], capture_output=True, text=True, timeout=600,
                          input=json.dumps([(case.group, case.name) for case in members]))
    lines = [json.loads(line) for line in done.stdout.splitlines() if line.startswith('["')]
    return {(group, name): verdict for group, name, verdict in lines}, done.stderr[-3000:]


class Cases(unittest.TestCase):
    def test_there_are_enough(self):
        self.assertGreaterEqual(len(cases.all_cases()), 300)
        names = [(case.group, case.name) for case, _ in cases.all_cases()]
        self.assertEqual(len(names), len(set(names)))
        self.assertEqual({"builtin", "graph", "stdlib", "functions", "methods", "classes", "iterators", "typing", "system", "numpy", "stream", "order", "made",
                          "instances", "odd"},
                         {group for group, _ in names})

    def test_checks_accept_what_was_never_serialized(self):
        members = [case for case, needs in cases.all_cases() if cases.runnable(case, needs) is None
                   and (case.group, case.name) not in NOT_IN_ONE_PROCESS]
        verdicts, complaints = verdicts_in_one_process(members)
        for case in members:
            with self.subTest(group=case.group, case=case.name):
                self.assertEqual("True", verdicts.get((case.group, case.name), "its process ended without a verdict"), complaints)


@functools.lru_cache(None)
def measured_functions():
    """A file of what becomes of functions with pickle and auto: measured once, which takes a process for each."""
    folder = tempfile.TemporaryDirectory()
    atexit.register(folder.cleanup)
    path = os.path.join(folder.name, "c.jsonl")
    subprocess.run([sys.executable, os.path.join(FOLDER, "coverage.py"), *FUNCTIONS, "--out", path], check=True, capture_output=True, timeout=300)
    return path


FUNCTIONS = "--only", "group=functions", "--serializer", "pickle5", "--serializer", "auto"


class Command(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="coverage-test-")
        self.addCleanup(subprocess.run, ["rm", "-rf", self.folder])

    def path(self, name):
        return os.path.join(self.folder, name)

    def command(self, *arguments):
        return [sys.executable, os.path.join(FOLDER, "coverage.py"), *arguments]

    def run_it(self, *arguments, status=0):
        done = subprocess.run(self.command(*arguments), capture_output=True, text=True, timeout=300)
        self.assertEqual(status, done.returncode, done.stderr)
        return done.stdout, done.stderr

    def outcomes(self, path):
        _, cells = table.read([path])
        return {(c["group"], c["case"], c["home"], c["serializer"]): c["outcome"] for c in cells}

    def test_outcomes(self):
        """What is known of pickle, and what auto is for; twice the same."""
        self.run_it(*FUNCTIONS, "--out", self.path("out"))
        found = self.outcomes(self.path("out"))
        self.assertEqual(found, self.outcomes(measured_functions()))
        for home in ("mod", "main", "exec", "local", "ghost"):
            self.assertEqual("ok", found["functions", "closure", home, "auto"])
            self.assertEqual("refused at dump", found["functions", "closure", home, "pickle5"])
            self.assertEqual("ok", found["functions", "plain function", home, "auto"])
        self.assertEqual("ok", found["functions", "plain function", "mod", "pickle5"])
        self.assertEqual("refused at load", found["functions", "plain function", "ghost", "pickle5"])

    def carries_what_others_carry(self, groups):
        others = [name for name in ("cloudpickle-value", "dill", "dill-recurse") if carriers.version(name) is not None]
        if len(others) < 3:
            print("skipped: dill and cloudpickle are not installed", flush=True)
            return
        arguments = [word for name in ["auto", *others] for word in ("--serializer", name)]
        self.run_it("--only", f"group={groups}", *arguments, "--out", self.path("out"))
        found = self.outcomes(self.path("out"))
        # A capsule is a pointer into the other process, and a process is another one's child: that they "arrive" is the danger.
        lost = [cell[:3] for cell, outcome in found.items() if outcome == "ok" and found[cell[:3] + ("auto",)] != "ok"
                and cell[1] not in ("capsule", "process")]
        self.assertEqual([], lost)

    def test_auto_carries_what_others_carry_together(self):
        self.carries_what_others_carry("system")

    def long_auto_carries_what_others_carry_together(self):
        """No test by its name: scripts/long asks for it."""
        self.carries_what_others_carry("methods,stream,system,typing")

    def test_the_same_bytes_in_every_process(self):
        """The long form: experiments/coverage/same.py --processes 100."""
        done = subprocess.run([sys.executable, os.path.join(FOLDER, "same.py"), "--processes", "3"], capture_output=True, text=True,
                              timeout=300)
        self.assertEqual(0, done.returncode, done.stdout + done.stderr)
        self.assertRegex(done.stdout.splitlines()[-1], r"^\d+ of \d+ cells differ over 3 processes$")

    def test_lines_and_tables(self):
        self.run_it("--only", "group=builtin", "--serializer", "pickle5", "--serializer", "json", "--out", self.path("out"))
        with open(self.path("out"), encoding="utf-8") as file:
            lines = [json.loads(line) for line in file]
        self.assertEqual("coverage-run", lines[0]["kind"])
        for line in lines[1:]:
            self.assertLessEqual({"kind", "group", "case", "home", "serializer", "python", "outcome", "detail"}, set(line))
        out, _ = self.run_it("--table", self.path("out"))
        self.assertRegex(out, r"(?m)^pickle5 +[0-9]+")
        good = sum(line.get("outcome") == "ok" and line["serializer"] == "json" for line in lines[1:])
        self.assertRegex(out, rf"(?m)^json +{good}/")

    def test_a_carrier_that_does_not_load(self):
        """On an interpreter that is not CPython, auto is one that is not there; the others are measured all the same."""
        shutil.copytree(FOLDER, self.path("experiments/coverage"))
        shutil.copytree(os.path.join(FOLDER, "..", "report"), self.path("experiments/report"))
        os.mkdir(self.path("serializers"))
        with open(self.path("serializers/auto.py"), "w", encoding="utf-8") as file:
            file.write("import gc\ngc.what_pypy_has_not\n")
        done = subprocess.run([sys.executable, self.path("experiments/coverage/coverage.py"), "--only", "case=lambda", "--out", self.path("out")],
                              capture_output=True, text=True, timeout=300)
        self.assertEqual(0, done.returncode, done.stderr)
        self.assertIn("not installed for", done.stderr)
        with open(self.path("out"), encoding="utf-8") as file:
            self.assertIsNone(json.loads(file.readline())["pythons"][0]["carriers"]["auto"])
        measured = {cell[3] for cell in self.outcomes(self.path("out"))}
        self.assertIn("pickle5", measured)
        self.assertNotIn("auto", measured)

    def test_bad_input(self):
        for arguments, words in ((["--only", "group=nothing"], "there is no group 'nothing'"), (["--only", "group=numpy", "--only", "home=ghost", "--only", "case=lambda"], "leaves no case"), (["--only", "size=3"], "--only wants"),
                                 (["--serializer", "telegraph"], "--serializer cannot be 'telegraph'"), (["--jobs", "0"], "at least 1")):
            _, err = self.run_it(*arguments, status=2)
            self.assertIn(words, err)
        _, err = self.run_it("--only", "group=numpy", "--python", "/nowhere/python", status=1)
        self.assertIn("cannot run the probe", err.strip().splitlines()[-1])
        _, err = self.run_it("--table", self.path("none"), status=1)
        self.assertIn("No such file", err)
        for text in ("hello\n", '{"kind": "trial"}\n', '{"kind": "coverage", "outcome": "fine"}\n', ""):
            with open(self.path("bad"), "w", encoding="utf-8") as file:
                file.write(text)
            _, err = self.run_it("--table", self.path("bad"), status=1)
            self.assertEqual(1, len(err.strip().splitlines()), err)

    def test_ctrl_c(self):
        process = subprocess.Popen(self.command("--out", self.path("out")), stderr=subprocess.PIPE, text=True, start_new_session=True,
                                   preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler))
        end = time.monotonic() + 300
        while not os.path.exists(self.path("out")) or os.path.getsize(self.path("out")) < 5000:
            self.assertLess(time.monotonic(), end)
            time.sleep(0.05)
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=300)
        self.assertEqual(130, process.returncode, err)
        self.assertIn("kept", err.strip().splitlines()[-1])
        self.assertNotIn("Traceback", err)
        with open(self.path("out"), encoding="utf-8") as file:
            self.assertGreater(len([json.loads(line) for line in file]), 5)
        left = subprocess.run(["pgrep", "-f", self.path("out")], capture_output=True, text=True).stdout
        self.assertEqual("", left)


CHROMIUM = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")


class Page(unittest.TestCase):
    """What corps-lab report makes of it."""

    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory()
        cls.lines = measured_functions()

    @classmethod
    def tearDownClass(cls):
        cls.folder.cleanup()

    def report(self, *files):
        page = os.path.join(self.folder.name, "page.html")
        done = subprocess.run([sys.executable, os.path.join(SOURCE, "experiments", "report", "report.py"), *files, "--html", page],
                              capture_output=True, text=True, timeout=300)
        self.assertEqual(0, done.returncode, done.stderr)
        return page, done.stdout

    def test_the_page(self):
        page, out = self.report(self.lines)
        self.assertRegex(out, r"(?m)^auto +[0-9]+")
        if CHROMIUM is None:
            print("skipped: there is no Chromium (set CHROMIUM, or install chromium)", flush=True)
            return
        _, cells = table.read([self.lines])
        self.assertEqual(self.marks(page, ""), sorted(cell["outcome"] for cell in cells))
        lambdas = [cell for cell in cells if cell["home"] == "exec"]
        self.assertEqual(self.marks(page, "#coverage-home=exec"), sorted(cell["outcome"] for cell in lambdas))
        refused = [cell for cell in cells if cell["serializer"] == "pickle5" and cell["outcome"] == "refused at load"]
        self.assertEqual(self.marks(page, "#coverage-serializer=pickle5&coverage-outcome=refused+at+load&coverage-home=nonsense"),
                         sorted(cell["outcome"] for cell in refused))

    def marks(self, page, state):
        """The outcomes that the table shows."""
        profile = tempfile.mkdtemp(dir=self.folder.name)
        done = subprocess.run([CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run",
                               f"--user-data-dir={profile}", "--enable-logging=stderr", "--virtual-time-budget=10000", "--dump-dom",
                               "file://" + page + state], capture_output=True, text=True, timeout=300,
                              env={**os.environ, "HOME": profile})
        self.assertEqual([], [line for line in done.stderr.splitlines() if "CONSOLE" in line
                   and re.search("Error|Uncaught", line.rpartition('", source: ')[0])])
        return sorted(title.partition(":")[0] for title in re.findall(r'<td class="outcome [^"]*" title="([^"]*)"', done.stdout))


if __name__ == "__main__":
    unittest.main(verbosity=2)
