"""How much memory there is: arrays that would not fit are refused, before the system ends the process for them."""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import numpy as np

# Limits of a container, as Linux's two versions of control groups tell them.
LIMITS = ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes")


@lru_cache(maxsize=1)
def usable_memory() -> int:
    """The bytes of memory that this machine has, or that the container may use."""
    return min([os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"), *map(_limit_in, LIMITS)])


def _limit_in(path: str) -> Any:
    """The number in a file, infinity if there is none."""
    try:
        with open(path) as file:
            return int(file.read())
    except (OSError, ValueError):  # the file holds "max" if there is no limit
        return math.inf


def check_fits(owner: str, shape: Sequence[int | None], dtype: Any, copies: int = 1) -> None:
    """Raise MemoryError if an array does not fit the memory, together with what is computed on the way to it.

    Args:
        owner: what the error calls the operation.
        shape, dtype: of the array; sizes that are unknown count as 1.
        copies: how many arrays of this size there are at one time.
    """
    size = math.prod([1 if n is None else n for n in shape]) * np.dtype(dtype).itemsize * copies
    if size > usable_memory():
        raise MemoryError(f"{owner}: the result must fit the memory. Received: shape={tuple(shape)}, {size} bytes")
