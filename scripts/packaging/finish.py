#!/usr/bin/env python3
"""finish.py WHEEL FOLDER [--doc DOC]: writes a wheel that auditwheel has repaired to FOLDER, with the licences of the libraries it brings.

A library that is not known here is an error: whether it may be passed on is for a person to decide. The texts come from Debian's
DOC/PACKAGE/copyright (default /usr/share/doc). Times in the archive are SOURCE_DATE_EPOCH's, so that equal content makes equal files."""

import argparse
import base64
import hashlib
import os
import sys
import time
import zipfile

# What a library's file name begins with: Debian's package, and the licences of its code.
KNOWN = {'libuv': ('libuv1', ['MIT', 'ISC', 'BSD-2-Clause', 'BSD-3-Clause']), 'libsodium': ('libsodium23', ['ISC', 'BSD-2-Clause'])}


def bundled(names):
    """Which known libraries are among the files of a wheel."""
    libraries = [name.partition('/')[2].partition('-')[0] for name in names if name.startswith('corps.libs/') and not name.endswith('/')]
    unknown = sorted(set(libraries) - set(KNOWN))
    if unknown:
        raise SystemExit(f'finish: the wheel brings {unknown}, and their licences are not known here: see KNOWN in {sys.argv[0]}')
    return sorted(set(libraries))


def with_licences(metadata, libraries):
    """METADATA that names the licences and their files."""
    expressions = ['MIT'] + sorted({name for library in libraries for name in KNOWN[library][1]} - {'MIT'})
    head, gap, body = metadata.partition('\n\n')
    assert 'License-Expression: MIT\n' in head, head
    head = head.replace('License-Expression: MIT\n', f"License-Expression: {' AND '.join(expressions)}\n")
    files = ''.join(f'License-File: {library}/copyright\n' for library in libraries)
    return head.replace('License-File: LICENSE\n', 'License-File: LICENSE\n' + files) + gap + body


def record_line(name, data):
    digest = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b'=').decode()
    return f'{name},sha256={digest},{len(data)}\n'


def content(path, doc):
    """[(name, mode, data) …] of the finished wheel, RECORD last."""
    with zipfile.ZipFile(path) as wheel:
        files = {entry.filename: (entry.external_attr >> 16 or 0o100644, wheel.read(entry)) for entry in wheel.infolist() if not entry.is_dir()}
    info = next(name for name in files if name.endswith('.dist-info/METADATA')).rpartition('/')[0]
    libraries = bundled(files)
    mode, metadata = files[f'{info}/METADATA']
    files[f'{info}/METADATA'] = mode, with_licences(metadata.decode(), libraries).encode()
    for library in libraries:
        with open(os.path.join(doc, KNOWN[library][0], 'copyright'), 'rb') as file:
            files[f'{info}/licenses/{library}/copyright'] = 0o100644, file.read()
    record = f'{info}/RECORD'
    del files[record]
    rows = [(name, *files[name]) for name in sorted(files, key=lambda name: (name.startswith(info), name))]
    text = ''.join(record_line(name, data) for name, _, data in rows) + f'{record},,\n'
    return rows + [(record, 0o100644, text.encode())]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('wheel')
    parser.add_argument('folder')
    parser.add_argument('--doc', default='/usr/share/doc')
    options = parser.parse_args()
    stamp = time.gmtime(max(int(os.environ.get('SOURCE_DATE_EPOCH', time.time())), 315532800))[:6]  # a zip's time begins in 1980
    target = os.path.join(options.folder, os.path.basename(options.wheel))
    rows = content(options.wheel, options.doc)
    with zipfile.ZipFile(target, 'w', zipfile.ZIP_DEFLATED, compresslevel=9) as wheel:
        for name, mode, data in rows:
            entry = zipfile.ZipInfo(name, stamp)
            entry.external_attr = mode << 16
            entry.compress_type = zipfile.ZIP_DEFLATED
            wheel.writestr(entry, data)
    print(target)


main()
