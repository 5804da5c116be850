"""One self-contained HTML page: the answer in words, an explorer, charts, every cell, failures, the machine, the raw lines.

The parts lie in page/: the frame, the style, the script. plotly's library is put in whole, so that the page needs no network.
"""
import base64
import gzip
import html
import json
import os
import re
import string

from plotly.offline import get_plotlyjs

import answers
import coverage_page
import limits as limiting
import load
import keys
import page_data
import text
import words

RAW_BYTES_MAX = 4 << 20  # compressed, in a page
PARTS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "page")
COLUMNS = [key["name"] for key in keys.AXES if "title" in key]


def bold(text):
    """Escaped text, with **…** as strong."""
    return re.sub(r"\*\*(.+?)\*\*", r"<strong>\1</strong>", html.escape(text))


def number(value, shown):
    return f'<td data-v="{"" if value is None else value}">{shown}</td>'


def cell_row(c):
    ratio = c.to_control
    interval = f" ({ratio.low:.2f}–{ratio.high:.2f})" if ratio and ratio.has_interval else ""
    flags = f' <span class="flag" tabindex="0" title="{html.escape("; ".join(c.flags))}">⚑</span>' if c.flags else ""
    axes = {**c.axes, "lang": c.lang}
    cells = "".join(f"<td>{html.escape(str(axes[name]))}</td>" for name in COLUMNS)
    failed = f" ({len(c.failures)} failed)" if c.failures else ""
    p50, p99, rate, cpu = (c.estimate(f) for f in ("p50_ns", "p99_ns", "messages_per_s", "cpu_ns_per_message"))
    return (f'<tr data-text="{html.escape(c.text.lower())}">{cells}'
            + number(p50, words.time_text(p50)) + number(p99, words.time_text(p99))
            + number(ratio.estimate if ratio else None, f"{ratio.estimate:.2f}×{interval}" if ratio else "")
            + number(rate, words.rate_text(rate)) + number(cpu, words.time_text(cpu))
            + number(len(c.trials), f"{len(c.trials)}{failed}{flags}") + "</tr>")


def table(cells):
    titles = COLUMNS + ["p50", "p99", "p50 ÷ control (95 %)", "rate", "CPU per message", "trials"]
    head = "".join(f'<th scope="col"><button>{t}</button></th>' for t in titles)
    order = sorted(cells.values(), key=lambda c: (c.is_raw, c.axes["workload"], c.axes["placement"], c.axes["wake"],
                                                  c.estimate("p50_ns") or float("inf")))
    return (f'<div class="scroll"><table id="cells"><caption class="dim" style="text-align:left;padding:.4rem .6rem">'
            f'Medians over blocks. Click a heading to sort. ⚑ is a noise flag.</caption><thead><tr>{head}</tr></thead><tbody>'
            + "\n".join(cell_row(c) for c in order) + "</tbody></table></div>")


def answers_html(cells):
    out = []
    for name, title, sentences in answers.sections(cells):
        items = "".join(f"<li>{bold(s)}</li>" for s in sentences)
        out.append(f'<h2 id="answer-{name}">{title}</h2><ul class=words>{items}</ul>')
    return "".join(out)


def limits_section(results, cells):
    head = "".join(f'<th scope="col">{t}</th>'
                   for t in ("row", "ours", "against", "limit", "reached", "95 %", "mark"))
    out = ""
    for number, (title, rows) in enumerate(limiting.tables(results, cells)):
        body = ""
        for r in rows:
            texts = (r.text, r.side_text(r.ours), r.side_text(r.against), r.bound_text, r.reached_text, r.interval_text, r.mark)
            body += "<tr>" + "".join(f"<td>{html.escape(t)}</td>" for t in texts) + "</tr>"
            if r.why:
                body += f'<tr class=why><td colspan={len(texts)} class=dim>{html.escape(r.why)}</td></tr>'
        name = "limits" if number == 0 else f"limits-{number + 1}"
        out += (f"<h2>{html.escape(title)}</h2><div class=scroll><table id={name} class=limits><thead><tr>{head}</tr></thead>"
                f"<tbody>{body}</tbody></table></div>")
    return out


def failures(cells):
    rows = "".join(f"<li>{html.escape(c.text)}: {html.escape(t['error'] or 'no reason given')}</li>"
                   for c in cells.values() for t in c.failures)
    return f"<h2>Failed trials</h2><ul>{rows}</ul>" if rows else ""


def raw_data(results):
    """The lines, compressed; without the trials' histograms where the page would become too large."""
    def packed(trials):
        lines = "".join(load.line_text(r) + "\n" for r in results.runs + trials)
        return gzip.compress(lines.encode(), 9, mtime=0)
    data = packed(results.trials)
    if len(data) > RAW_BYTES_MAX:
        data = packed([{**t, "histogram": None} for t in results.trials])
    return base64.b64encode(data).decode()


def data_parts(results, beside):
    """(what the page says of the data, the element that holds it): the lines themselves, or links to files beside the page."""
    if beside:
        links = ", ".join(f'<a href="{html.escape(name)}" download>{html.escape(name)}</a>' for name in beside)
        return f"The JSON lines: {links}.", ""
    return ('<button id="download" type="button">Download the JSON lines</button>',
            f'<script type="application/octet-stream" id="raw">{raw_data(results)}</script>')


def noise_html(cells):
    """Every kind of flag, with the cells that bear it."""
    kinds = {}
    for c in cells.values():
        for flag in c.flags:
            kinds.setdefault(flag.split(":")[0], []).append(f"{c.text}: {flag.split(':', 1)[-1].strip()}")
    if not kinds:
        return "<p>No cell bears a noise flag.</p>"
    parts = []
    for kind, members in sorted(kinds.items()):
        items = "".join(f"<li>{html.escape(m)}</li>" for m in members)
        parts.append(f"<details><summary>{html.escape(kind)}: {len(members)} of {len(cells)} cells</summary><ul>{items}</ul></details>")
    return "".join(parts)


def embedded(value):
    """JSON that may stand within a script element."""
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False).replace("</", "<\\/")


def coverage_alone(coverage):
    """The page of cells of corps-lab coverage, without results."""
    return coverage_page.page(coverage, embedded, part("style.css"))


def part(name):
    with open(os.path.join(PARTS, name), encoding="utf-8") as file:
        return file.read()


def page(results, cells, title="Corps Lab report", beside=(), coverage=()):
    """The page as text. beside: names of the results files that lie beside the page; without any the lines are put into it.
    coverage: cells of corps-lab coverage."""
    machine = "".join(f"<pre>{html.escape(json.dumps(r.get('fingerprint', {}), indent=1))}</pre>" for r in results.runs)
    notes = "".join(f'<p class="note">{html.escape(line)}</p>' for line in words.caution(results, cells))
    download, raw = data_parts(results, beside)
    return string.Template(part("page.html")).substitute(
        title=html.escape(title), style=part("style.css"), plotly=get_plotlyjs(), script=part("explore.js"),
        head=" · ".join(html.escape(line) for line in text.header(results)), notes=notes,
        limits=limits_section(results, cells), answers=answers_html(cells), table=table(cells), failures=failures(cells),
        coverage=coverage_page.section(coverage, embedded) if coverage else "",
        noise=noise_html(cells), machine=machine, data=embedded(page_data.data(cells)), download=download, raw=raw)
