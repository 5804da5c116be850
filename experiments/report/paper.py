"""report --paper FILE.pdf: a run on paper, for those who attach it or keep it: how it was measured, the answers, charts, every cell with its
interval, what to doubt, and on what machine. One study, one file.

Chromium prints it: the charts are the page's (page/), drawn by the same scripts. CHROMIUM names another program.
"""
import hashlib
import html
import json
import os
import shutil
import string
import subprocess
import tempfile

import answers
import load
import packing
import page
import stats
import verdict
import words

PRINTERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
PATIENCE_S = 180
DRAWING_MS = 30000  # of the page's own time, which a headless Chromium runs through at once
LACKING = "--paper needs Chromium to print with; install it (Debian: apt install chromium), or name one in CHROMIUM"
STYLE = """
@page{size:A4;margin:16mm 14mm}body{font:9.5pt/1.4 system-ui,sans-serif}main{max-width:none;padding:0}h1{font-size:17pt}h2{font-size:12.5pt;margin:1.1rem 0 .3rem;break-after:avoid}
h3{break-after:avoid}figure,.verdict,tr{break-inside:avoid}thead{display:table-header-group}table{font-size:7.6pt}td,th{padding:.12rem .3rem}ul.words li{margin:.15rem 0}
.facts th{text-align:left;width:11rem;font-weight:600}.facts td{text-align:left;overflow-wrap:anywhere}pre{font-size:6.5pt;white-space:pre-wrap;overflow-wrap:anywhere}"""
FRAME = string.Template("""<!doctype html><html lang="en"><head><meta charset="utf-8"><title>$title</title><style>$style</style></head><body><main>
<h1>$title</h1><p class="dim">$head</p>$cautions$glance
<h2>How it was measured</h2>$method
<h2>The answers in words</h2>$answers$limits
<h2>Every cell</h2>$cells$failures
<h2 id="noise">Noise</h2>$noise
<h2>The machine</h2>$machine
<h2>The data</h2>$data
</main>$packed<script>$script</script></body></html>""")


def printer():
    """The program that prints; None where there is none."""
    return os.environ.get("CHROMIUM") or next((path for name in PRINTERS for path in (shutil.which(name),) if path), None)


def facts(pairs):
    rows = "".join(f'<tr><th scope="row">{html.escape(name)}</th><td>{html.escape(str(value))}</td></tr>' for name, value in pairs if value not in (None, ""))
    return f'<table class="facts"><tbody>{rows}</tbody></table>'


def lengths(results):
    """How long trials were to last, as the most of them were."""
    found = [json.dumps(t["length"], sort_keys=True) for t in results.trials if t.get("length")]
    return json.loads(max(set(found), key=found.count)) if found else None


def method(results, cells):
    """What was done, with this run's own numbers."""
    run, length = results.runs[0], lengths(results)
    blocks = len({(t["run"], t["block"]) for t in results.trials})
    families = len({t.get("family") for t in results.trials})
    duplicates = sum(c.axes.get("arm") == "aa" for c in cells.values())
    lasts = (f" Most had {length['warmup_count']} messages of warm-up, then at least {length['min_count']} messages and {length['min_ms']} ms, at most "
             f"{length['max_ms']} ms.") if length else ""
    said = (f"Each trial measured one cell (a combination of workload, transport, serializer, payload, wake policy and placement) in fresh processes.{lasts} "
            f"Message numbers and contents were verified outside of what was timed; a lost, doubled, reordered or damaged message fails its trial, and no figure includes a failed one.",
            f"The trials ran in {blocks} blocks ({families} families of cells), each block in an order drawn from the run's seed, so that cells that are compared ran within "
            f"minutes of each other. Beside the cells ran {sum(c.is_raw for c in cells.values())} bare controls (ping-pongs of two processes over the same mechanism, without the core) "
            f"and {duplicates} duplicates of cells, which show what chance alone does.",
            "The block is the unit of inference. Estimates are Hodges and Lehmann's (the median of the Walsh averages) over blocks, of figures or, for ratios, of their logarithms "
            f"paired by block; intervals are those of Wilcoxon's signed-rank test at {100 * stats.LEVEL:.0f} %, by its exact distribution; there are none below {stats.FEWEST_BLOCKS} blocks. "
            "A winner is at least 5 % ahead of every rival with its whole interval, and by more than what duplicates differ by; otherwise the tie is named.")
    return "".join(f"<p>{html.escape(s)}</p>" for s in said)


def machine(results):
    """What a reader must know of the machine; the rest stands in the data."""
    parts = []
    for run in results.runs:
        finger = run.get("fingerprint", {})
        processor, kernel, build, git, libraries = (finger.get(name) or {} for name in ("processor", "kernel", "build", "git", "libraries"))
        measured = finger.get("measured") or {}
        parts.append(facts((
            ("run", run["run"]), ("measured", finger.get("time")), ("machine", finger.get("machine")),
            ("processor", f"{processor.get('processors', '?')} × {processor.get('model', 'unknown')}"), ("hypervisor", processor.get("hypervisor")),
            ("kernel", kernel.get("release")), ("load before", finger.get("load")),
            ("waking a processor", words.time_text(measured["wake_ns"]) if measured.get("wake_ns") else None),
            ("a cache line across", words.time_text(measured["line_ns"]) if measured.get("line_ns") else None),
            ("copying", f"{measured['copy_bytes_per_s'] / 1e9:.3g} GB/s" if measured.get("copy_bytes_per_s") else None),
            ("compiler", f"{build.get('compiler', '?')} {build.get('compiler_version', '')}"), ("sources", git.get("revision")),
            ("libraries", ", ".join(f"{name} {version}" for name, version in libraries.items() if name != "python_executable")),
            ("serializers", ", ".join(f"{name} {version}" for name, version in (finger.get("serializers") or {}).items())))))
    return "".join(parts)


def data(results, paths):
    """Which files this was made from, so that anybody can tell whether they have the same, and the commands that measure it again."""
    sums = []
    for path in paths:
        with open(path, "rb") as file:
            sums.append((os.path.basename(path), f"SHA-256 {hashlib.sha256(file.read()).hexdigest()}"))
    run = results.runs[0]
    only = "".join(f" --only {word}" for word in run.get("only") or ())
    again = f"corps-lab run {run['matrix']}.yaml --blocks {run.get('blocks', '?')} --seed {run['seed']}{only}"
    return facts([*sums, ("measured by", again), ("limits of this", "Figures hold for this machine, load and day; ratios to a control move less than times do.")])


def document(results, cells, paths):
    """The page to be printed, as text."""
    first = verdict.of(cells)
    run = results.runs[0]
    date = (run.get("fingerprint", {}).get("time") or "")[:10]
    caution = words.caution(results, cells)
    told = "".join(f"<h3>{html.escape(title)}</h3><ul class=words>" + "".join(f"<li>{page.bold(s)}</li>" for s in sentences) + "</ul>"
                   for name, title, sentences in answers.sections(cells) if name != "short")
    return FRAME.substitute(
        title=html.escape(f"Corps Lab: {run['matrix']}{', ' + date if date else ''}"), style=page.part("style.css") + STYLE, head=html.escape(page.head_text(results)),
        cautions=f'<p class="note">{html.escape(" ".join(caution))}</p>' if caution else "", glance=page.glance(*first), method=method(results, cells),
        answers=told or "<p>Nothing was measured that answers a question.</p>", limits=page.limits_section(results, cells), cells=table(cells),
        failures=page.failures(cells), noise=page.noise_html(cells).replace("<details>", "<details open>"), machine=machine(results), data=data(results, paths),
        packed=packing.library() + packing.element("data", packing.compact({"glance": page.glance_data(*first)})), script=page.script(page.GLANCE))


def table(cells):
    """The page's, without what only a screen can do."""
    made = page.table(cells).replace(" A heading sorts.", "")
    for title in page.COLUMNS:
        made = made.replace(f'<th scope="col"><button type="button">{title}</button></th>', f'<th scope="col">{title}</th>')
    return made


def write(out, results, cells, paths):
    """Raises load.BadResults."""
    program = printer()
    if program is None:
        raise load.BadResults(LACKING)
    with tempfile.TemporaryDirectory(prefix="corps-paper-") as folder:
        source, made = os.path.join(folder, "paper.html"), os.path.join(folder, "paper.pdf")
        with open(source, "w", encoding="utf-8") as file:
            file.write(document(results, cells, paths))
        print_it(program, folder, source, made)
        with open(made, "rb") as file:
            put(out, file.read())


def print_it(program, folder, source, made):
    # Its sandbox wants another user than root, and it is our own page that it opens.
    sandbox = ["--no-sandbox"] if os.geteuid() == 0 else []
    try:
        done = subprocess.run([program, "--headless", *sandbox, "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run", "--no-pdf-header-footer",
                               f"--user-data-dir={os.path.join(folder, 'profile')}", f"--virtual-time-budget={DRAWING_MS}", f"--print-to-pdf={made}",
                               f"file://{source}"], capture_output=True, text=True, errors="replace", timeout=PATIENCE_S, env=dict(os.environ, HOME=folder))
    except subprocess.TimeoutExpired as error:
        raise load.BadResults(f"{program} printed nothing within {PATIENCE_S} s; name another in CHROMIUM") from error
    except OSError as error:
        raise load.BadResults(f"cannot start {program}: {error.strerror}; {LACKING}") from error
    if not os.path.exists(made) or not os.path.getsize(made):
        said = [line for line in done.stderr.splitlines() if line.strip()]
        raise load.BadResults(f"{program} printed nothing (status {done.returncode}){': ' + said[-1][:200] if said else ''}; name another in CHROMIUM")


def put(out, content):
    """Whole or not at all."""
    new = f"{out}.new" if not os.path.exists(out) or os.path.isfile(out) else out
    try:
        with open(new, "wb") as file:
            file.write(content)
        if new != out:
            os.replace(new, out)
    except OSError as error:
        if new != out and os.path.isfile(new):
            os.remove(new)
        raise load.BadResults(f"cannot write {out}: {error.strerror}") from error
