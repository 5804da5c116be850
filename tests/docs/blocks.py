"""The code blocks of a page, and what running them takes: shared by the tests of pages."""

import os
import re
import typing

SOURCE = os.path.abspath(os.path.join(os.path.dirname(os.path.abspath(__file__)), os.pardir, os.pardir))
FENCE = re.compile(r'(?P<before>[^\n]*)\n+```(?P<language>\w*)\n(?P<text>.*?)^```', re.MULTILINE | re.DOTALL)


class Block(typing.NamedTuple):
    language: str
    text: str
    name: typing.Optional[str]  # the line above ends with `name`: and so the block is a file of that name


def of(page):
    """[Block] of a page (its path from the root of the sources)."""
    with open(os.path.join(SOURCE, page), encoding='utf-8') as file:
        found = FENCE.finditer('\n' + file.read())
    names = [(m, re.search(r'`([\w.-]+)`:$', m['before'])) for m in found]
    return [Block(m['language'], m['text'], name and name[1]) for m, name in names]


def environment(build, runtime):
    """For programs that use what is in the build folder, with `runtime` for their sockets."""
    first = {'PYTHONPATH': os.path.join(build, 'lib', 'python'), 'PKG_CONFIG_PATH': os.path.join(build, 'meson-uninstalled'), 'LD_LIBRARY_PATH': build}
    joined = {name: os.pathsep.join(filter(None, (path, os.environ.get(name)))) for name, path in first.items()}
    return {**os.environ, **joined, 'XDG_RUNTIME_DIR': runtime, 'PYTHONDONTWRITEBYTECODE': '1'}
