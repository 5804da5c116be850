"""Histograms with the buckets of experiments/measure/histogram.c, and in its packed form: pairs of 64-bit numbers."""

import collections
import struct

_LINEAR_BITS = 11  # values below 2 ** 11 have a bucket each
_SUB_BITS = _LINEAR_BITS - 1  # above, each power of two is cut into 2 ** 10
_VALUE_BITS = 40  # longer values share the last bucket


def low_of(value):
    """The lower bound of the bucket of a value."""
    if value >> _LINEAR_BITS == 0:
        return value
    shift = min(value.bit_length(), _VALUE_BITS) - 1 - _SUB_BITS
    return min(value >> shift, (1 << _LINEAR_BITS) - 1) << shift


def pack(values, weight=1):
    """The histogram of values, each of which counts `weight` times."""
    counts = collections.Counter(low_of(value) for value in values)
    return b''.join(struct.pack('<QQ', low, counts[low] * weight) for low in sorted(counts))


def pairs(packed):
    """[[lower bound, count], …] of what was packed."""
    return [list(pair) for pair in struct.iter_unpack('<QQ', packed)]
