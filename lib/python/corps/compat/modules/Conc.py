"""Conc: a Worker made from an object."""

import corps.compat
from corps import Conc  # noqa: F401

corps.compat.start()
