"""Configuration: every variable, with the value that is in force in this process."""

import corps.compat
from corps import _config

corps.compat.start()
globals().update(_config.values)
