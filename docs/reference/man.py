#!/usr/bin/env python3
"""Manual pages (3) of the library's functions, from the comments of its headers.

  man.py VERSION OUTPUT HEADER …      writes corps_call.3 and so on into OUTPUT, and prints their names
  man.py --names HEADER …             prints the names alone

Functions that follow one comment without an empty line between them share a page, which is there by each of their names. Its date is that of corps(7).
"""

import os
import re
import sys

COMMENT = re.compile(r'/\*\*<? (.*?)\s*\*/', re.S)
NAME = re.compile(r'\b(corps_\w+)\s*\(')


def blocks(text):
    """Parts of a header that no empty line outside of comments divides."""
    hidden = re.sub(r'/\*.*?\*/', lambda match: match[0].replace('\n\n', '\n\0\n'), text, flags=re.S)
    return [block.replace('\0', '') for block in re.split(r'\n\s*\n', hidden)]


def plain(comment):
    """The text of a comment without its stars."""
    return '\n'.join(re.sub(r'^\s*\* ?', '', line) if number else line for number, line in enumerate(comment.splitlines()))


def functions(block):
    """[(name, prototype, what stands behind it)] of a block."""
    found = []
    for match in re.finditer(r'CORPS_API\s+([^;]*?);(?:[ \t]*/\*\*< (.*?)\s*\*/)?', re.sub(r'/\*\*? .*?\*/', '', block, flags=re.S)
                             if '/**<' not in block else re.sub(r'/\*\* .*?\*/', '', block, flags=re.S), re.S):
        prototype = re.sub(r'\s+', ' ', re.sub(r'\s*CORPS_(CHECKED|PRINTF\(.*?\))', '', match[1])).strip()
        if NAME.search(prototype):
            found.append((NAME.search(prototype)[1], prototype + ';', plain(match[2] or '')))
    return found


def pages(path):
    """[(header, title of the section, comment, functions)] of a header."""
    with open(path, encoding='utf-8') as file:
        text = file.read()
    header = re.search(r'lib/include/(.*)$|([^/]+)$', os.path.abspath(path))
    header = header[1] or header[2]
    found, section = [], re.search(r'/\*\* @file\n \* (.*?)[.:]', text)[1]  # what the header is about, until there is a better word
    for block in blocks(text):
        title = re.search(r'/\* ---- (.*?) ---- \*/', block)
        section = title[1] if title else section
        these = functions(block)
        if not these:
            continue
        # A comment before a function begins another page, unless it is the block's first.
        starts = [match.start() for match in re.finditer(r'^/\*\* ', block, re.M)] or [0]
        for start, end in zip(starts, starts[1:] + [len(block)]):
            piece = block[0 if start == starts[0] else start:end]
            comment = re.search(r'^/\*\* (.*?)\s*\*/', piece, re.M | re.S)
            if functions(piece):
                found.append((header, section, plain(comment[1]) if comment else '', functions(piece)))
    return found


def roff(text):
    """Text for roff: its own signs made harmless, `code` bold."""
    text = text.replace('\\', '\\e').replace('-', '\\-')
    text = re.sub(r'`([^`]*)`', r'\\fB\1\\fR', text)
    return '\n'.join('\\&' + line if line[:1] in ".'" else line for line in text.splitlines())


def body(text):
    """Paragraphs, and code that is indented."""
    parts = []
    for paragraph in re.split(r'\n\s*\n', text):
        if all(line.startswith('    ') for line in paragraph.splitlines()):
            parts.append('.PP\n.EX\n' + roff(re.sub(r'^    ', '', paragraph, flags=re.M)) + '\n.EE')
        elif paragraph.strip():
            parts.append('.PP\n' + roff(paragraph.strip()))
    return '\n'.join(parts)


def summary(comment, section):
    sentence = re.split(r'(?<=[.:;])\s|\n\n', comment.strip() + ' ')[0] if comment.strip() else section
    return re.sub(r'\s+', ' ', sentence).strip().rstrip('.:;')


def date():
    """As corps(7) has it: when somebody has last looked at the pages."""
    with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), os.pardir, 'man', 'corps.7'), encoding='utf-8') as file:
        return re.search(r'^\.Dd (.*)$', file.read(), re.M)[1]


def page(version, header, section, comment, these):
    behind = '\n\n'.join(f'`{name}`: {text}' for name, _, text in these if text) if len(these) > 1 or comment else these[0][2]
    text = '\n\n'.join(part for part in (comment, behind) if part) or f'{section}.'
    names = ', '.join(name for name, _, _ in these)
    prototypes = '\n.PP\n'.join('.nf\n\\fB' + roff(prototype) + '\\fR\n.fi' for _, prototype, _ in these)
    return f'''.\\" Made from the comments of {header}
.TH {these[0][0].upper()} 3 "{date()}" "Corps {version}" "Corps"
.SH NAME
{names} \\- {roff(summary(comment or these[0][2], section))}
.SH SYNOPSIS
.nf
\\fB#include <{header}>\\fR
.fi
.PP
{prototypes}
.SH DESCRIPTION
{re.sub(r'^.PP' + chr(10), '', body(text))}
.SH SEE ALSO
.BR corps (7)
'''


def main():
    names_only = sys.argv[1] == '--names'
    version, output, headers = ('', '', sys.argv[2:]) if names_only else (sys.argv[1], sys.argv[2], sys.argv[3:])
    for path in headers:
        for header, section, comment, these in pages(path):
            for name, _, _ in these:
                print(f'{name}.3')
                if not names_only:
                    with open(os.path.join(output, f'{name}.3'), 'w', encoding='utf-8') as file:
                        file.write(page(version, header, section, comment, these))


if __name__ == '__main__':
    main()
