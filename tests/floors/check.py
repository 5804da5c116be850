#!/usr/bin/env python3
"""Are the core's floors whole? Reads the symbols of the object files (nm) and the includes of the sources.

    check.py SOURCE_ROOT ARCHIVE     checks; one line for each fault, exit status 1
    check.py SOURCE_ROOT ARCHIVE --picture         prints the floors for docs/design.md, as a diagram (mermaid) and as text
    check.py SOURCE_ROOT ARCHIVE --upside-down     takes the floors the wrong way round: then there must be faults

lib/floors lists the floors from the top. A file of one floor may use its own floor and those below. Transports and serializers may use the floors
base and value and what the public headers declare. Inside a floor no circle of files is longer than two.
"""

import collections
import os
import re
import subprocess
import sys

OUTSIDE = ("transports", "serializers")  # what they may use, besides public names
OUTSIDE_USES = ("base", "value")
DEFINED = "TDBRVWC"


def floors_of(root):
    """[(name, what it knows)], from the top."""
    with open(os.path.join(root, "lib", "floors"), encoding="utf-8") as lines:
        rows = [line.rstrip("\n") for line in lines if line.strip() and not line.startswith("#")]
    return [tuple(row.split(None, 1)) for row in rows]


def place_of(member, names):
    """(floor or folder, file) of an archive's member, or None for what is neither."""
    name = os.path.basename(member)
    if name.endswith(".c.o"):
        name = name[: -len(".c.o")]
    for folder in names:
        if name.startswith("lib_" + folder + "_"):
            return folder, name[len("lib_" + folder + "_") :]
    for folder in OUTSIDE:
        if name.startswith(folder + "_"):
            return folder, name[len(folder) + 1 :]
    return None


def symbols_of(archive, names):
    """({symbol: place}, {place: undefined symbols}) of an archive."""
    defined, undefined, place = {}, collections.defaultdict(set), None
    listing = subprocess.run(["nm", archive], capture_output=True, text=True, check=True).stdout
    for line in listing.splitlines():
        if line.endswith(".o:"):
            place = place_of(line[:-1], names)
        elif place is not None and line.strip():
            kind, symbol = line.split()[-2:]
            if kind in DEFINED:
                defined[symbol] = place
            elif kind == "U":
                undefined[place].add(symbol)
    return defined, undefined


def arrows_of(defined, undefined):
    """{(from, to): symbols} between files."""
    arrows = collections.defaultdict(set)
    for place, symbols in undefined.items():
        for symbol in symbols:
            if symbol in defined and defined[symbol] != place:
                arrows[place, defined[symbol]].add(symbol)
    return arrows


def may_use(user, used, symbol, order):
    """May a file of floor or folder `user` use this symbol of `used`?"""
    if user in OUTSIDE:
        return used in OUTSIDE or used in OUTSIDE_USES or not symbol.startswith("corps__")
    if used in OUTSIDE:
        return not symbol.startswith("corps__")  # tables of plug-ins
    return order[used] >= order[user]


def broken_arrows(arrows, order):
    for (user, used), symbols in sorted(arrows.items()):
        for symbol in sorted(symbols):
            if not may_use(user[0], used[0], symbol, order):
                yield "%s/%s uses %s of %s/%s, which is not below it" % (user + (symbol,) + used)


def circles(arrows, names):
    """Circles of more than two files inside a floor (Tarjan's strongly connected components)."""
    after = collections.defaultdict(set)
    for user, used in arrows:
        if user[0] == used[0] and user[0] in names:
            after[user].add(used)
    index, low, stack, found = {}, {}, [], []

    def visit(node):
        index[node] = low[node] = len(index)
        stack.append(node)
        for other in sorted(after[node]):
            if other not in index:
                visit(other)
                low[node] = min(low[node], low[other])
            elif other in stack:
                low[node] = min(low[node], index[other])
        if low[node] == index[node]:
            at = stack.index(node)
            found.append(stack[at:])
            del stack[at:]

    for node in sorted(after):
        if node not in index:
            visit(node)
    for circle in found:
        if len(circle) > 2:
            yield "floor %s has a circle: %s" % (circle[0][0], ", ".join(sorted(name for _, name in circle)))


def broken_includes(root, order):
    """Includes of a higher floor's header, which no symbol need tell of."""
    for folder in order:
        base = os.path.join(root, "lib", folder)
        for name in sorted(os.listdir(base)):
            with open(os.path.join(base, name), encoding="utf-8") as source:
                for header in re.findall(r'#include "(\w+)/\w+\.h"', source.read()):
                    if header in order and order[header] < order[folder]:
                        yield "lib/%s/%s includes a header of %s, which is above it" % (folder, name, header)


def picture(root, floors):
    """The floors as lines of text: what each knows, and its files."""
    for name, knows in floors:
        files = sorted({file.split(".")[0] for file in os.listdir(os.path.join(root, "lib", name))})
        yield "%-8s %s" % (name, knows)
        line = ""
        for file in files:
            if len(line) + len(file) > 100:
                yield " " * 11 + line.rstrip()
                line = ""
            line += file + " "
        yield " " * 11 + line.rstrip()


def diagram(floors, arrows):
    """Who uses whom, as mermaid: between floors, and to what plug-ins may use. An arrow that follows from others is left out."""
    places = [name for name, _ in floors] + list(OUTSIDE)
    uses = {(user[0], used[0]) for user, used in arrows if user[0] != used[0] and used[0] not in OUTSIDE and (user[0] not in OUTSIDE or used[0] in OUTSIDE_USES)}
    yield "flowchart TB"
    yield '    python["Python: the package corps"] --> header'
    yield '    lab["experiments: corps-lab"] --> header'
    yield '    program["a program in C"] --> header'
    yield '    header["corps.h"] --> %s' % places[0]
    yield '    subgraph core ["lib: the core"]'
    for name, knows in floors:
        yield '        %s["<b>%s</b><br>%s"]' % (name, name, knows)
    yield "    end"
    for name in OUTSIDE:
        yield '    %s["<b>%s</b><br>one file for each plug-in"]' % (name, name)
    for user in places:
        for used in places:
            if (user, used) in uses and not any((user, other) in uses and (other, used) in uses for other in places):
                yield "    %s --> %s" % (user, used)
    for name in OUTSIDE:
        yield "    codec -. by their tables .-> %s" % name


def main(arguments):
    root, archive = arguments[:2]
    floors = floors_of(root)
    names = [name for name, _ in floors]
    upside_down = "--upside-down" in arguments
    order = {name: at for at, name in enumerate(reversed(names) if upside_down else names)}
    defined, undefined = symbols_of(archive, names)
    if not undefined:
        print("floors: %s has no object files of the core" % archive)
        return 1
    arrows = arrows_of(defined, undefined)
    drawn = ["\n".join(lines) + "\n" for lines in (diagram(floors, arrows), picture(root, floors))]
    if "--picture" in arguments:
        sys.stdout.write("\n".join(drawn))
        return 0
    faults = list(broken_arrows(arrows, order)) + list(circles(arrows, names)) + list(broken_includes(root, order))
    if upside_down:
        print("floors: upside down there are %d faults" % len(faults))
        return 0 if len(faults) > len(arrows) // 2 else 1
    with open(os.path.join(root, "docs", "design.md"), encoding="utf-8") as design:
        page = design.read()
        if not all(part in page for part in drawn):
            faults.append("docs/design.md draws other floors: tests/floors/check.py . ARCHIVE --picture prints them")
    for fault in faults:
        print("floors: " + fault)
    print("floors: %d files, %d arrows between them, %d faults" % (len(undefined), len(arrows), len(faults)))
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
