#!/usr/bin/env python3
"""What libcorps.so exports is what its headers say, and programs of 0.1 find in it what they were compiled for.

  check.py symbols LIBRARY SOURCE     the exported functions are the declared ones, each in its version's node
  check.py layouts LIBRARY SOURCE     abidiff against tests/abi/libcorps-0.1.abi: nothing is gone, and no struct has changed but where it may
  check.py broken LIBRARY SOURCE      that `layouts` notices: each of some changes to the record of 0.1 must be told
  check.py write LIBRARY SOURCE       a new record: for the release of 0.1.0, and never after it

Exit status: 0 as it should be, 1 not, 77 there is no abidiff (Debian: abigail-tools). docs/abi.md is the policy.
"""

import functools
import glob
import os
import re
import shutil
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as xml

HERE = os.path.dirname(os.path.abspath(__file__))
RECORD = os.path.join(HERE, 'libcorps-0.1.abi')
ALLOWED = os.path.join(HERE, 'allowed.ini')
PRIVATE = 'CORPS_PRIVATE'
GROWING = 'corps_(options|call_options|class|location|launched|error_info|object_ops)'  # as in allowed.ini


def declared(folders):
    """Names of the functions that headers in these folders declare with CORPS_API."""
    names = set()
    for path in (path for folder in folders for path in glob.glob(f'{folder}/**/*.h', recursive=True)):
        with open(path, encoding='utf-8') as file:
            text = re.sub(r'/\*.*?\*/', '', file.read(), flags=re.S)
        names.update(re.findall(r'CORPS_API\s+(?!__attribute)[^;{]*?\b(corps_\w+)\s*\(', text))
    return names


def symbols(library, source):
    lines = subprocess.run(['nm', '-D', '--defined-only', '--with-symbol-versions', library], check=True, capture_output=True, text=True).stdout.splitlines()
    exported = dict(line.split()[2].split('@@') for line in lines if '@@' in line)
    unversioned = [line for line in lines if '@@' not in line and line.split()[1] != 'A']
    public = declared([f'{source}/lib/include'])
    private = declared([f'{source}/lib']) - public
    found = [f'{line} has no version' for line in unversioned]
    found += [f'{name} is declared in a public header and not exported: add it to the newest node of lib/corps.map' for name in sorted(public - set(exported))]
    found += [f'{name} is exported and no header declares it' for name in sorted(set(exported) - public - private)]
    found += [f'{name} is public and in the node {PRIVATE}' for name in sorted(public) if exported.get(name) == PRIVATE]
    found += [f"{name} is the library's own and in the node {exported[name]}, not {PRIVATE}" for name in sorted(private)
              if exported.get(name, PRIVATE) != PRIVATE]
    print(*found or [f'{len(public)} functions, each declared and exported'], sep='\n')
    return 1 if found else 0


def tool(*words):
    """Runs one of libabigail's programs. (returns its status and what it said)"""
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout + done.stderr


def type_name(types, number):
    """A type as text, without the numbers that a record gives to types."""
    kind = types[number]
    word = 'const ' if kind.get('const') else ''
    if kind.get('type-id') and kind.tag != 'typedef-decl':
        word += f'{kind.tag} of {type_name(types, kind.get("type-id"))}'
    if kind.tag == 'function-type':
        word = 'function ' + ', '.join(type_name(types, part.get('type-id')) for part in kind)
    lengths = ' '.join(part.get('length') for part in kind.findall('subrange'))
    return f'{word}{kind.get("name") or ""} {kind.get("size-in-bits") or ""} {lengths}'.strip()


def members(record):
    """{struct: {member: (where it is, what type it has)}} of those that grow where they had something reserved, without that."""
    root = xml.parse(record).getroot()
    types = {node.get('id'): node for node in root.iter() if node.get('id')}
    return {struct.get('name'): {member[0].get('name'): (member.get('layout-offset-in-bits'), type_name(types, member[0].get('type-id')))
                                 for member in struct.findall('data-member') if member[0].get('name') != 'reserved'} | {'sizeof': struct.get('size-in-bits')}
            for struct in root.iter('class-decl') if re.fullmatch(GROWING, struct.get('name')) and struct.get('size-in-bits')}


@functools.lru_cache
def members_now(library, source):
    with tempfile.NamedTemporaryFile(suffix='.abi') as file:
        status, words = describe(library, source, file.name)
        if status:
            sys.exit(words)
        return members(file.name)


def changed_members(record, library, source):
    """What a record has of such structs, and the library otherwise. abidiff, told to accept members put in, accepts other changes of theirs, too."""
    now = members_now(library, source)
    return [f'struct {struct}: {name} was {was}, and is {now.get(struct, {}).get(name)}'
            for struct, fields in members(record).items() for name, was in fields.items() if now.get(struct, {}).get(name) != was]


def compare(record, library, source):
    """How the library differs from a record: status (0: in nothing that programs could notice), and what it is."""
    status, words = differs(record, library, source)
    changed = changed_members(record, library, source)
    return status or len(changed), '\n'.join([words, *changed])


def differs(record, library, source):
    return tool('abidiff', '--suppr', ALLOWED, '--headers-dir2', f'{source}/lib/include', '--drop-private-types', '--no-added-syms',
                '--exported-interfaces-only', '--no-architecture', record, library)


def layouts(library, source):
    status, words = compare(RECORD, library, source)
    print(words if status else 'as 0.1, or more')
    return 1 if status else 0


# What was otherwise in some 0.1 that never was: each must be told of this library.
CHANGES = [
    ("a function that is gone", "name='corps_flush'", "name='corps_flushed'"),
    ('a member that has moved', r"(layout-offset-in-bits=')256('[^>]*>\s*<var-decl name='wake')", r'\g<1>224\2'),
    ('a member of another type', r"(<var-decl name='env_count' type-id=')[^']*'", r"\g<1>type-id-of-long'"),
    ('an error whose number has changed', r"(<enumerator name='CORPS_ERR_EXITED' value=')\d+", r'\g<1>99'),
]


def broken(library, source):
    with open(RECORD, encoding='utf-8') as file:
        text = file.read()
    long_type = re.search(r"<type-decl name='long int'[^>]* id='([^']*)'", text)[1]
    failed = 0
    for what, pattern, other in CHANGES:
        changed, count = re.subn(pattern, other.replace('type-id-of-long', long_type), text)
        with tempfile.NamedTemporaryFile('w', suffix='.abi') as file:
            file.write(changed)
            file.flush()
            status, words = compare(file.name, library, source)
        told = count > 0 and status != 0
        failed += not told
        print(f'{what}: {"told" if told else "NOT told" if count else "the record has nothing of the kind"}')
        if not told:
            print(words)
    return 1 if failed else 0


def describe(library, source, record):
    return tool('abidw', '--exported-interfaces-only', '--headers-dir', f'{source}/lib/include', '--no-comp-dir-path', '--drop-private-types',
                         '--no-corpus-path', '--no-show-locs', '--no-elf-needed', '--no-architecture', '--type-id-style', 'hash', '--drop-undefined-syms',
                         '--out-file', record, library)


def write(library, source):
    status, words = describe(library, source, RECORD)
    print(words, end='')
    return status


def main():
    verb, library, source = sys.argv[1:]
    if verb != 'symbols' and shutil.which('abidiff') is None:
        print('skipped: there is no abidiff (Debian: apt-get install abigail-tools)')
        return 77
    return {'symbols': symbols, 'layouts': layouts, 'broken': broken, 'write': write}[verb](library, source)


if __name__ == '__main__':
    sys.exit(main())
