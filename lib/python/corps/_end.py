"""The end of the interpreter.

What the extension module holds is given back just before Python collects what modules leave: after the last function of
atexit, which may still read Futures, and early enough that the main program's globals are finalized as they would be
without Corps. Python begins that by dropping all modules in turn: one that nobody else refers to ends there.
"""

import sys
import types

from . import _core


class _Last:
    def __init__(self, is_finalizing, functions):
        self.is_finalizing, self.functions = is_finalizing, functions

    def __del__(self):
        if self.is_finalizing():
            for function in self.functions:
                function()


at_last = [_core.give_back]  # functions for that moment


def watch():
    """Once a process."""
    module = types.ModuleType('_corps_last')
    module.last = _Last(sys.is_finalizing, at_last)
    sys.modules[module.__name__] = module
