"""Names: addresses of Workers."""

import corps.compat
from corps import Name  # noqa: F401

corps.compat.start()
