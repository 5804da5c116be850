"""The exceptions of calls."""

import corps.compat
from corps import (AsyncAttributeError, AsyncExecutionError, AsyncLocalException, AsyncLocalMaxRetries,  # noqa: F401
                   AsyncRemoteException, AsyncRemoteMaxRetries)

corps.compat.start()
