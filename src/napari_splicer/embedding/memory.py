"""How a worker's process deals with the memory that it gave back."""

from __future__ import annotations

import ctypes
import os
from functools import cache

_TRIM, _MMAP = -1, -3  # M_TRIM_THRESHOLD and M_MMAP_THRESHOLD of malloc.h
_SET_BY_DASK = "MALLOC_TRIM_THRESHOLD_"


@cache
def keep_memory_at_hand() -> None:
    """Let this process use memory again instead of giving it back to the system at once.

    dask starts workers with ``MALLOC_TRIM_THRESHOLD_`` set. glibc then no longer learns how large
    blocks usually are, and asks the system anew for every batch, which has to clear the pages:
    measured, embedding then takes 2.4 times the CPU time. Set here is what glibc would come to by
    itself. Nothing happens with another C library, or where that variable is not set.
    """
    if _SET_BY_DASK not in os.environ or os.name != "posix":
        return
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_MMAP, 2**25)
        mallopt(_TRIM, 2**26)
