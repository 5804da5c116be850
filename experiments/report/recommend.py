"""corps-lab recommend FILE…: the winner, or the tie set, for what a program does, and the lines that choose it.

    corps-lab recommend results/*/*.jsonl.gz --payload records --size 4KiB --wake-not spin

Only cells that were measured are compared, and only within one study; nothing is interpolated. Where nothing was measured with so many requests in
flight, the answer is for one, and says so. Nothing measured in one language answers for another, and in Python msgpack is named only for payloads
that it gives back as they were (or when it was asked for). Exit status: 0 an answer, 1 none can be given, 2 usage.
"""
import argparse
import math
import re
import sys

import cells as grouping
import load
import program
import stats
import studies
import words

TO_CONFIGURE = (("transport", "CORPS_TRANSPORT"), ("serializer", "CORPS_SERIALIZER"), ("wake", "CORPS_WAKE"))
UNITS = {"": 1, "b": 1, "kib": 1 << 10, "k": 1 << 10, "kb": 1e3, "mib": 1 << 20, "m": 1 << 20, "mb": 1e6, "gib": 1 << 30, "g": 1 << 30, "gb": 1e9}


SAME_IN_MSGPACK = ("bytes", "ints")  # kinds of payload that arrive in Python as they were sent, with nothing left to say
LOST_IN_MSGPACK = "tuples arrive as lists, and sets and objects of classes do not travel"
MORE_RUNS = "corps-lab run python.yaml --out python.jsonl"


def size_bytes(text):
    match = re.fullmatch(r"([0-9.]+)\s*([a-zA-Z]*)", text)
    if not match or match[2].lower() not in UNITS:
        raise argparse.ArgumentTypeError(f"'{text}' is not a size; for example 4096, 4KiB, 1MiB")
    return float(match[1]) * UNITS[match[2].lower()]


def in_flight(text):
    if not text.isdigit() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"'{text}' is not a number of requests; give 1 or more")
    return int(text)


def payload(text):
    known = [form.split(":")[0] for form in program.values("payload")]
    kind = text.split(":")[0]
    if known and kind not in known:
        raise argparse.ArgumentTypeError(f"there is no payload '{kind}'{program.near(kind, known)}; choose one of: {' '.join(known)}")
    return text


def parser():
    made = program.Parser(prog="corps-lab recommend", description="Which transport, serializer and wake policy to choose, from measured cells.",
                          epilog="Exit status: 0 an answer, 1 none can be given, 2 wrong usage.")
    made.add_argument("files", nargs="+", metavar="FILE", help="results of corps-lab run")
    made.add_argument("--workload", metavar="W", type=program.value_of("workload"), help="what the program does most (default: echo; pipeline with --in-flight)")
    made.add_argument("--payload", metavar="P", type=payload, default="bytes", help="what it sends: bytes, records, record, tree …, or bytes:4096 (default: bytes)")
    made.add_argument("--size", metavar="SIZE", type=size_bytes, help="how much, for example 4KiB: the nearest size measured (default: 64)")
    made.add_argument("--in-flight", type=in_flight, default=1, metavar="N", help="requests at once (default: 1)")
    made.add_argument("--placement", metavar="P", type=program.value_of("placement"), default="cross", help="same, cross or unpinned (default: cross)")
    made.add_argument("--wake", metavar="W", type=program.value_of("wake"), help="only this wake policy")
    made.add_argument("--wake-not", action="append", default=[], metavar="W", type=program.value_of("wake"), help="not this wake policy, for example spin")
    made.add_argument("--transport", metavar="T", type=program.value_of("transport"), help="only this transport")
    made.add_argument("--serializer", metavar="S", type=program.value_of("serializer", ("any",)), help="only this serializer (default: any that carries the payload)")
    made.add_argument("--lang", metavar="L", type=program.value_of("lang"), default="c", help="who calls whom: c, python, c-python or python-c (default: c)")
    made.add_argument("--by", choices=("latency", "cpu", "throughput"), default="latency", help="what counts (default: latency)")
    return made


class Demand:
    """What is asked for. Requests in flight that nothing measured has are dropped, with a note."""

    def __init__(self, args):
        self.args, self.in_flight, self.notes, self.study, self.changing = args, args.in_flight, [], "", []

    def workload(self):
        return self.args.workload or ("pipeline" if self.in_flight > 1 else "echo")

    def fits(self, cell):
        axes, args = cell.axes, self.args
        return (cell.joins_envs and cell.is_plain and cell.trials and axes["workload"] == self.workload()
                and (self.in_flight == 1 or axes["window"] == self.in_flight) and axes["placement"] == args.placement
                and cell.lang == args.lang and axes["wake"] not in args.wake_not and args.wake in (None, axes["wake"])
                and args.transport in (None, axes["transport"]) and args.serializer in (None, "any", axes["serializer"])
                and axes["payload"].split(":")[0] == args.payload.split(":")[0])

    def of_payload(self, members):
        """Those of the payload named, or of the nearest size."""
        exact = [c for c in members if c.axes["payload"] == self.args.payload]
        if exact and self.args.size is None:
            return exact
        if ":" in self.args.payload and self.args.size is None:
            return []
        wanted = math.log(max(1.0, self.args.size if self.args.size is not None else 64))
        distance = {}
        for c in members:
            distance.setdefault(c.axes["payload"], []).append(abs(math.log(max(1, c.axes["size_bytes"])) - wanted))
        if not distance:
            return []
        payload = min(distance, key=lambda p: min(distance[p]))
        found = [c for c in members if c.axes["payload"] == payload]
        sizes = sorted({c.axes["size_bytes"] for c in found})
        if self.args.size is not None and not any(abs(s - self.args.size) < 1 for s in sizes):
            span = words.size_text(sizes[0]) + (f" to {words.size_text(sizes[-1])}" if len(sizes) > 1 else "")
            self.notes.append(f"the nearest payload measured is {payload}, {span}")
        return found

    def choose(self, cells):
        """The cells to compare; [] without any."""
        while True:
            found = self.keep(self.of_payload([c for c in cells.values() if self.fits(c)]))
            if found:
                return found
            if self.in_flight > 1:
                self.notes.append(f"nothing that fits was measured with {self.in_flight} in flight: answered for one in flight")
                self.in_flight = 1
            else:
                return []


    def keep(self, found):
        """Without msgpack, where the answer would be told to a Python program whose values it may change."""
        args = self.args
        if args.lang != "python" or args.serializer == "msgpack" or args.payload.split(":")[0] in SAME_IN_MSGPACK:
            return found
        self.changing = [c for c in found if c.axes["serializer"] == "msgpack"]
        if self.changing:
            quickest = min(self.changing, key=lambda c: c.estimate("p50_ns"))
            self.notes.append(f"msgpack is left out, because it may change what Python sends: {LOST_IN_MSGPACK}. It was measured at "
                              f"{figures(quickest)}; if your values are plain, compare it with --serializer msgpack")
        return [c for c in found if c.axes["serializer"] != "msgpack"]


def cost(cell, by):
    """block → what is to be small."""
    if by == "throughput":
        return {b: 1e9 / v for b, v in cell.blocks("messages_per_s").items()}
    return cell.blocks("cpu_ns_per_message" if by == "cpu" else "p50_ns")


def figures(cell):
    return (f"p50 {words.time_text(cell.estimate('p50_ns'))}, p99 {words.time_text(cell.estimate('p99_ns'))}, "
            f"{words.rate_text(cell.estimate('messages_per_s'))}, {words.time_text(cell.estimate('cpu_ns_per_message'))} CPU per message")


def configuration(winner, lang):
    lines = ["choose it by environment:"] + [f"  export {variable}={winner.axes[axis]}" for axis, variable in TO_CONFIGURE]
    if lang != "c":
        return lines + ["or in Python:", f"  create_Corps(…, Transport={winner.axes['transport']!r}, "
                                         f"Serializer={winner.axes['serializer']!r}, Wake={winner.axes['wake']!r})"]
    fields = ", ".join([f'.transport = "{winner.axes["transport"]}"', f'.serializer = "{winner.axes["serializer"]}"',
                        f".wake = CORPS_WAKE_{winner.axes['wake'].upper()}"])
    return lines + ["or in C:", f"  struct corps_options options = {{{fields}}};"]


def answer_of(study, args):
    """(the demand with what was dropped, text → cell to compare, all cells) of one study."""
    cells = grouping.group(study)
    demand = Demand(args)
    demand.study = study.name
    return demand, {c.text: c for c in demand.choose(cells) if cost(c, args.by)}, cells


def main():
    args = parser().parse_args()
    try:
        results = load.load(args.files)
    except load.BadResults as error:
        print(f"corps-lab recommend: {error}", file=sys.stderr)
        return 1
    load.warn(results)
    answers = [answer_of(study, args) for study in studies.split(results)]
    demand, chosen, cells = min((a for a in answers if a[1]), key=lambda a: len(a[0].notes),
                                default=next((a for a in answers if a[0].changing), answers[0]))
    if not chosen:
        print(f"corps-lab recommend: {why_not(args, demand, [c for _, _, cells in answers for c in cells.values() if c.is_ours])}", file=sys.stderr)
        return 1
    print("\n".join(lines(args, answers, demand, chosen, cells)))
    return 0


def lines(args, answers, demand, chosen, cells):
    """What else was as good, what to know, and last the answer and how to choose it."""
    resolution = cells.resolution(chosen.values())
    best, tied = stats.winners({name: cost(c, args.by) for name, c in chosen.items()}, resolution.log if resolution else 0.0)
    out = [f"of {len(answers)} studies, compared within one: {demand.study}"] if len(answers) > 1 else []
    out += [f"note: {note}" for note in demand.notes]
    if args.lang != "c" and chosen[best].axes["serializer"] == "msgpack":
        out.append(f"note: with msgpack {LOST_IN_MSGPACK}")
    if args.serializer is None and chosen[best].axes["serializer"] == "none":
        out.append("note: serializer none carries bytes only; add --serializer to compare among others")
    if resolution:
        out.append(f"note: {resolution.text}")
    out += [f"not clearly behind: {name}: {figures(chosen[name])}" for name in sorted(tied, key=lambda n: -chosen[n].estimate("p50_ns"))]
    out.append(f"{'winner' if not tied else 'first of a tie'}: {best}: {figures(chosen[best])}")
    return out + [""] + configuration(chosen[best], args.lang)


def why_not(args, demand, cells):
    """Why no answer can be given, and what to do."""
    spoken = [c for c in cells if c.lang == args.lang]
    if not spoken:
        others = " and ".join(sorted({c.lang for c in cells}))
        return (f"no run with lang {args.lang} is among these files" + (f", and what was measured in {others} does not answer for it" if others else "")
                + f"; measure some ({MORE_RUNS}), and name that file")
    if demand.changing:
        return (f"only msgpack was measured for this in Python, and it may change what Python sends: {LOST_IN_MSGPACK}; if your values are plain, add "
                f"--serializer msgpack, or else measure the others ({MORE_RUNS}), and name that file")
    for axis, wanted in (("workload", demand.workload()), ("placement", args.placement), ("wake", args.wake), ("transport", args.transport),
                         ("serializer", args.serializer)):
        measured = sorted({c.axes[axis] for c in spoken})
        if wanted not in (None, "any", *measured):
            return f"nothing was measured with {axis} {wanted}; choose by --{axis} among what was: {' '.join(measured)}"
        spoken = [c for c in spoken if wanted in (None, "any", c.axes[axis])]
    payloads = sorted({c.axes["payload"] for c in spoken})
    return (f"no measured cell fits; for {demand.workload()} with lang {args.lang} these payloads were measured: {', '.join(payloads) or 'none'}"
            + (f"; measure more with {MORE_RUNS}, and name that file" if args.lang != "c" else ""))


if __name__ == "__main__":
    program.run("recommend", main)
