"""The page of a machine: both verdicts with their charts, each of one published run and saying of which, and the list of its runs."""
import html
import os
import string
from typing import NamedTuple

import cells as grouping
import load
import machines
import page
import packing
import transports
import verdict
import words

FRAME = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width,initial-scale=1">
<title>$title</title><style>$style</style></head><body><main><h1>$title</h1><p class="dim">$head</p>$glance
<h2>Runs</h2><p class="dim">Each run has a page of its own, with every cell and an explorer; runs are never merged. <a href="../index.html">Other machines</a></p>
<div class="scroll"><table id="runs"><thead><tr><th scope="col">date</th><th scope="col">matrix</th><th scope="col">page</th><th scope="col">lines</th>
<th scope="col">sessions</th><th scope="col">blocks</th><th scope="col">trials</th><th scope="col">failed</th></tr></thead><tbody>$runs</tbody></table></div>
</main>$packed<script>$script</script></body></html>
"""


class Published(NamedTuple):
    """A published run without its trials: what pages over several runs need."""

    base: str  # path without its endings
    date: str
    matrix: str
    machine: str
    processor: str
    kernel: str
    counts: tuple  # sessions, blocks, trials, failed
    said: tuple  # verdict.Said of transports and of serializers
    column: dict  # (transport, placement, wake) → a round trip of 64 bytes, as text
    kind: dict  # what the machine is like (machines.py)

    @property
    def name(self):
        return os.path.basename(self.base)


def small_round_trips(cells):
    found = {}
    for c in grouping.find(cells, workload="echo", payload="bytes:64", serializer="none"):
        if c.is_ours and c.is_plain and c.lang == "c":
            ratio = f" ({c.to_control.estimate:.2f}×)" if c.to_control else ""
            found[c.axes["transport"], c.axes["placement"], c.axes["wake"]] = words.time_text(c.estimate("p50_ns")) + ratio
    return found


def read(base, with_page):
    """What is published there; writes its page, too, if asked. Raises load.BadResults, OSError."""
    results = load.load([base + ".jsonl.gz"])
    cells = grouping.group(results)
    if with_page:
        write(base + ".html", page.page(results, cells, title=f"Corps Lab: {os.path.basename(base)}", beside=[os.path.basename(base) + ".jsonl.gz"]))
    run = results.runs[0]
    finger = run["fingerprint"]
    processor = finger.get("processor", {})
    return Published(base, os.path.basename(base).partition("-" + run["matrix"])[0], run["matrix"], finger.get("machine", "?"),
                     f"{processor.get('processors', '?')} × {processor.get('model', '?')}", finger.get("kernel", {}).get("release", "?"),
                     (len(results.runs), len({(t["run"], t["block"]) for t in results.trials}), len(results.trials), len(results.failed)),
                     verdict.of(cells), small_round_trips(cells), machines.figures(results, cells))


def write(path, text):
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)


def answering(runs, question):
    """The run that answers a question (0: transports, 1: serializers) best, of equals the newest."""
    return max(runs, key=lambda run: (run.said[question].rank, run.date))


def run_cells(run, folder):
    link = html.escape(os.path.relpath(run.base, folder))
    return (f'<td><a href="{link}.html">page</a></td><td><a href="{link}.jsonl.gz">lines</a></td>' + "".join(f"<td>{n}</td>" for n in run.counts))


def source(run, folder):
    """Says of which run a verdict is."""
    return f' <a class="dim" href="{html.escape(os.path.relpath(run.base, folder))}.html">{html.escape(run.name)}</a>'


def make(folder, machine, runs):
    """Writes the machine's page over its runs; the path."""
    here = os.path.join(folder, machine)
    chosen = [answering(runs, question) for question in (0, 1)]
    said = [run.said[question] for question, run in enumerate(chosen)]
    rows = "".join(f"<tr><td>{html.escape(run.date)}</td><td>{html.escape(run.matrix)}</td>{run_cells(run, here)}</tr>" for run in sorted(runs, key=lambda r: r.base))
    path = os.path.join(here, "index.html")
    write(path, string.Template(FRAME).substitute(
        title=html.escape(f"Corps Lab: machine {machine}"), style=page.part("style.css"), script=page.script(page.GLANCE), runs=rows,
        head=html.escape(f"{runs[0].processor} · Linux {runs[0].kernel} · {len(runs)} published runs"),
        glance=page.glance(*said, notes=[source(run, here) for run in chosen]),
        packed=packing.library() + packing.element("data", packing.compact({"glance": page.glance_data(*said)}))))
    return path


def compared():
    """The transports that stand in tables over machines."""
    return [name for name, traits in transports.table().items() if not traits.capabilities & {"comparison", "discards"}]
