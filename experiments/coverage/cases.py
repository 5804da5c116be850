"""Reads the cases: what is to be carried, and how to see whether it arrived.

A file in cases/ is Python, cut into sections by comments; GROUP.py, or GROUP-PART.py where a group is long:

    # case: NAME [| OPTION …]     definitions, make() and check(x); in group stream messages() and check(list)
    # data: NAME = EXPRESSION [| OPTION …]    must come back equal and of the same type
    # needs: MODULE               at the top: the whole file is skipped without it

Options: `data` (nothing of it depends on where code lives: one home), `not: local` (cannot live there), `since: 3.10` (of Python), `like: str` (compare as text).
Imports at the top of a file belong to its data lines. check() gives True, or a text "LEVEL: what is wrong", where LEVEL is one
of value, type, identity, sharing, behaviour, state, data loss. It sees nothing of the definitions: only what arrived.

Works on Python 3.8 and later, and imports nothing but the standard library.
"""
import ast
import os
import re
import sys

FOLDER = os.path.join(os.path.dirname(os.path.abspath(__file__)), 'cases')
HOMES = ('mod', 'main', 'exec', 'local', 'ghost')
HEADER = re.compile(r'^# (case|data): (.*)$')


class Case:
    """One thing to carry."""

    def __init__(self, group, name, number, source, check, options, stream):
        self.group, self.name, self.number = group, name, number
        self.source = source        # definitions and make(), or messages()
        self.check = check          # source of check(), with the imports that it may use
        self.options = options
        self.stream = stream

    @property
    def homes(self):
        return ('data',) if 'data' in self.options else tuple(home for home in HOMES if home != self.options.get('not'))

    @property
    def since(self):
        return tuple(int(part) for part in self.options.get('since', '3.8').split('.'))

    def module(self, home):
        """The name of the module that it is in home mod or ghost."""
        return 'coverage_%s_%s_%d' % (home, self.group, self.number)


def options_of(text):
    """'NAME | data | since: 3.10' as ('NAME', {'data': '', 'since': '3.10'})."""
    name, *rest = [part.strip() for part in text.split(' | ')]
    found = {}
    for part in rest:
        key, _, value = part.partition(':')
        found[key.strip()] = value.strip()
    return name, found


def split(source):
    """(source without check, check alone with the file's imports before it)."""
    tree = ast.parse(source)
    lines = source.splitlines(True)
    for node in tree.body:
        if isinstance(node, ast.FunctionDef) and node.name == 'check':
            return ''.join(lines[:node.lineno - 1] + lines[node.end_lineno:]), ''.join(lines[node.lineno - 1:node.end_lineno])
    raise ValueError('a case has no check()')


def data_case(group, number, text, imports):
    name, _, expression = text.partition(' = ')
    expression, options = options_of(expression)
    compare = 'str(x) == str(%s)' if options.get('like') == 'str' else 'x == %s'
    source = imports + 'def make():\n    return %s\n' % expression
    check = ('%sdef check(x):\n    wanted = %s\n    if type(x) is not type(wanted):\n        return "type: " + type(x).__name__\n'
             '    return (%s) or "value: " + repr(x)[:80]\n' % (imports, expression, compare % 'wanted'))
    options['data'] = ''
    return Case(group, name, number, source, check, options, False)


def group_of(name):
    return os.path.splitext(name)[0].split('-')[0].rstrip('_')


def read(path, begin=0):
    """([Case], modules needed) of a file; its cases are numbered from `begin` on."""
    group = group_of(os.path.basename(path))
    with open(path, encoding='utf-8') as file:
        lines = file.read().splitlines(True)
    sections, needs, imports = [], [], []
    for line in lines:
        match = HEADER.match(line)
        if match:
            sections.append([match.group(1), match.group(2), []])
        elif line.startswith('# needs: '):
            needs.append(line[len('# needs: '):].strip())
        elif not sections and line.startswith(('import ', 'from ')):
            imports.append(line)
        elif sections and sections[-1][0] == 'case':
            sections[-1][2].append(line)
    found = []
    for number, (kind, text, body) in enumerate(sections, begin):
        if kind == 'data':
            found.append(data_case(group, number, text, ''.join(imports)))
        else:
            name, options = options_of(text)
            source, check = split(''.join(body))
            found.append(Case(group, name, number, source, check, options, 'def messages' in source))
    return found, needs


def all_cases():
    """[(Case, modules needed)], in the order of the files' names."""
    found = []
    for name in sorted(os.listdir(FOLDER)):
        if name.endswith('.py'):
            before = sum(case.group == group_of(name) for case, _ in found)
            members, needs = read(os.path.join(FOLDER, name), before)
            found += [(case, needs) for case in members]
    return found


def runnable(case, needs, version=sys.version_info[:2]):
    """Why it cannot run under this interpreter, or None."""
    if version < case.since:
        return 'needs Python %s' % case.options['since']
    for module in needs:
        try:
            __import__(module)
        except ImportError:
            return 'needs ' + module
    return None
