"""The index of published runs, results/index.html: what each machine says, every run, and the machines side by side."""
import glob
import html
import os
import string

import machine_page
import machines
import page

CONDITIONS = (("same", "block"), ("cross", "block"), ("cross", "adaptive"), ("cross", "spin"))

FRAME = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width,initial-scale=1">
<title>Corps Lab results</title><style>$style
:is(#machines,#runs) :first-child{overflow-wrap:normal}</style></head><body><main><h1>Corps Lab results</h1>
<p class="dim">Published runs of the laboratory, each a file of JSON lines that is never changed, with a page of its own. <code>corps-lab report</code> and
<code>corps-lab recommend</code> read them as they are.</p>$machines
<h2>Machines side by side</h2><p class="dim">A round trip of 64 bytes, p50 (Hodges–Lehmann over blocks), and in brackets its multiple of the bare mechanism with the same
placement and wake policy; each column is of one run.</p><div class="scroll"><table id="machines">$table</table></div>
<h2>Runs</h2><div class="scroll"><table id="runs"><thead><tr><th scope="col">machine</th><th scope="col">date</th><th scope="col">matrix</th><th scope="col">page</th>
<th scope="col">lines</th><th scope="col">sessions</th><th scope="col">blocks</th><th scope="col">trials</th><th scope="col">failed</th></tr></thead>
<tbody>$runs</tbody></table></div>$coverage</main></body></html>
"""


COVERAGE = """<h2>What serializers carry</h2><p class="dim"><a href="serializers/coverage/index.html">Every object with every serializer</a>: carried, refused or changed
in silence, as <code>corps-lab coverage</code> saw it.</p>"""


def published(folder, machine="*"):
    """Every published run, of one machine or of all, without its endings; a machine's oldest first."""
    machine = machine if machine == "*" else glob.escape(machine)
    return sorted(path[:-len(".jsonl.gz")] for path in glob.glob(os.path.join(glob.escape(folder), machine, "*.jsonl.gz")))


def by_machine(runs):
    found = {}
    for run in runs:
        found.setdefault(run.machine, []).append(run)
    return dict(sorted(found.items()))


def answers_of(runs):
    """[(which question, the run that answers it best)] of a machine, where one does."""
    chosen = [(question, machine_page.answering(runs, question)) for question in (0, 1)]
    return [(question, run) for question, run in chosen if run.said[question].rank != (0,)]


def machine_section(machine, runs, folder):
    sentences = "".join(page.verdict_html(f"{('transports', 'serializers')[number]}-{html.escape(machine)}", page.QUESTIONS[number], run.said[number].sentence,
                                          machine_page.source(run, folder)) for number, run in answers_of(runs))
    sentences = sentences or '<p class="dim">No run of this machine compares transports or serializers.</p>'
    return (f'<h2><a href="{html.escape(machine)}/index.html">Machine {html.escape(machine)}</a></h2>'
            f'<p class="dim">{html.escape(runs[0].processor)}, Linux {html.escape(runs[0].kernel)}</p>{sentences}')


def kinds_rows(kinds):
    """What each machine is like, by what machines are compared by."""
    return "".join(f"<tr><td>{what}</td><td>measured</td>" + "".join(
        f"<td>{html.escape(machines.value_text(figure, kind[figure]))}</td>" for kind in kinds) + "</tr>" for figure, what in machines.FIGURES.items())


def machines_table(columns, kinds):
    """columns: title → (transport, placement, wake) → text; kinds: the figures of each column's machine (machines.py)."""
    head = "".join(f'<th scope="col">{html.escape(title)}</th>' for title in columns)
    body = kinds_rows(kinds)
    for placement, wake in CONDITIONS:
        for transport in machine_page.compared():
            texts = [column.get((transport, placement, wake), "") for column in columns.values()]
            if any(texts):
                body += f"<tr><td>{transport}</td><td>{placement}, wake {wake}</td>" + "".join(f"<td>{html.escape(t)}</td>" for t in texts) + "</tr>"
    return f'<thead><tr><th scope="col">transport</th><th scope="col">condition</th>{head}</tr></thead><tbody>{body}</tbody>'


def write(folder, runs):
    """Writes the index of the runs published in `folder` (machine_page.Published); its path. Raises OSError."""
    each = by_machine(runs)
    rows = "".join(f"<tr><td>{html.escape(run.machine)}</td><td>{html.escape(run.date)}</td><td>{html.escape(run.matrix)}</td>"
                   f"{machine_page.run_cells(run, folder)}</tr>" for run in runs)
    columns, kinds = {}, []
    for machine, members in each.items():
        run = machine_page.answering(members, 0)
        columns[f"{machine}, {run.name}"] = run.column
        kinds.append(run.kind)
    path = os.path.join(folder, "index.html")
    machine_page.write(path, string.Template(FRAME).substitute(
        style=page.part("style.css"), runs=rows,
        coverage=COVERAGE if os.path.exists(os.path.join(folder, "serializers", "coverage", "index.html")) else "", table=machines_table(columns, kinds),
        machines="".join(machine_section(machine, members, folder) for machine, members in sorted(each.items(), key=lambda item: -len(answers_of(item[1]))))))
    return path
