"""Cells between hosts in the report, on results made here: their controls are those of the same wire, and the share of serializing is told wire
by wire. Run by meson with CORPS_REPORT (the folder of the programs) and CORPS_LAB."""
import os
import sys
import unittest

FOLDER = os.environ.get("CORPS_REPORT") or os.path.join(os.path.dirname(__file__), "..", "..", "experiments", "report")
sys.path.insert(0, FOLDER)
import answers  # noqa: E402
import cells as grouping  # noqa: E402
import crossover  # noqa: E402
import load  # noqa: E402
import wires  # noqa: E402
from test_report import run_line, trial  # noqa: E402

WIRE = {"transport": "tcp", "wake": "block", "hosts": 2, "seal": 1}
SIZES = (64, 65536)


def grouped(trials):
    results = load.Results()
    results.runs, results.trials = [run_line()], trials
    return grouping.group(results)


def over(wire, wire_ns, block):
    """Bytes and records over a wire that takes so long, when encoding takes a microsecond for each 64 bytes."""
    made = []
    for size in SIZES:
        bare = wire_ns + size
        made.append(trial(block, 0, bare, serializer="none", payload=f"bytes:{size}", size_bytes=size, **wire))
        made.append(trial(block, 0, bare + size // 64 * 1000, serializer="msgpack", payload=f"records:{size}", size_bytes=size, **wire))
    return made


class Shares(unittest.TestCase):
    def cells(self):
        return grouped([t for block in range(6) for delay in (0, 5000)
                        for t in over({**WIRE, "delay_us": delay}, 20000 + 2 * 1000 * delay, block) + over({**WIRE, "seal": 0}, 10000, block)])

    def test_wire_by_wire(self):
        found = {rows[0].cell.text: [round(100 * row.share[0]) for row in rows] for rows in wires.shares(self.cells()).values()}
        self.assertEqual(3, len(found), found)
        shares = sorted(found.values())
        self.assertEqual([[0, 9], [5, 92], [9, 93]], shares)

    def test_in_words(self):
        told = answers.wire_answers(self.cells())
        self.assertEqual(3, len(told), told)
        far = next(sentence for sentence in told if "5000 µs each way" in sentence)
        self.assertIn("tcp between 2 hosts, 5000 µs each way, sealed", far)
        self.assertIn("**msgpack**: records:64 0 %", far)
        self.assertEqual(2, sum("a bridge" in sentence for sentence in told), told)

    def test_what_is_said_of_one_host_is_not_touched(self):
        cells = self.cells()
        self.assertEqual({}, crossover.bare_curves(cells))
        self.assertEqual([], answers.dominance_answers(cells))

    def test_without_bare_bytes_nothing_is_said(self):
        self.assertEqual([], answers.wire_answers(grouped([trial(0, 0, 1000, serializer="msgpack", payload="records:1", **WIRE)])))


class Controls(unittest.TestCase):
    def test_of_the_same_wire(self):
        raw = {"serializer": "none", "hosts": 2, "wake": "block"}
        cells = grouped([t for block in range(6) for t in (
            trial(block, 0, 3000, **{**WIRE, "hosts": 3}), trial(block, 1, 2000, **{**WIRE, "seal": 0}), trial(block, 2, 9000, **{**WIRE, "delay_us": 100}),
            trial(block, 3, 1500, transport="tcp", wake="block"), trial(block, 4, 1000, transport="raw:tcp", **raw),
            trial(block, 5, 2000, transport="raw:tls", **raw), trial(block, 6, 500, transport="raw:tcp", serializer="none", wake="block"))])
        found = {(c.axes.get("hosts", 0), c.axes.get("seal", 0), c.axes.get("delay_us", 0)): (c.control, c.to_control and round(c.to_control.estimate, 2))
                 for c in cells.values() if c.is_ours}
        self.assertEqual({(3, 1, 0): ("raw:tls", 1.5), (2, 0, 0): ("raw:tcp", 2.0), (2, 1, 100): (None, None), (0, 0, 0): ("raw:tcp", 3.0)}, found)


if __name__ == "__main__":
    unittest.main(verbosity=2)
