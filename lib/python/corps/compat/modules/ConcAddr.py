"""Addresses, as they are printed."""

import corps.compat
from corps import ConcAddr, ExtAddr  # noqa: F401

corps.compat.start()
