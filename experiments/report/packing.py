"""What a page carries compressed: the library that draws, its data, and the lines themselves."""
import base64
import gzip
import json
import os

import xstatic.pkg.d3

import buckets
import load

RAW_BYTES_MAX = 640 << 10  # compressed, in a page; as text a third more
WIDTHS = (None, buckets.PUBLISHED_BITS, 6)  # of a histogram's buckets, finest first, in significant bits; then none at all
LICENCE = "<!-- Drawn with D3 3.5.17, copyright 2010-2016 Michael Bostock, BSD-3-Clause. -->\n"
SAID = {None: "as they were measured", buckets.PUBLISHED_BITS: "with histograms in buckets of 1/128", 6: "with histograms in buckets of 1/32"}


def packed(text):
    return base64.b64encode(gzip.compress(text.encode(), 9, mtime=0)).decode()


def element(name, text):
    """A script element that the page's script unpacks."""
    return f'<script type="application/gzip" id="{name}">{packed(text)}</script>'


def library():
    """D3, from Debian's package or the Python index's."""
    folder = xstatic.pkg.d3.BASE_DIR
    name = next(n for n in ("d3.min.js", "d3.js") if os.path.exists(os.path.join(folder, n)))
    with open(os.path.join(folder, name), encoding="utf-8") as file:
        return LICENCE + element("d3", file.read())


def compact(value):
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


def lines(results):
    """(how the lines stand in the page, as text, base64): with the finest histograms that fit."""
    def made(change):
        trials = [{**t, "histogram": change(t["histogram"])} if t.get("histogram") else t for t in results.trials]
        text = "".join(load.line_text(r) + "\n" for r in results.runs + trials)
        return gzip.compress(text.encode(), 6, mtime=0)
    for bits in WIDTHS:
        data = made((lambda h: h) if bits is None else (lambda h: buckets.coarse(h, bits)))
        if len(data) <= RAW_BYTES_MAX:
            return SAID[bits], base64.b64encode(data).decode()
    return "without histograms", base64.b64encode(made(lambda h: None)).decode()
