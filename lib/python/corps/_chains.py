"""Call chains: what a call from outside has set going over all Envs, recorded for a picture."""

import operator
import os

from . import _core, _create

_SPANS_MAX = 1 << 22


def _corps_to_record(of):
    """The capsule of the Corps that is meant; None: the one that this process is part of."""
    own = _core.own()
    if of is None and own is not None:
        return None
    created = {_core.Name(_core.front_address(corps)).__corps_numbers__[0]: corps for corps in _create.created()}
    if of is not None:
        number = of.__corps_numbers__[0]
        if own is not None and own[0] == number:
            return None
        if number in created:
            return created[number]
        raise ValueError(f'{of!r} belongs to a Corps that this process has not created and is not part of: record its chains there')
    if len(created) != 1:
        raise ValueError('there is no Corps yet to record: create it first' if not created else
                         f'there are {len(created)} Corps here: say which by Of=name, a Name of it')
    return next(iter(created.values()))


def _count(name, value, most):
    found = operator.index(value)
    if not 1 <= found <= most:
        raise ValueError(f'{name} must be a number from 1 to {most}, not {value!r}')
    return found


class record_chains:
    """Records the call chains of a Corps during a block, and writes them to a file that https://ui.perfetto.dev opens.

        with corps.record_chains('trace.json'):
            service.total(10).Ret

    A call that is made outside of methods begins a chain, with all that methods call for it, in every Env. Every=100 records only each
    100th chain of a process, so that it can stay on under load. An Env keeps the latest Spans calls and requests. Of, a Name, says of
    which Corps, where the program has several. What was lost, and why, stands in the file's otherData.

    Raises ValueError (no such Corps here, or this process records already), OSError (the file).
    """

    def __init__(self, path, Every=1, Spans=65536, Of=None):
        self._path = os.fspath(path)
        self._every = _count('Every', Every, 2 ** 63 - 1)
        self._spans = _count('Spans', Spans, _SPANS_MAX)
        self._of = Of
        self._file = self._corps = None

    def __enter__(self):
        if self._file is not None:
            raise ValueError('these chains are being recorded: one block ends before the next begins')
        corps = _corps_to_record(self._of)
        was_there = os.path.exists(self._path)
        file = open(self._path, 'ab')  # what is there stays, if nothing can be recorded
        try:
            _core.chains_begin(corps, self._spans, self._every)
            file.truncate(0)
        except BaseException:
            file.close()
            if not was_there:
                os.unlink(self._path)
            raise
        self._file, self._corps = file, corps
        return self

    def __exit__(self, *unused):
        with self._file as file:
            self._file = None
            _core.chains_end(self._corps, file.fileno())


def chain_id():
    """The number of the call chain that is served here, as it stands in what record_chains writes: eight hexadecimal digits, for logs.
    None where no chain is recorded, or outside of one."""
    number = _core.chain_id()
    return None if number is None else f'{number:08x}'


for _thing in (chain_id, record_chains):
    _thing.__module__ = 'corps'  # where users find them
