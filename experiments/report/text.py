"""The report for a terminal: 100 columns, no colour. The tables come first and the answers last, where a terminal shows them above the prompt."""
import textwrap

import answers
import cells as grouping
import counts
import limits as limiting
import load
import verdict
import words

WIDTH = 100
HEADED = ("workload", "transport", "serializer", "payload", "wake", "placement", "lang")  # what the table of latencies tells in columns and headings


def heading(title):
    return f"\n{title}\n{'─' * len(title)}"


def paragraph(text):
    return textwrap.fill(text.replace("**", ""), WIDTH, initial_indent="  ", subsequent_indent="    ")


def ratio_text(cell):
    if cell.to_control is None:
        return "", ""
    r = cell.to_control
    interval = f"{r.low:.2f}–{r.high:.2f}" if r.has_interval else ""
    return f"{r.estimate:.2f}×", interval


def latency_table(cells, workload="echo"):
    rows = []
    chosen = [c for c in grouping.find(cells, workload=workload) if not c.is_raw and c.is_plain and not c.axes.get("load")]
    chosen.sort(key=lambda c: (c.lang != "c", c.lang, c.axes["placement"], c.axes["wake"], c.axes["serializer"],
                               c.axes["payload"].split(":")[0], c.axes["size_bytes"], c.estimate("p50_ns")))
    group = None
    for c in chosen:
        key = (c.axes["placement"], c.axes["wake"], c.lang)
        if key != group:
            group = key
            alike = [other for other in chosen if (other.axes["placement"], other.axes["wake"], other.lang) == key]
            rows.append(f"\n  {workload}, placement {key[0]}, wake {key[1]}{words.lang_text(c.lang)}{words.resolved(cells, alike)}")
            rows.append(f"    {'transport':<15}{'serializer':<12}{'payload':<16}{'p50':>9}{'p99':>9}{'÷ control':>10}"
                        f" {'95 %':<11}{'rate':>10}{'CPU/msg':>9}")
        estimate, interval = ratio_text(c)
        apart = load.cell_text(c.axes, HEADED)
        rows.append(f"    {c.axes['transport']:<15}{c.axes['serializer']:<12}{c.axes['payload'][:15]:<16}"
                    f"{words.time_text(c.estimate('p50_ns')):>9}{words.time_text(c.estimate('p99_ns')):>9}"
                    f"{estimate:>10} {interval:<11}{words.rate_text(c.estimate('messages_per_s')):>10}"
                    f"{words.time_text(c.estimate('cpu_ns_per_message')):>9}{' !' if c.flags else ''}{apart and '  ' + apart}")
    return rows


def special_table(cells):
    """Cells that set what only some experiments set: a load, a gap, a batch, stages."""
    chosen = [c for c in grouping.find(cells) if not c.is_raw and (not c.is_plain or c.axes.get("load"))]
    rows = [f"    {'cell':<68}{'p50':>9}{'p99':>9}{'rate':>11}"] if chosen else []
    for c in sorted(chosen, key=lambda c: (c.axes["workload"], c.axes["wake"], c.text)):
        rows.append(f"    {c.text[:67]:<68}{words.time_text(c.estimate('p50_ns')):>9}{words.time_text(c.estimate('p99_ns')):>9}"
                    f"{words.rate_text(c.estimate('messages_per_s')):>11}{' !' if c.flags else ''}")
    return rows


def tails_table(cells):
    """Over all latencies of a cell together, since a trial alone seldom has enough of them."""
    found = [(c, c.tail(1000), c.tail(10000)) for c in grouping.find(cells)]
    rows = [f"    {'cell':<58}{'p50':>9}{'p99.9':>9}{'p99.99':>9}{'max':>9}"] if any(tail for _, tail, _ in found) else []
    for c, tail, far in sorted(found, key=lambda row: row[0].text):
        if tail is not None:
            rows.append(f"    {c.text[:57]:<58}{words.time_text(c.estimate('p50_ns')):>9}{words.time_text(tail):>9}{words.time_text(far):>9}"
                        f"{words.time_text(c.spread('max_ns')[1]):>9}{' !' if c.flags else ''}")
    return rows


def counts_table(cells):
    """What was counted step by step (counts=1), beside the time."""
    found = counts.found(cells)
    rows = [f"    {'cell':<46}{'instructions':>13}{'apart':>7}{'caller':>9}{'calls':>7}{'bytes':>8}{'faults':>8}{'p50':>9}"] if found else []
    for c in found:
        instructions, caller, *others = (counts.shown(c, name).replace(",", "") for name in counts.FIGURES)
        rows.append(f"    {c.text[:45]:<46}{instructions:>13}{counts.apart_text(c):>7}{caller:>9}{others[0]:>7}{others[1]:>8}{others[2]:>8}{words.time_text(c.estimate('p50_ns')):>9}")
    return rows + [f"    {c.text[:45]:<46}not counted: not allowed, or the machine too crowded" for c in counts.uncounted(cells)]


def controls_table(cells):
    rows = [f"    {'control':<15}{'payload':<14}{'wake':<7}{'placement':<11}{'p50':>10}{'p99':>10}{'CPU/msg':>10}"]
    raw = sorted((c for c in grouping.find(cells) if c.is_raw and not c.axes.get("counts")),
                 key=lambda c: (c.axes["placement"], c.axes["wake"], c.estimate("p50_ns")))
    for c in raw:
        rows.append(f"    {c.axes['transport']:<15}{c.axes['payload'][:13]:<14}{c.axes['wake']:<7}"
                    f"{c.axes['placement']:<11}"
                    f"{words.time_text(c.estimate('p50_ns')):>10}{words.time_text(c.estimate('p99_ns')):>10}"
                    f"{words.time_text(c.estimate('cpu_ns_per_message')):>10}{' !' if c.flags else ''}")
    return rows if raw else []


def limits_table(rows):
    lines = [f"    {'row':<40}{'ours':>9}{'against':>9}{'limit':>10}{'reached':>10}  {'95 %':<20}mark"]
    for r in rows:
        lines.append(f"    {r.text[:39]:<40}{r.side_text(r.ours):>9}{r.side_text(r.against):>9}{r.bound_text:>10}"
                     f"{r.reached_text:>10}  {r.interval_text:<20}{r.mark}")
        if r.why:
            lines.append(textwrap.fill(r.why, WIDTH, initial_indent="      ", subsequent_indent="      "))
    return lines


def failures(results, cells):
    rows = []
    for c in cells.values():
        for reason in sorted({t["error"] or "no reason given" for t in c.failures}):
            count = sum(1 for t in c.failures if (t["error"] or "no reason given") == reason)
            rows.append(paragraph(f"{count}× {c.text}: {reason}"))
    return rows


def header(results):
    lines = []
    for run in results.runs:
        finger = run.get("fingerprint", {})
        cpu = finger.get("processor", {})
        lines.append(f"run {run['run']}: matrix {run['matrix']}, seed {run['seed']}, "
                     f"{cpu.get('processors', '?')} × {cpu.get('model', 'unknown processor')}, "
                     f"Linux {finger.get('kernel', {}).get('release', '?')}")
    blocks = len({(t["run"], t["block"]) for t in results.trials})
    lines.append(f"{len(results.trials)} trials in {words.blocks_text(blocks)}, {len(results.failed)} failed")
    return lines


def answer(cells, name):
    """One answer alone."""
    found = answers.sections(cells, (name,))
    lines = [heading(found[0][1])[1:]] + [paragraph(s) for s in found[0][2]] if found else ["nothing was measured that answers this"]
    return "\n".join(lines) + "\n"


def report(results, cells, workload=None):
    """The whole text."""
    out = ["Corps Lab report", "════════════════"]
    out += header(results)
    for title, rows in limiting.tables(results, cells):
        out.append(heading(title))
        out += limits_table(rows)
    table = controls_table(cells)
    if table:
        out.append(heading("The physical limit: bare ping-pongs without the core"))
        out += table
    out.append(heading("Cells (÷ control: p50 against the bare ping-pong of the same size, wake and placement)"))
    if any(c.lang != "c" and c.control and c.axes["workload"] == "echo" for c in cells.values()):
        out.append(paragraph("Where Python calls or is called, the control is Python's own: raw:mp-pipe, and raw:queue "
                             "within one Env; it always sleeps."))
    if any(c.control and c.axes["workload"] == "heal" for c in cells.values()):
        out.append(paragraph("Of heal the control is the bare start of a process: of the same program, or of a Python interpreter."))
    names = sorted({c.axes["workload"] for c in cells.values() if not c.is_raw})
    for name in names if workload is None else [workload]:
        out += latency_table(cells, name)
    special = special_table(cells) if workload is None else []
    if special:
        out.append(heading("Cells with a load, a gap, a batch or stages, and whole programs"))
        out += special
    counted = counts_table(cells) if workload is None else []
    if counted:
        out.append(heading("Counted exactly: a message, of all processes (apart: by how much the instructions of blocks differ)"))
        out += counted
    tails = tails_table(cells) if workload is None else []
    if tails:
        out.append(heading("Tails, of a cell's latencies all together (where ten or more are beyond)"))
        out += tails
    lost = failures(results, cells)
    if lost:
        out.append(heading("Failed trials"))
        out += lost
    if any(c.flags for c in cells.values()):
        out.append("\n  ! = flagged: may come out differently when measured again; the page tells why")
    return "\n".join(out + closing(results, cells)) + "\n"


def closing(results, cells):
    """The answers in detail, what to know before believing them, and last the answers in short."""
    out = []
    for name, title, sentences in answers.sections(cells):
        if name != "short":
            out.append(heading(title))
            out += [paragraph(s) for s in sentences]
    short = [f"**{question}** {said.sentence}" for question, said in zip(verdict.QUESTIONS, verdict.of(cells)) if said.data] + answers.short_wake(cells)
    cautions = words.caution(results, cells)
    if short or cautions:
        out.append(heading("In short"))
        out += [paragraph(s) for s in cautions + short]
    return out
