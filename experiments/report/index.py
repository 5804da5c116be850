"""results/index.html: every published run, and the machines side by side.

What is compared between machines is the ratio to the bare mechanism of the same run, which moves less than absolute figures do;
those stand beside it.
"""
import glob
import html
import os
import string

import cells as grouping
import load
import page
import transports
import words

CONDITIONS = (("same", "block"), ("cross", "block"), ("cross", "adaptive"), ("cross", "spin"))

FRAME = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width,initial-scale=1">
<title>Corps Lab results</title><style>$style</style></head><body><main><h1>Corps Lab results</h1>
<p>Published runs of the laboratory: one file of JSON lines each, never changed, and a page for each machine. <code>corps-lab report</code> and
<code>corps-lab recommend</code> read them as they are.</p>
<h2>Runs</h2><div class="scroll"><table id="runs"><thead><tr><th scope="col">date</th><th scope="col">matrix</th><th scope="col">machine</th>
<th scope="col">processor</th><th scope="col">kernel</th><th scope="col">page</th><th scope="col">data</th><th scope="col">sessions</th>
<th scope="col">blocks</th><th scope="col">trials</th><th scope="col">failed</th></tr></thead><tbody>$runs</tbody></table></div>
<h2>Machines side by side</h2><p class="dim">A round trip of 64 bytes, p50, and in brackets its multiple of the bare mechanism with the same
placement and wake policy.</p><div class="scroll"><table id="machines">$machines</table></div></main></body></html>
"""


def published(folder, machine="*"):
    """Every published run, of one machine or of all, without its endings; a machine's oldest first."""
    machine = machine if machine == "*" else glob.escape(machine)
    return sorted(path[:-len(".jsonl.gz")] for path in glob.glob(os.path.join(glob.escape(folder), machine, "*.jsonl.gz")))


def run_row(base, folder, results):
    first = results.runs[0]
    finger = first["fingerprint"]
    date, _, matrix = os.path.basename(base).partition("-" + first["matrix"])
    link = html.escape(os.path.relpath(base, folder))
    blocks = len({(t["run"], t["block"]) for t in results.trials})
    texts = (date, first["matrix"], finger.get("machine", "?"),
             f"{finger.get('processor', {}).get('processors', '?')} × {finger.get('processor', {}).get('model', '?')}",
             finger.get("kernel", {}).get("release", "?"))
    counts = (len(results.runs), blocks, len(results.trials), len(results.failed))
    return ("<tr>" + "".join(f"<td>{html.escape(str(t))}</td>" for t in texts)
            + f'<td><a href="{html.escape(os.path.dirname(os.path.relpath(base, folder)))}/index.html">page</a></td><td><a href="{link}.jsonl.gz">lines</a></td>'
            + "".join(f"<td>{n}</td>" for n in counts) + "</tr>")


def machine_column(cells):
    """(transport, placement, wake) → text."""
    found = {}
    for c in grouping.find(cells, workload="echo", payload="bytes:64", serializer="none"):
        if c.is_ours and c.is_plain and c.lang == "c":
            ratio = f" ({c.to_control.estimate:.2f}×)" if c.to_control else ""
            found[c.axes["transport"], c.axes["placement"], c.axes["wake"]] = words.time_text(c.estimate("p50_ns")) + ratio
    return found


def machines_table(columns):
    """columns: machine → (transport, placement, wake) → text."""
    names = sorted(columns)
    shown = [name for name, traits in transports.table().items() if not traits.capabilities & {"comparison", "discards"}]
    head = "".join(f'<th scope="col">{html.escape(n)}</th>' for n in names)
    body = ""
    for placement, wake in CONDITIONS:
        for transport in shown:
            texts = [columns[n].get((transport, placement, wake), "") for n in names]
            if any(texts):
                body += (f"<tr><td>{transport}</td><td>{placement}, wake {wake}</td>"
                         + "".join(f"<td>{html.escape(t)}</td>" for t in texts) + "</tr>")
    return f'<thead><tr><th scope="col">transport</th><th scope="col">condition</th>{head}</tr></thead><tbody>{body}</tbody>'


def write(folder):
    """Writes the index of what is published in `folder`; its path. Raises load.BadResults, OSError."""
    rows, columns = "", {}
    for base in published(folder):
        results = load.load([base + ".jsonl.gz"])
        rows += run_row(base, folder, results)
        machine = results.runs[0]["fingerprint"].get("machine", "?")
        columns.setdefault(machine, {}).update(machine_column(grouping.group(results)))
    path = os.path.join(folder, "index.html")
    with open(path, "w", encoding="utf-8") as file:
        file.write(string.Template(FRAME).substitute(style=page.part("style.css"), runs=rows, machines=machines_table(columns)))
    return path
