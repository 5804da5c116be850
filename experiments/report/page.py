"""One self-contained HTML page: the answer in words, charts, every cell, failures, the machine, the raw lines."""
import base64
import gzip
import html
import json
import re

from plotly.offline import get_plotlyjs

import charts
import limits as limiting
import text
import words

STYLE = """
:root{color-scheme:light dark;--bg:#fbfbfd;--fg:#1c1e21;--dim:#5d636b;--line:#d8dce2;--card:#fff;--mark:#0072b2}
@media(prefers-color-scheme:dark){:root{--bg:#14161a;--fg:#e6e8eb;--dim:#9aa1aa;--line:#2d323a;--card:#1b1e24;--mark:#56b4e9}}
*{box-sizing:border-box}body{margin:0;background:var(--bg);color:var(--fg);font:16px/1.55 system-ui,sans-serif}
main{max-width:1080px;margin:0 auto;padding:1.2rem}h1{font-size:1.7rem;margin:.4rem 0}h2{margin:2.2rem 0 .6rem;font-size:1.25rem}
p.dim,figcaption,.dim{color:var(--dim);font-size:.92rem}ul.words{padding-left:1.1rem}ul.words li{margin:.3rem 0}
.note{border-left:4px solid #e69f00;padding:.3rem .8rem;background:var(--card);margin:.5rem 0}
figure{overflow-x:auto;margin:1rem 0;padding:.6rem;background:var(--card);border:1px solid var(--line);border-radius:10px}
figcaption{padding:0 .4rem .2rem}.scroll{overflow-x:auto;border:1px solid var(--line);border-radius:10px;background:var(--card)}
table{border-collapse:collapse;width:100%;font-size:.88rem}th,td{padding:.32rem .6rem;text-align:right;white-space:nowrap;
border-bottom:1px solid var(--line)}th:nth-child(-n+7),td:nth-child(-n+7){text-align:left}
.why td{white-space:normal;padding-left:1.8rem}.limits tr:has(+.why) td{border-bottom:0}
th button{all:unset;cursor:pointer;font-weight:600}th button:focus-visible,input:focus-visible,a:focus-visible{outline:2px solid var(--mark)}
input[type=search]{width:100%;max-width:26rem;padding:.45rem .7rem;border:1px solid var(--line);border-radius:8px;background:var(--card);
color:var(--fg);font:inherit;margin:.3rem 0 .7rem}a{color:var(--mark)}pre{white-space:pre-wrap;overflow-wrap:anywhere;font-size:.82rem}
.flag{color:#d55e00;cursor:help}
"""

SCRIPT = """
const rows=[...document.querySelectorAll('#cells tbody tr')];
const box=document.getElementById('filter');
const shown=document.getElementById('shown');
function filter(){const words=box.value.toLowerCase().split(/\\s+/).filter(Boolean);let n=0;
 for(const r of rows){const t=r.dataset.text;const ok=words.every(w=>t.includes(w));r.hidden=!ok;n+=ok}
 shown.textContent=n+' of '+rows.length+' cells';location.replace('#'+encodeURIComponent(box.value))}
box.value=decodeURIComponent(location.hash.slice(1));box.addEventListener('input',filter);filter();
document.querySelectorAll('#cells th button').forEach((b,i)=>b.addEventListener('click',()=>{
 const th=b.parentElement,up=th.getAttribute('aria-sort')!=='ascending';
 document.querySelectorAll('#cells th').forEach(x=>x.removeAttribute('aria-sort'));
 th.setAttribute('aria-sort',up?'ascending':'descending');
 const key=r=>{const v=r.children[i].dataset.v;return v===undefined?r.children[i].textContent:(v===''?Infinity:+v)};
 rows.sort((a,c)=>{const x=key(a),y=key(c);return (x<y?-1:x>y?1:0)*(up?1:-1)});
 rows.forEach(r=>r.parentElement.append(r))}));
document.getElementById('download').addEventListener('click',async()=>{
 const bytes=Uint8Array.from(atob(document.getElementById('raw').textContent.trim()),c=>c.charCodeAt(0));
 const text=await new Response(new Blob([bytes]).stream().pipeThrough(new DecompressionStream('gzip'))).blob();
 const a=document.createElement('a');a.href=URL.createObjectURL(text);a.download='results.jsonl';a.click()});
"""

COLUMNS = (("workload", "workload"), ("transport", "transport"), ("serializer", "serializer"), ("payload", "payload"),
           ("wake", "wake"), ("placement", "placement"), ("lang", "lang"))


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
    cells = "".join(f"<td>{html.escape(str(axes[name]))}</td>" for name, _ in COLUMNS)
    failed = f" ({len(c.failures)} failed)" if c.failures else ""
    p50, p99, rate, cpu = (c.median(f) for f in ("p50_ns", "p99_ns", "messages_per_s", "cpu_ns_per_message"))
    return (f'<tr data-text="{html.escape(c.text.lower())}">{cells}'
            + number(p50, words.time_text(p50)) + number(p99, words.time_text(p99))
            + number(ratio.estimate if ratio else None, f"{ratio.estimate:.2f}×{interval}" if ratio else "")
            + number(rate, words.rate_text(rate)) + number(cpu, words.time_text(cpu))
            + number(len(c.trials), f"{len(c.trials)}{failed}{flags}") + "</tr>")


def table(cells):
    titles = [title for _, title in COLUMNS] + ["p50", "p99", "p50 ÷ control (95 %)", "rate", "CPU per message", "trials"]
    head = "".join(f'<th scope="col"><button>{t}</button></th>' for t in titles)
    order = sorted(cells.values(), key=lambda c: (c.is_raw, c.axes["workload"], c.axes["placement"], c.axes["wake"],
                                                  c.median("p50_ns") or float("inf")))
    return (f'<div class="scroll"><table id="cells"><caption class="dim" style="text-align:left;padding:.4rem .6rem">'
            f'Medians over blocks. Click a heading to sort. ⚑ is a noise flag.</caption><thead><tr>{head}</tr></thead><tbody>'
            + "\n".join(cell_row(c) for c in order) + "</tbody></table></div>")


def answers(cells):
    out = []
    for title, sentences in (("Which transport?", words.transport_answers(cells)),
                             ("Which serializer?", words.serializer_answers(cells)),
                             ("Does serializing dominate?", words.share_answer(cells)),
                             ("What does the language cost?", words.lang_answers(cells))):
        if sentences:
            items = "".join(f"<li>{bold(s)}</li>" for s in sentences)
            out.append(f"<h2>{title}</h2><ul class=words>{items}</ul>")
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
    lines = "\n".join(json.dumps(r) for r in results.runs + results.trials) + "\n"
    return base64.b64encode(gzip.compress(lines.encode(), 9, mtime=0)).decode()


def page(results, cells):
    """The page as text."""
    head = " · ".join(html.escape(line) for line in text.header(results))
    notes = "".join(f'<p class="note">{html.escape(line)}</p>' for line in words.caution(results, cells))
    figures = ""
    for index, (fig, caption) in enumerate(charts.all_charts(cells)):
        body = fig.to_html(full_html=False, include_plotlyjs=False, div_id=f"chart{index}", config={"displayModeBar": False, "responsive": True})
        label = html.escape(fig.layout.title.text)
        figures += f'<figure role="group" aria-label="{label}">{body}<figcaption>{html.escape(caption)}</figcaption></figure>'
    machine = "".join(f"<pre>{html.escape(json.dumps(r.get('fingerprint', {}), indent=1))}</pre>" for r in results.runs)
    return f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width,initial-scale=1">
<title>Corps Lab report</title><style>{STYLE}</style><script>{get_plotlyjs()}</script></head>
<body><main><h1>Corps Lab report</h1><p class="dim">{head}</p>{notes}
{limits_section(results, cells)}
{answers(cells)}
<h2>Charts</h2>{figures or '<p>There is nothing to draw: no successful echo cells.</p>'}
<h2>Every cell</h2><label for="filter">Filter, for example <em>echo shm spin</em></label><br>
<input type="search" id="filter" autocomplete="off"> <span id="shown" class="dim" aria-live="polite"></span>
{table(cells)}
{failures(cells)}
<h2>The machine</h2><details><summary>Fingerprint of every run</summary>{machine}</details>
<h2>Data</h2><p><button id="download">Download the JSON lines</button></p>
</main><script type="application/octet-stream" id="raw">{raw_data(results)}</script><script>{SCRIPT}</script></body></html>
"""
