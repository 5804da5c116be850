"""Histograms with wider buckets: without that, results would fit neither into a repository nor into a page."""
PUBLISHED_BITS = 8  # significant bits of a bucket's lower bound in published files: 1/128 of it at most


def coarse(histogram, bits=PUBLISHED_BITS):
    """The same counts in buckets whose lower bounds have so many significant bits."""
    merged = {}
    for low, count in histogram:
        drop = max(0, low.bit_length() - bits)
        merged[low >> drop << drop] = merged.get(low >> drop << drop, 0) + count
    return [[low, merged[low]] for low in sorted(merged)]
