"""corps-lab recommend FILE… [--payload P] [--wake W | --wake-not W] …: the winner, or the tie set, and how to configure it.

Only cells that were measured are compared; nothing is interpolated. Exit status: 0 an answer, 1 none can be given, 2 usage.
"""
import argparse
import sys

import cells as grouping
import load
import stats
import words

TO_CONFIGURE = (("transport", "CORPS_TRANSPORT"), ("serializer", "CORPS_SERIALIZER"), ("wake", "CORPS_WAKE"))


def parse():
    parser = argparse.ArgumentParser(prog="corps-lab recommend",
                                     description="Which transport, serializer and wake policy to choose, from measured cells.")
    parser.add_argument("files", nargs="+", metavar="FILE", help="results of corps-lab run")
    parser.add_argument("--workload", default="echo", help="what the program does most (default: echo)")
    parser.add_argument("--payload", default="bytes:64", help="what it sends, for example bytes:4096 or record (default: bytes:64)")
    parser.add_argument("--placement", default="cross", help="same, cross or unpinned (default: cross)")
    parser.add_argument("--wake", help="only this wake policy")
    parser.add_argument("--wake-not", action="append", default=[], metavar="W", help="not this wake policy, for example spin")
    parser.add_argument("--transport", help="only this transport")
    parser.add_argument("--serializer", help="only this serializer (default: any)")
    parser.add_argument("--lang", default="c", help="who calls whom: c, python, c-python or python-c (default: c)")
    parser.add_argument("--by", choices=("latency", "cpu", "throughput"), default="latency", help="what counts (default: latency)")
    return parser.parse_args()


def wanted(cell, args):
    axes = cell.axes
    return (cell.joins_envs and not axes.get("arm") and cell.trials
            and axes["workload"] == args.workload and axes["payload"] == args.payload and axes["placement"] == args.placement
            and cell.lang == args.lang and axes["wake"] not in args.wake_not and args.wake in (None, axes["wake"])
            and args.transport in (None, axes["transport"]) and args.serializer in (None, "any", axes["serializer"]))


def cost(cell, by):
    """block → what is to be small."""
    if by == "throughput":
        return {b: 1e9 / v for b, v in cell.blocks("messages_per_s").items()}
    return cell.blocks("cpu_ns_per_message" if by == "cpu" else "p50_ns")


def main():
    args = parse()
    try:
        results = load.load(args.files)
    except load.BadResults as error:
        print(f"corps-lab recommend: {error}", file=sys.stderr)
        return 1
    load.warn(results)
    cells = grouping.group(results)
    chosen = {c.text: c for c in cells.values() if wanted(c, args) and cost(c, args.by)}
    if not chosen:
        payloads = sorted({c.axes["payload"] for c in cells.values() if c.axes["workload"] == args.workload and c.is_ours})
        print(f"corps-lab recommend: no measured cell fits; for {args.workload} these payloads were measured: "
              f"{', '.join(payloads) or 'none'}", file=sys.stderr)
        return 1
    best, tied = stats.winners({name: cost(c, args.by) for name, c in chosen.items()})
    winner = chosen[best]
    print(f"{'winner' if not tied else 'first of a tie'}: {best}: p50 {words.time_text(winner.median('p50_ns'))}, "
          f"p99 {words.time_text(winner.median('p99_ns'))}, {words.rate_text(winner.median('messages_per_s'))}, "
          f"{words.time_text(winner.median('cpu_ns_per_message'))} of processor a message")
    for name in sorted(tied, key=lambda n: chosen[n].median("p50_ns")):
        print(f"not clearly behind: {name}: p50 {words.time_text(chosen[name].median('p50_ns'))}, "
              f"{words.time_text(chosen[name].median('cpu_ns_per_message'))} of processor a message")
    if args.serializer is None and winner.axes["serializer"] == "none":
        print("note: serializer none carries bytes only; add --serializer to compare among others")
    print("\nchoose it by environment:")
    for axis, variable in TO_CONFIGURE:
        print(f"  export {variable}={winner.axes[axis]}")
    if winner.lang != "c":
        print(f"or in Python:\n  create_Corps(…, Transport={winner.axes['transport']!r}, "
              f"Serializer={winner.axes['serializer']!r}, Wake={winner.axes['wake']!r})")
        return 0
    fields = ", ".join([f'.transport = "{winner.axes["transport"]}"', f'.serializer = "{winner.axes["serializer"]}"',
                        f".wake = CORPS_WAKE_{winner.axes['wake'].upper()}"])
    print(f"or in C:\n  struct corps_options options = {{{fields}}};")
    return 0


if __name__ == "__main__":
    sys.exit(main())
