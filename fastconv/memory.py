"""Memory limits. Arrays that do not fit raise MemoryError, before the system ends the process."""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import numpy as np

from fastconv.typing import DTypeLike

# Memory limits of a container, in both versions of Linux control groups.
LIMITS = ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes")


@lru_cache(maxsize=1)
def usable_memory() -> int:
    """Return the bytes of memory that this machine has, or that the container may use."""
    return min([os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"), *map(_limit_in, LIMITS)])


def _limit_in(path: str) -> Any:
    """Return the number in a file, or infinity if there is none."""
    try:
        with open(path) as file:
            return int(file.read())
    except (OSError, ValueError):  # the file holds "max" if there is no limit
        return math.inf


def check_fits(owner: str, shape: Sequence[int | None], dtype: DTypeLike | None, copies: int = 1) -> None:
    """Raise MemoryError if an array, together with intermediate results, does not fit in memory.

    Args:
        owner: name of the operation, for the message.
        shape, dtype: shape and dtype of the array; unknown sizes count as 1.
        copies: number of arrays of this size that exist at the same time.
    """
    size = math.prod([1 if n is None else n for n in shape]) * np.dtype(dtype).itemsize * copies
    if size > usable_memory():
        raise MemoryError(f"{owner}: the result must fit in memory. Received: shape={tuple(shape)}, {size} bytes")
