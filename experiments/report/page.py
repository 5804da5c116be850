"""The page of a study: two verdicts and a chart first, then serializers, an explorer, the answers in words, every cell, noise, limits, the
machine, the lines. One file that needs no network; a published page links its lines instead of holding them.

The parts lie in page/: the frame, the style, the scripts. D3 draws; it comes with the other Python packages (scripts/setup).
"""
import html
import json
import os
import re
import string

import answers
import counts
import coverage_page
import limits as limiting
import packing
import page_data
import text
import until
import verdict
import words

PARTS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "page")
GLANCE = ("figures.js", "chart.js", "glance.js", "begin.js")
SCRIPTS = ("figures.js", "chart.js", "glance.js", "explore.js", "more.js", "table.js", "begin.js")
QUESTIONS = verdict.QUESTIONS
COLUMNS = ("cell", "p50", "95 %", "p99", "÷ control", "rate", "CPU/message", "blocks", "noise")


def part(name):
    with open(os.path.join(PARTS, name), encoding="utf-8") as file:
        return file.read()


def script(names):
    return "".join(part(name) for name in names)


def bold(text):
    """Escaped text, with **…** as strong."""
    return re.sub(r"\*\*(.+?)\*\*", r"<strong>\1</strong>", html.escape(text))


# ---- what stands first ----

def verdict_html(name, question, sentence, note=""):
    said = re.sub(r"(\([^()]*\))$", r'<span class="dim">\1</span>', bold(sentence))
    return f'<p class="verdict" id="verdict-{name}"><b>{question}</b> {said}{note}</p>'


def glance(transports, serializers, notes=("", "")):
    """The two sentences, and the charts of what was measured. notes: HTML behind each sentence."""
    out = (verdict_html("transports", QUESTIONS[0], transports.sentence, notes[0])
           + verdict_html("serializers", QUESTIONS[1], serializers.sentence, notes[1]))
    if transports.data:
        ties = "Shaded: transports that are not clearly apart from the quickest." if transports.data["ties"] else "At every size the quickest is clearly apart."
        if transports.data["resolution"]:
            ties += f" By identical arms, {html.escape(transports.data['resolution'])}."
        out += (f'<figure id="glance"><div id="chart-transports" style="min-height:20rem"></div><figcaption>Round trip of bytes, {html.escape(transports.where)}, no '
                f'serializer; both axes logarithmic. {ties}</figcaption></figure>')
    if serializers.data:
        out += (f'<h2 id="serializers">Serializers</h2><figure><div id="chart-serializers"></div><figcaption>Share of a round trip that serializing '
                f'takes, with its 95 % interval, and below it the whole round trip (p50): {html.escape(serializers.where)}. The rest is the transport: what as many bytes '
                "take without a serializer. Bold: over one half.</figcaption></figure>")
    return f'<section id="verdict" aria-label="The answers">{out}</section>'


def glance_data(transports, serializers):
    return {"transports": transports.data, "serializers": serializers.data}


# ---- every cell ----

def number(value, shown):
    return f'<td data-v="{"" if value is None else value}">{shown}</td>'


def interval_text(ratio, form):
    return f"{form(ratio.low)} – {form(ratio.high)}" if ratio and ratio.has_interval else ""


def flag_names(flags):
    """The kinds of a cell's flags, which the section on noise explains."""
    return ", ".join(dict.fromkeys(flag.split(":")[0] for flag in flags))


def cell_row(c, stopped=None):
    ratio, p50 = c.to_control, c.interval("p50_ns")
    low, p99, rate, cpu = (c.estimate(f) for f in ("p50_ns", "p99_ns", "messages_per_s", "cpu_ns_per_message"))
    failed = f" ({len(c.failures)} failed)" if c.failures else ""
    bounds = f" ({ratio.low:.2f}–{ratio.high:.2f})" if ratio and ratio.has_interval else ""
    blocks = len(c.blocks("p50_ns"))
    why = f'<small class="dim stopped">{html.escape(stopped)}</small>' if stopped else ""
    cells = (f'<td class="text">{html.escape(c.text)}</td>' + number(low, words.time_text(low)) + f"<td>{interval_text(p50, words.time_text)}</td>"
             + number(p99, words.time_text(p99)) + number(ratio.estimate if ratio else None, f"{ratio.estimate:.2f}×{bounds}" if ratio else "")
             + number(rate, words.rate_text(rate)) + number(cpu, words.time_text(cpu)) + number(blocks, f"{blocks}{failed}{why}")
             + f'<td class="noise">{html.escape(flag_names(c.flags))}</td>')
    for title in COLUMNS:
        cells = re.sub(r"<td(?! data-title)", f'<td data-title="{html.escape(title)}"', cells, count=1)
    return f'<tr data-text="{html.escape(c.text.lower())}">{cells}</tr>'


def table(cells):
    """Without the duplicates that show what chance does: they would look like cells that stand twice."""
    head = "".join(f'<th scope="col"><button type="button">{t}</button></th>' for t in COLUMNS)
    stops = until.stops(cells)
    order = sorted((c for c in cells.values() if c.axes.get("arm") != "aa"),
                   key=lambda c: (c.is_raw, c.axes["workload"], c.axes["placement"], c.axes["wake"], c.estimate("p50_ns") or float("inf")))
    return ('<div class="scroll"><table id="cells" class="cards"><caption class="dim">Hodges–Lehmann estimates over blocks. A heading sorts. Noise: what '
            'the <a href="#noise">section on noise</a> explains.</caption>'
            f"<thead><tr>{head}</tr></thead><tbody>" + "\n".join(cell_row(c, stops.get(c)) for c in order) + "</tbody></table></div>")


# ---- exact counts ----

def counts_section(cells):
    """Nothing where none were made."""
    found, missing = counts.found(cells), counts.uncounted(cells)
    if not found and not missing:
        return ""
    several = any(counts.apart(c) is not None for c in found)
    titles = ("cell", *(title for title, _ in counts.FIGURES.values()), *(("blocks differ by",) if several else ()), "p50")
    least = {}
    for c in found:
        least.setdefault((c.axes["payload"], c.axes["serializer"]), c)
    rows = ""
    for c in found:
        texts = [counts.shown(c, name) for name in counts.FIGURES] + ([counts.apart_text(c)] if several else []) + [words.time_text(c.estimate("p50_ns"))]
        if c in least.values():
            texts[0] = f"<strong>{texts[0]}</strong>"
        rows += (f'<tr><td class="text" data-title="cell">{html.escape(c.text)}</td>'
                 + "".join(f'<td data-title="{title}">{text}</td>' for title, text in zip(titles[1:], texts)) + "</tr>")
    head = "".join(f'<th scope="col">{title}</th>' for title in titles)
    table = f'<div class="scroll"><table id="counts" class="cards"><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table></div>' if found else ""
    left = f'<p class="dim">Not counted, since it is not allowed there or the machine was too crowded: {html.escape("; ".join(c.text for c in missing))}.</p>' if missing else ""
    return ('<section><h2 id="exact">Counted exactly</h2><p class="dim">A message, of all processes together, stepped through instruction by instruction: what no other program '
            f"on the machine changes. Bold: the fewest instructions for the same payload and serializer.</p>{table}{left}</section>")


# ---- the rest ----

def answers_html(cells):
    return "".join(f'<details><summary id="answer-{name}">{title}</summary><ul class=words>' + "".join(f"<li>{bold(s)}</li>" for s in sentences) + "</ul></details>"
                   for name, title, sentences in answers.sections(cells) if name != "short")


def limits_section(results, cells):
    head = "".join(f'<th scope="col">{t}</th>' for t in ("row", "ours", "against", "limit", "reached", "95 %", "mark"))
    out = ""
    for number, (title, rows) in enumerate(limiting.tables(results, cells)):
        body = ""
        for r in rows:
            texts = (r.text, r.side_text(r.ours), r.side_text(r.against), r.bound_text, r.reached_text, r.interval_text, r.mark)
            body += "<tr>" + "".join(f"<td>{html.escape(t)}</td>" for t in texts) + "</tr>"
            if r.why:
                body += f'<tr class=why><td colspan={len(texts)} class="dim text">{html.escape(r.why)}</td></tr>'
        name = "limits" if number == 0 else f"limits-{number + 1}"
        out += (f"<h2>{html.escape(title)}</h2><div class=scroll><table id={name} class=limits><thead><tr>{head}</tr></thead>"
                f"<tbody>{body}</tbody></table></div>")
    return out and out + ('<p class="dim">“Reached” is the Hodges–Lehmann estimate over blocks: of the ratio of the two cells of a block, or of the figure itself; where '
                          "several cells stand against it, the best of each block. <em>Met</em>: the whole 95 % interval is within the limit; <em>met, not certain</em>: the "
                          "estimate is; <em>missed</em>: it is not.</p>")


def failures(cells):
    rows = "".join(f"<li>{html.escape(c.text)}: {html.escape(t['error'] or 'no reason given')}</li>" for c in cells.values() for t in c.failures)
    return f"<h2>Failed trials</h2><ul>{rows}</ul>" if rows else ""


def data_parts(results, beside):
    """(what the page says of the data, the element that holds it): the lines themselves, or links to files beside the page."""
    if beside:
        links = ", ".join(f'<a href="{html.escape(name)}" download>{html.escape(name)}</a>' for name in beside)
        return f"The JSON lines: {links}.", ""
    how, lines = packing.lines(results)
    return (f'<button id="download" type="button">Download the JSON lines</button> (results.jsonl.gz, {how})',
            f'<script type="application/gzip" id="raw">{lines}</script>')


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


def head_text(results):
    """What was measured, where and how much, in one line."""
    run = results.runs[0] if results.runs else {"matrix": "?"}
    finger = run.get("fingerprint", {})
    processor = finger.get("processor", {})
    blocks = len({(t["run"], t["block"]) for t in results.trials})
    sessions = f" in {len(results.runs)} sessions" if len(results.runs) > 1 else ""
    return " · ".join((f"{run['matrix']}, {finger.get('time', '')[:10]}".strip(", "), f"{processor.get('processors', '?')} × {processor.get('model', 'unknown processor')}",
                       f"Linux {finger.get('kernel', {}).get('release', '?')}", f"{words.blocks_text(blocks)}{sessions}, {len(results.trials)} trials, {len(results.failed)} failed"))


def page(results, cells, title="Corps Lab report", beside=(), coverage=()):
    """The page of a study as text. beside: names of the results files that lie beside the page; without any the lines are put into it.
    coverage: cells of corps-lab coverage."""
    machine = "".join(f"<pre>{html.escape(json.dumps(r.get('fingerprint', {}), indent=1))}</pre>" for r in results.runs)
    caution = words.caution(results, cells)
    first = verdict.of(cells)
    data = {**page_data.data(cells), "glance": glance_data(*first)}
    download, raw = data_parts(results, beside)
    return string.Template(part("page.html")).substitute(
        title=html.escape(title), style=part("style.css"), script=script(SCRIPTS), head=html.escape(head_text(results)) + (' · <a href="index.html">the machine</a>' if beside else ""),
        glance=glance(*first), notes=f'<p class="note">{html.escape(" ".join(caution))}</p>' if caution else "",
        limits=limits_section(results, cells), counts=counts_section(cells), answers=answers_html(cells), table=table(cells), cell_count=sum(c.axes.get("arm") != "aa" for c in cells.values()), failures=failures(cells),
        coverage=coverage_page.section(coverage, embedded) if coverage else "", noise=noise_html(cells),
        runs="<br>".join(html.escape(line) for line in text.header(results)), machine=machine,
        packed=packing.library() + packing.element("data", packing.compact(data)), download=download, raw=raw)
