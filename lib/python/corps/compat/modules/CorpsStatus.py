"""What an Env is doing."""

import corps.compat
from corps import MajorStatus, MinorStatus  # noqa: F401

corps.compat.start()
