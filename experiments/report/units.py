"""How numbers are written: three digits, units that a reader knows."""

import math

MISSING = "–"


def three_digits(value):
    if value == 0:
        return "0"
    digits = max(0, 2 - int(math.floor(math.log10(abs(value)) + 1e-9)))
    return f"{value:.{min(digits, 3)}f}"


def scaled(value, units, base):
    """The value with the largest unit that it reaches; 999.6 of one unit becomes 1.00 of the next."""
    at = 0
    while at + 1 < len(units) and float(three_digits(value)) >= base:
        value /= base
        at += 1
    return f"{three_digits(value)} {units[at]}"


def time(ns):
    return MISSING if ns is None else scaled(ns, ("ns", "µs", "ms", "s"), 1000)


def size(count):
    """A payload's size in powers of two, without idle zeros."""
    units = ("B", "KiB", "MiB", "GiB")
    at = 0
    value = float(count)
    while at + 1 < len(units) and value >= 1024:
        value /= 1024
        at += 1
    return f"{value:.0f} {units[at]}" if value == int(value) or at == 0 else f"{value:.1f} {units[at]}"


def rate(per_s):
    return MISSING if per_s is None else scaled(per_s, ("/s", "k/s", "M/s", "G/s"), 1000)


def byte_rate(per_s):
    return MISSING if per_s is None else scaled(per_s, ("B/s", "kB/s", "MB/s", "GB/s"), 1000)


def percent(share):
    return MISSING if share is None else f"{100 * share:.0f} %"


def ratio(value):
    return f"{value:.{3 if value < 0.1 else 2 if value < 10 else 1 if value < 100 else 0}f}"


def estimate(found):
    """A ratio with its interval in brackets, or with the range over too few blocks in parentheses."""
    if found is None:
        return MISSING
    left, right = "[]" if found.is_interval else "()"
    if found.count == 1:
        return ratio(found.ratio)
    return f"{ratio(found.ratio)} {left}{ratio(found.low)} {ratio(found.high)}{right}"


def change(found):
    """A ratio as a change: +12.3 % [+10.1 … +14.2]."""
    left, right = "[]" if found.is_interval else "()"
    return (f"{100 * (found.ratio - 1):+.1f} % {left}{100 * (found.low - 1):+.1f} … "
            f"{100 * (found.high - 1):+.1f}{right}")


def payload(cell):
    """A payload's name; bytes:N as its size alone."""
    name = cell.axes["payload"]
    return size(cell.size_bytes) if name.startswith("bytes:") else name


def join(words, last="and"):
    words = list(words)
    return words[0] if len(words) == 1 else ", ".join(words[:-1]) + f" {last} " + words[-1] if words else ""


def count(number, word):
    return f"{number} {word}" if number == 1 else f"{number} {word}s"
