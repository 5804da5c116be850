"""Writes the figures of the README from the published lines, as findings.py does for docs/findings.md: every block between <!-- name --> and
<!-- /name -->. tests/python/test_published.py compares.

    python experiments/report/front_page.py [--check]      from the root of the sources
"""
import crossover
import findings
import program
import words

DOCUMENT = "README.md"


def between(ratios):
    """The least and the greatest of some ratios, over all machines."""
    low, high = min(r.estimate for r in ratios), max(r.estimate for r in ratios)
    return f"{words.digits(low)} to {words.digits(high)} times"


def tcp_against_shm(m, wake, largest):
    """TCP ÷ shm at every size up to `largest` bytes."""
    ratios = [m.ratio(*(m.echo(transport=t, payload=f"bytes:{size}", wake=wake) for t in ("tcp", "shm"))) for size in findings.sizes(m, "transports") if size <= largest]
    return [r for r in ratios if r]


def network(machines):
    awake, asleep = ([r for m in machines for r in tcp_against_shm(m, wake, largest)] for wake, largest in (("adaptive", 1 << 20), ("block", 4096)))
    return (f"Yes. While the processes poll for messages, a round trip over TCP takes {between(awake)} as long as over shared memory, at sizes from 64 B to 1 MiB. "
            f"Where both sleep between messages, waking them dominates: {between(asleep)} up to 4 KiB.\n\n" + transports(machines))


def transports(machines):
    names = {"shm": "shared memory", "pipe": "pipe", "mqueue": "message queue", "unix": "UNIX socket", "tcp": "TCP"}
    rows = [[words.time_text(m.kind["wake_ns"])] + [words.time_text(m.echo(transport=name).estimate("p50_ns")) for name in names] for m in machines]
    return findings.table(["Round trip of 64 B, if waking a processor takes"] + list(names.values()), rows)


def reached(found, name, transport):
    """From which encoded size on serializing takes more than half of a call, over all machines."""
    points = [f for f in found if f.serializer == name and f.transport == transport]
    if any(f.side == "above" for f in points):
        return None
    if all(f.side == "below" for f in points):
        return f"from the smallest record on ({words.size_text(max(f.sizes[0] for f in points))})"
    sizes = sorted(f.size.estimate if f.side == "within" else f.sizes[0] for f in points)
    return f"from {words.size_text(sizes[0])} to {words.size_text(sizes[-1])} on, depending on the machine"


def serializing(machines):
    found = [f for m in machines for f in crossover.crossings(m.cells["serializers"]) if f.lang == "c"]
    slow = [name for name in ("pickle", "cloudpickle", "dill")
            if all(f.side == "below" for f in found if f.serializer == name and f.transport in findings.TRANSPORTS)]
    quick = "; ".join(f"over {words_for} {reached(found, 'msgpack', t) or 'at no size measured'}"
                      for t, words_for in (("shm", "shared memory"), ("pipe", "a pipe"), ("tcp", "TCP")))
    return (f"Yes, with {', '.join(slow[:-1])} and {slow[-1]}: encoding and decoding take more than half of a call over every transport, "
            f"from the smallest record on. With msgpack it depends on the transport: {quick}.")


def succession(machines):
    def against_pickle(name):
        return [r for m in machines for p in findings.payloads(m)
                for r in [m.ratio(*(m.echo("serializers", transport="shm", serializer=s, payload=p) for s in (name, "pickle")))] if r]
    each = {name: between(against_pickle(name)) for name in ("cloudpickle", "dill", "msgpack", "auto")}
    return (f"Not for speed: a round trip over shared memory takes {each['cloudpickle']} as long with cloudpickle as with pickle, and {each['dill']} with dill. "
            f"For plain data msgpack is quicker ({each['msgpack']}). `auto`, our own serializer, takes {each['auto']} as long as pickle and carries nearly everything that dill and cloudpickle carry.")


BLOCKS = {"network": network, "serializing": serializing, "succession": succession}


if __name__ == "__main__":
    program.run("front_page", lambda: findings.write(DOCUMENT, BLOCKS))
