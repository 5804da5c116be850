"""Corps: the front of a group of Envs."""

import corps.compat
from corps import Corps  # noqa: F401

corps.compat.start()
