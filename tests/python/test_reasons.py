"""What the report says under a row of limits that is missed: the run's own figures, of the cells that it names. Run by meson with CORPS_REPORT."""
import os
import sys
import unittest

FOLDER = os.environ.get("CORPS_REPORT") or os.path.join(os.path.dirname(__file__), "..", "..", "experiments", "report")
sys.path.insert(0, FOLDER)
import cells as grouping  # noqa: E402
import limits as limiting  # noqa: E402
import load  # noqa: E402
import reasons  # noqa: E402

BLOCKS = 8


def axes(**more):
    return {"workload": "echo", "transport": "pipe", "serializer": "none", "payload": "bytes:64", "size_bytes": 64, "wake": "block",
            "placement": "same", "lang": "c", "window": 1, "envs": 2, "concs": 1, "gap_us": 0, "arm": "", **more}


def trials(cell, blocks=BLOCKS, **figures):
    """One trial a block; a figure that is a function gets the block's number."""
    return [{"kind": "trial", "run": "r", "family": "f", "block": block, "order": 0, "cell": cell, "ok": True, "error": None, "flags": [],
             "p50_ns": 8000.0 + block, **{name: value(block) if callable(value) else value for name, value in figures.items()}} for block in range(blocks)]


def grouped(*lines, limits=()):
    results = load.Results()
    results.runs = [{"run": "r", "matrix": "m", "limits": list(limits)}]
    results.trials = [trial for found in lines for trial in found]
    return results, grouping.group(results)


OURS, BARE = axes(), axes(transport="raw:pipe")


def told(*lines, ours=OURS, theirs=BARE):
    _, cells = grouped(*lines)
    found = [cells[load.cell_key(c)] for c in (ours, theirs) if c is not None]
    return reasons.of(cells, *found)


class Differences(unittest.TestCase):
    def test_more_fewer_alike_and_untold(self):
        some = [10.0 + b % 3 for b in range(BLOCKS)]
        self.assertEqual(reasons.MORE, reasons.differs([2 * v for v in some], some))
        self.assertEqual(reasons.FEWER, reasons.differs([v / 2 for v in some], some))
        self.assertEqual(reasons.ALIKE, reasons.differs([1.01 * v for v in some], some))
        self.assertIsNone(reasons.differs([v * (1.5 if b % 2 else 0.7) for b, v in enumerate(some)], some))

    def test_too_few_blocks_tell_nothing(self):
        self.assertIsNone(reasons.differs([20.0] * 5, [10.0] * 5))

    def test_zeros_tell_when_all_blocks_agree(self):
        self.assertEqual(reasons.MORE, reasons.differs([1.0] * 6, [0.0] * 6))
        self.assertEqual(reasons.ALIKE, reasons.differs([0.0] * 6, [0.0] * 6))
        self.assertIsNone(reasons.differs([1.0] * 5 + [0.0], [0.0] * 6))


class Sentences(unittest.TestCase):
    def test_names_both_cells_and_their_numbers(self):
        found = told(trials(OURS, cpu_ns_per_message=lambda b: 7900.0 + b, voluntary_switches_per_message=2.0),
                     trials(BARE, cpu_ns_per_message=lambda b: 4200.0 + b, voluntary_switches_per_message=2.0))
        self.assertEqual(["echo pipe none bytes:64 block same against echo raw:pipe none bytes:64 block same, in the blocks of both. "
                          "More: processor time 7.9 µs against 4.2 µs. Alike: voluntary switches 2 against 2."], found)

    def test_nothing_is_told_of_what_was_not_measured(self):
        self.assertEqual([], told(trials(OURS), trials(BARE)))
        self.assertEqual([], told(trials(OURS, cpu_ns_per_message=7900.0), trials(BARE)))
        self.assertEqual([], told(trials(OURS, blocks=5, cpu_ns_per_message=7900.0), trials(BARE, blocks=5, cpu_ns_per_message=4200.0)))

    def test_what_is_rare_or_shows_nothing_is_left_out(self):
        found = told(trials(OURS, page_faults_per_message=0.05, bytes_on_wire_per_message=128.0, system_calls_per_message=4.0),
                     trials(BARE, page_faults_per_message=0.01, bytes_on_wire_per_message=128.0, system_calls_per_message=4.0))
        self.assertEqual(["Alike: system calls 4 against 4."], [text.partition(". ")[2] for text in found])

    def test_only_blocks_that_both_have_count(self):
        late = [dict(trial, block=trial["block"] + BLOCKS) for trial in trials(BARE, cpu_ns_per_message=4200.0)]
        self.assertEqual([], told(trials(OURS, cpu_ns_per_message=7900.0), late))

    def test_processor_time_of_who_spins_is_not_told(self):
        ours, bare = axes(wake="spin"), axes(transport="raw:pipe", wake="spin")
        found = told(trials(ours, cpu_ns_per_message=5000.0, voluntary_switches_per_message=0.5), trials(bare, cpu_ns_per_message=3000.0, voluntary_switches_per_message=0.0),
                     ours=ours, theirs=bare)
        self.assertEqual(1, len(found), found)
        self.assertIn("voluntary switches 0.5 against 0", found[0])
        self.assertNotIn("processor", found[0])

    def test_what_was_counted_exactly_of_the_same_cells(self):
        found = told(trials(OURS, cpu_ns_per_message=7900.0), trials(BARE, cpu_ns_per_message=4200.0),
                     trials(axes(counts=1), instructions_per_message=9120.0, system_calls_per_message=8.0),
                     trials(axes(transport="raw:pipe", counts=1), instructions_per_message=640.0, system_calls_per_message=4.0))
        self.assertEqual(2, len(found), found)
        self.assertEqual("echo pipe none bytes:64 block same counts against echo raw:pipe none bytes:64 block same counts, in the blocks of both. "
                         "More: instructions 9,120 against 640, system calls 8 against 4.", found[1])

    def test_stages_of_the_same_cell(self):
        found = told(trials(OURS), trials(BARE), trials(axes(stages=1), stages_ns={"transit": 600, "reply_send": 350, "method": 40, "decode": 10}))
        self.assertEqual(["Of a call's time, by the stamps of echo pipe none bytes:64 block same stages: transit 60 %, reply send 35 %."], found)

    def test_of_a_cell_against_a_number(self):
        found = told(trials(OURS, cpu_ns_per_message=210.0, voluntary_switches_per_message=0.0, system_calls_per_message=0.2, page_faults_per_message=0.04), theirs=None)
        self.assertEqual(["A message of echo pipe none bytes:64 block same: processor time 210 ns, system calls 0.2."], found)


class Rows(unittest.TestCase):
    """Of a missed row alone, and what an older file says of causes is not repeated."""

    def row(self, **more):
        results, cells = grouped(trials(OURS, cpu_ns_per_message=7900.0), trials(BARE, cpu_ns_per_message=4200.0, p50_ns=lambda b: 4000.0 + b),
                                 limits=[{"row": "r", "figure": "p50_ns", "cell": OURS, "against": [BARE], **more}])
        return limiting.limits(results, cells)[0]

    def test_missed(self):
        row = self.row(at_most=1.4, note="two wake-ups are nearly all of it", bound="that of last year")
        self.assertEqual(limiting.MISSED, row.mark)
        self.assertTrue(row.why.startswith("Bound: that of last year. echo pipe none"), row.why)
        self.assertIn("processor time 7.9 µs against 4.2 µs", row.why)
        self.assertNotIn("wake-ups", row.why)

    def test_met(self):
        row = self.row(at_most=2.5, bound="that of last year")
        self.assertEqual((limiting.MET, ""), (row.mark, row.why))

    def test_the_best_of_several_is_the_one_that_is_told(self):
        other = axes(transport="raw:unix")
        results, cells = grouped(trials(OURS, cpu_ns_per_message=7900.0), trials(BARE, cpu_ns_per_message=4200.0, p50_ns=4000.0),
                                 trials(other, cpu_ns_per_message=3200.0, p50_ns=3000.0),
                                 limits=[{"row": "r", "figure": "p50_ns", "cell": OURS, "against": [BARE, other], "at_most": 1.4}])
        self.assertIn("against echo raw:unix", limiting.limits(results, cells)[0].why)


if __name__ == "__main__":
    unittest.main()
