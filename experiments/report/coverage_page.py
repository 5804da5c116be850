"""The coverage of serializers in the page: summary tables, and every cell to filter, with the reason under the pointer.

What corps-lab coverage wrote comes through experiments/coverage/table.py, which also makes the tables in text.
"""
import html
import json
import os
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, os.pardir, "coverage"))
import table  # noqa: E402

import load  # noqa: E402

FILTERS = ("group", "home", "python", "load_python")


def is_coverage(path):
    """Does the file begin as those of corps-lab coverage do? Raises BadResults."""
    first = next((line for _, line, _ in load.lines_of(path)), "")
    try:
        record = json.loads(first)
    except ValueError:
        return False
    return isinstance(record, dict) and str(record.get("kind", "")).startswith("coverage")


def read(paths):
    """The cells of files of corps-lab coverage. Raises BadResults."""
    try:
        return table.read(paths)[1]
    except table.BadCoverage as error:
        raise load.BadResults(str(error)) from error


def numbered(values):
    """value → its number, in order of appearance."""
    return {value: i for i, value in enumerate(dict.fromkeys(values))}


def data(cells):
    """What the script draws: texts once, and a row for each case in a home between two interpreters."""
    serializers = table.serializers_of(cells)
    outcomes = numbered(cell["outcome"] for cell in cells)
    details = numbered([""] + [cell["detail"] for cell in cells])
    rows = {}
    for cell in cells:
        key = tuple(cell[name] for name in ("group", "case", "home", "python", "load_python"))
        said = f'{cell["level"]}: {cell["detail"]}' if cell.get("level") else cell["detail"]
        rows.setdefault(key, {})[cell["serializer"]] = (outcomes[cell["outcome"]], details.setdefault(said, len(details)))
    return {"serializers": serializers, "outcomes": list(outcomes), "details": list(details), "filters": FILTERS,
            "rows": [[*key, [list(found[name]) if name in found else None for name in serializers]] for key, found in rows.items()]}


def html_table(found):
    head = "".join(f'<th scope="col">{html.escape(text)}</th>' for text in found.head)
    body = "".join("<tr>" + "".join(f"<td>{html.escape(text)}</td>" for text in row) + "</tr>" for row in found.rows)
    return (f'<h3>{html.escape(found.title)}</h3><div class=scroll><table class="coverage-summary"><thead><tr>{head}</tr></thead>'
            f"<tbody>{body}</tbody></table></div>")


def section(cells, embedded):
    """HTML; `embedded` writes JSON that may stand in a script element."""
    with open(os.path.join(HERE, "page", "coverage.js"), encoding="utf-8") as file:
        script = file.read()
    return ('<h2 id="coverage">What serializers can carry</h2><p class="dim">Every object was written by one process, read by a fresh one '
            "that had never seen the first one's program, and checked there by behaviour. Homes: <em>mod</em> importable by both, <em>main</em> "
            "of the writer's __main__, <em>exec</em> made at run time, <em>local</em> within a function, <em>ghost</em> importable by the "
            "writer alone, <em>data</em> where it does not matter.</p>"
            + "".join(html_table(found) for found in table.tables(cells))
            + '<h3>Every cell</h3><form id="coverage-controls" class="controls" aria-label="Which cells are shown"></form>'
            '<p class="dim" id="coverage-shown" aria-live="polite"></p><div class=scroll><table id="coverage-cells"></table></div>'
            f'<script type="application/json" id="coverage-data">{embedded(data(cells))}</script><script>{script}</script>')


def page(cells, embedded, style):
    """A page of coverage alone."""
    return ('<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width,initial-scale=1">'
            f"<title>Corps Lab: coverage of serializers</title><style>{style}</style></head><body><main><h1>Corps Lab: coverage of serializers"
            f"</h1>{section(cells, embedded)}</main></body></html>")
