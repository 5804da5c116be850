"""A key of a cell is declared once, in experiments/cell/keys.json: what C, the programs in Python, the report and its page know of keys
is what stands there, and one more line is one more key for all of them."""

import json
import os
import re
import shutil
import subprocess
import sys
import unittest

import lab

EXPERIMENTS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "experiments")
MORE = {"name": "colour", "type": "count", "max": 7, "default": "0", "axis": True, "newer": True, "told": "colour {}", "special": True,
        "about": "none yet"}
READERS = """
import sys
sys.path[:0] = [{0!r} + "/report", {0!r} + "/python"]
import cells, lab_program, load, page, page_data, shape
cell = dict.fromkeys(("workload", "transport", "serializer", "payload", "wake", "placement"), "x")
red = dict(cell, colour=3)
assert load.cell_key(cell) != load.cell_key(red), "the report does not tell them apart"
assert load.cell_key(cell) == load.cell_key(dict(cell, colour=0)), "older results do not have it"
assert "colour 3" in load.cell_text(red) and "colour" not in load.cell_text(cell)
assert shape.is_cell(red) and not shape.is_cell(dict(cell, colour="3"))
assert cells.Cell(cell).is_plain and not cells.Cell(red).is_plain
assert page_data.cell_object(cells.Cell(red))["axes"]["colour"] == 3
assert {{"name": "colour", "title": None, "usual": "0"}} in page_data.data(cells.Cells())["keys"]
told = lab_program.read_cell([f"{{key['name']}}=1" for key in lab_program.keys.KEYS] + ["by_reference=0"])
assert told["colour"] == 1 and lab_program.params_of(told, [], [])["colour"] == 1
"""


def table():
    with open(os.path.join(EXPERIMENTS, "cell", "keys.json"), encoding="utf-8") as file:
        return json.load(file)


class Declared(lab.LabTest):
    def test_the_program(self):
        _, out, _ = self.lab("list", "--plain", "keys")
        self.assertEqual([key["name"] for key in table()], out.split())
        status, out, err = self.lab("cell", "transport=raw:pipe", "placement=same", "min_ms=5")
        self.assertEqual(0, status, err)
        line = json.loads(out)
        self.assertEqual({key["name"] for key in table() if key.get("axis")}, set(line["cell"]) - {"size_bytes"})
        self.assertEqual({key["name"] for key in table() if not key.get("axis")}, set(line["length"]))
        for key in table():
            self.assertIsInstance({**line["cell"], **line["length"]}[key["name"]], str if key["type"] == "text" else int, key["name"])

    def test_one_more(self):
        """A line more in a copy of the table."""
        copy = self.path("experiments")
        for folder in ("cell", "report", "python", "coverage"):
            shutil.copytree(os.path.join(EXPERIMENTS, folder), os.path.join(copy, folder), ignore=shutil.ignore_patterns("__pycache__"))
        place = os.path.join(copy, "cell", "keys.json")
        with open(place, encoding="utf-8") as file:
            whole = file.read()
        with open(place, "w", encoding="utf-8") as file:
            file.write(whole.replace("[\n", "[\n" + json.dumps(MORE) + ",\n", 1))
        done = subprocess.run([sys.executable, "-c", READERS.format(copy)], capture_output=True, text=True, timeout=lab.LIMIT_S)
        self.assertEqual("", done.stderr)
        subprocess.run([sys.executable, os.path.join(copy, "cell", "keys.py"), place, self.path("keys.h")], check=True, timeout=lab.LIMIT_S)
        with open(self.path("keys.h"), encoding="utf-8") as file:
            self.assertIn("KEY(COUNT, colour, 0, 0, 7, 0, LAB_KEY_AXIS | LAB_KEY_NEWER,", file.read())

    def test_nothing_else_lists_them(self):
        numbers = "|".join(key["name"] for key in table() if key["type"] == "count")
        for folder, _, names in os.walk(EXPERIMENTS):
            for name in names:
                if name.endswith((".c", ".h", ".py", ".js")):
                    with open(os.path.join(folder, name), encoding="utf-8") as file:
                        text = file.read()
                    listed = re.findall(rf"[\"'](?:{numbers})[\"'](?:[,:][^\n\"']*\n?\s*[\"'](?:{numbers})[\"']){{2,}}", text)
                    self.assertEqual([], listed, f"{folder}/{name} lists keys; experiments/cell/keys.json does")


if __name__ == "__main__":
    unittest.main(verbosity=2)
