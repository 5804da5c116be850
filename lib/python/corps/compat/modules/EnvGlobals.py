"""What a process knows of itself."""

import corps.compat
from corps import my_EnvId, my_EnvStatus, my_Host, my_Ip, my_Port  # noqa: F401

corps.compat.start()
