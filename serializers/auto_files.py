"""Open files, where they can be opened again.

This module is `_corps_auto_files`.
"""
import io
import os
import sys

from _corps_owned import Refused


def _file(name, mode, encoding, errors, newline, position):
    file = open(name, mode, encoding=encoding, errors=errors, newline=newline)
    file.seek(position)
    return file


def _can_open_again(file):
    name = getattr(file, 'name', None)
    try:
        return isinstance(name, str) and os.path.isfile(name) and os.path.samestat(os.fstat(file.fileno()), os.stat(name))
    except (OSError, ValueError):
        return False  # closed, removed, or not on disk


def reduce_file(state, file):
    for name in ('stdin', 'stdout', 'stderr'):
        if file is getattr(sys, name) or file is getattr(sys, '__%s__' % name):
            return getattr, (sys, name)
    if not _can_open_again(file):
        raise Refused('this file cannot be opened again there; send its path or its content', file)
    text = isinstance(file, io.TextIOWrapper)
    mode = 'a' if file.writable() else 'r'
    if mode == 'a' and getattr(file, 'mode', None) not in (('a',) if text else ('ab', 'a')):
        raise Refused('a file that is open for writing cannot travel: two processes would write it; send its path', file)
    if mode == 'a':
        file.flush()
    return _file, (os.path.abspath(file.name), mode if text else mode + 'b', file.encoding if text else None,
                   file.errors if text else None, None, file.tell())


def refuse_other_file(state, file):
    raise Refused('a file of class %s cannot be opened again there; send its path or its content' % type(file).__name__, file)


FILES = (io.TextIOWrapper, io.BufferedReader, io.BufferedWriter, io.BufferedRandom, io.FileIO)
