"""Futures, and waiting for several of them."""

import corps.compat
from corps import Future, NoRet, NoRetType, wait_all, wait_next  # noqa: F401

corps.compat.start()
