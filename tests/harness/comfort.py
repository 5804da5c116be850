"""Man pages that say what the programs know, and shell completion."""

import os
import re
import shutil
import subprocess
import unittest

import lab

SOURCE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")


def text_of(path):
    with open(os.path.join(SOURCE, path), encoding="utf-8", errors="replace") as file:
        return file.read()


def page_options(text):
    return set(re.findall(r"Fl \\-([a-z][a-z-]*)", text))


class Man(lab.LabTest):
    def options(self, command):
        status, out, err = self.lab(command, "--help")
        self.assertEqual(0, status, err)
        return set(re.findall(r"--([a-z][a-z-]*)", out)) - {"help"}

    def commands(self):
        status, out, _ = self.lab("list", "--plain", "commands")
        self.assertEqual(0, status)
        return out.split()

    def test_every_command_and_option(self):
        page = text_of("docs/man/corps-lab.1")
        parts = dict(re.findall(r"\n\.Ss (\w+)\n(.*?)(?=\n\.S[sh] )", page, re.S))
        self.assertEqual(set(self.commands()), set(parts))
        for command, text in parts.items():
            with self.subTest(command=command):
                told = set(re.findall(r"\n\.It Fl \\-([a-z][a-z-]*)", text))
                known = self.options(command)
                hidden = {"trial-fd"} if command == "cell" else set()
                self.assertEqual(known | hidden, told)

    def test_every_variable(self):
        pages = text_of("docs/man/corps-lab.1") + text_of("docs/man/corps.7")
        used = set()
        for folder in ("lib", "experiments", "serializers", "transports"):
            for place, _, names in os.walk(os.path.join(SOURCE, folder)):
                for name in names:
                    if name.endswith((".c", ".h")):
                        code = text_of(os.path.join(place, name))
                        used |= set(re.findall(r'getenv\("(CORPS_[A-Z_]+)"\)', code))
                        used |= set(re.findall(r'"(CORPS_(?:TRANSPORT|SERIALIZER|WAKE|PLACEMENT))"', code))
        self.assertGreater(len(used), 8)
        for variable in used:
            self.assertIn(variable, pages)

    def test_they_are_well_formed(self):
        if shutil.which("mandoc") is None:
            print("skipped: there is no mandoc to check the pages with", flush=True)
            return
        for page in ("corps-lab.1", "corps.7"):
            done = subprocess.run(["mandoc", "-Tlint", "-W", "warning", os.path.join(SOURCE, "docs", "man", page)], capture_output=True,
                                  text=True, timeout=lab.LIMIT_S)
            self.assertEqual("", done.stdout + done.stderr)


class Completion(lab.LabTest):
    def complete(self, *words):
        """What bash would offer for the last of the words, cut at "=" as bash cuts them."""
        cut = [part for word in words for part in re.findall(r"=|[^=]+|^$", word)]
        listed = " ".join(f"'{word}'" for word in [lab.program(), *cut])
        script = (f"source '{SOURCE}/scripts/completion/corps-lab.bash'; COMP_WORDS=({listed}); COMP_CWORD={len(cut)}; "
                  '_corps_lab; printf "%s\\n" "${COMPREPLY[@]}"')
        done = subprocess.run(["bash", "--norc", "-c", script], capture_output=True, text=True, timeout=lab.LIMIT_S, cwd=self.folder,
                              env=self.environment)
        self.assertEqual("", done.stderr)
        return done.stdout.split()

    def test_words(self):
        self.write("mine.yaml", "")
        for words, wanted, unwanted in [
            (("",), {"run", "cell", "report", "compare", "--help"}, set()),
            (("re",), {"report", "recommend"}, {"run"}),
            (("list", ""), {"transports", "keys"}, {"commands"}),
            (("cell", "tr"), {"transport="}, {"wake="}),
            (("cell", "transport="), {"shm", "unix", "raw:pipe", "peer:caf"}, {"msgpack"}),
            (("cell", "transport=un"), {"unix"}, {"shm"}),
            (("cell", "wake=spin", "serializer=p"), {"pickle"}, {"msgpack"}),
            (("cell", "window="), set(), {"shm"}),
            (("run", "--"), {"--blocks", "--against", "--resume"}, {"--html"}),
            (("run", "m"), {"mine.yaml"}, set()),
            (("run", "mine.yaml", "--only", "wa"), {"wake="}, set()),
            (("run", "mine.yaml", "--only", "wake=b"), {"block"}, {"spin"}),
            (("recommend", "--wake-not", ""), {"spin", "block"}, {"shm"}),
            (("recommend", "--by", "c"), {"cpu"}, {"latency"}),
            (("report", "--h"), {"--html", "--help"}, {"--no-text"}),
            (("nonsense", "zzz"), set(), {"run"}),
        ]:
            with self.subTest(words=words):
                found = set(self.complete(*words))
                self.assertLessEqual(wanted, found)
                self.assertFalse(found & unwanted, found)

    def test_plain_words(self):
        for arguments, word in ((("values", "lang"), "python-c"), (("keys",), "stages"), (("topics",), "payloads")):
            status, out, err = self.lab("list", "--plain", *arguments)
            self.assertEqual((0, ""), (status, err))
            self.assertIn(word, out.split())
        for arguments in ((), ("values",), ("values", "luck"), ("keys", "x"), ("values", "wake", "x")):
            status, out, err = self.lab("list", "--plain", *arguments)
            self.assertEqual((2, ""), (status, out))
            self.one_line(err)


class Progress(lab.LabTest):
    def test_a_line_now_and_then(self):
        status, _, err = self.lab("run", self.matrix("{transport: [raw:pipe, raw:unix], placement: same}"), "--blocks", "3", "--out",
                                  self.path("r.jsonl"))
        self.assertEqual(0, status, err)
        lines = re.findall(r"^block (\d) of 3, (\d+)/(\d+) trials, (?:\d+m\d\ds left)$", err, re.M)
        self.assertGreaterEqual(len(lines), 5)
        self.assertEqual(lines[-1][1], lines[-1][2])



class FullDisk(lab.LabTest):
    """Output that could not be written is a failure, said in one line."""

    def to_full(self, *arguments):
        with open("/dev/full", "w", encoding="utf-8") as full:
            done = subprocess.run([lab.program(), *arguments], stdout=full, stderr=subprocess.PIPE, text=True,
                                  env=self.environment, timeout=lab.LIMIT_S, check=False)
        return done.returncode, done.stderr.splitlines()

    def test_every_command(self):
        _, commands, _ = self.lab("list", "--plain", "commands")
        calls = [[command, "--help"] for command in commands.split()]
        calls += [["--help"], ["--version"], ["list"], ["list", "keys"], ["doctor"], ["cell", "min_ms=5", "max_ms=20"],
                  ["run", os.path.join(SOURCE, "experiments/matrices/quick.yaml"), "--dry-run"]]
        for arguments in calls:
            with self.subTest(arguments=arguments):
                status, lines = self.to_full(*arguments)
                self.assertEqual(1, status, lines)
                self.assertEqual(1, len(lines), lines)


if __name__ == "__main__":
    unittest.main(verbosity=2)
