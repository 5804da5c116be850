"""Compatibility with Corps Python 0.1: its module names (Corps, Conc, Workers, …) over this package.

    python -m corps.compat PROGRAM.py [ARGUMENT …]      runs a program of Corps Python 0.1 unchanged (or -m MODULE)
    PYTHONPATH=$(python -m corps.compat --path) python PROGRAM.py      the same by path

Arguments and results are copied inside an Env too, as they always were there.
"""

import os
import sys

PATH = os.path.join(os.path.dirname(os.path.abspath(__file__)), 'modules')
"""The folder with the modules."""

_started = False


def start():
    """Here, and in the Envs of Corps that are created here: the modules can be imported, and behave as they did."""
    global _started
    if _started:
        return
    _started = True
    if PATH not in sys.path:
        sys.path.append(PATH)
    from corps import _around, _config, _core, _create, _errors, _future, _hooks
    _config.default_fast_path = 'copy'
    _config.default_env_count = lambda: _config.DEFAULTS['NumEnvs']
    _future.sequences_only = True
    _core.copy_local_set(True)
    _create.compat = True
    _around.never = True
    _hooks.mix_types = False
    _errors.as_tuple = True
