"""What counts=1 counted of a message by stepping all processes through it: what no other program on the machine changes."""
import cells as grouping

COUNTED = "instructions_per_message"  # what tells that a cell was counted in this way
FIGURES = {COUNTED: ("instructions", "{:,.0f}"), "caller_instructions_per_message": ("by the caller", "{:,.0f}"), "system_calls_per_message": ("system calls", "{:.1f}"),
           "system_call_bytes_per_message": ("bytes through them", "{:,.0f}"), "page_faults_per_message": ("page faults", "{:.2f}")}


def figure(cell, name):
    """The estimate, or 0 where that is what was counted (a ratio to it would be none); None where nothing was."""
    return cell.estimate(name) or (0.0 if any(t.get(name) is not None for t in cell.trials) else None)


def shown(cell, name):
    value = figure(cell, name)
    return "–" if value is None else FIGURES[name][1].format(value)


def found(cells):
    """The cells that were counted: those that carry the same beside each other, the fewest instructions first."""
    counted = [c for c in grouping.find(cells) if c.estimate(COUNTED) is not None]
    return sorted(counted, key=lambda c: (c.axes["serializer"] != "none", c.axes["payload"].split(":")[0], c.axes["size_bytes"], c.estimate(COUNTED)))


def apart(cell):
    """By how much the instructions of its blocks differ, at most; None with one block."""
    values = list(cell.blocks(COUNTED).values())
    return max(values) / min(values) - 1 if len(values) > 1 else None


def apart_text(cell):
    share = apart(cell)
    return "" if share is None else f"{100 * share:.1f} %"


def uncounted(cells):
    """The cells that were to be counted and were not: no process may be stepped there, or other programs took the processors away."""
    return [c for c in grouping.find(cells) if c.axes.get("counts") and c.trials and c.estimate(COUNTED) is None]
