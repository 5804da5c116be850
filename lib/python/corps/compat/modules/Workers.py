"""Creating Corps and Concs."""

import corps.compat
from corps import LocType, create_Concs, create_Corps, create_Funcs  # noqa: F401

corps.compat.start()
