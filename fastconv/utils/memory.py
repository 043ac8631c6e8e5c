"""How much memory a weight may take: what a configuration asks for is checked before anything is allocated."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar

import numpy as np

from fastconv.memory import usable_memory

# Bytes of a weight for each byte of the file it comes from: the best compression of zlib, and float64 for int8.
MOST_EXPANSION = 1032 * 8

_limit: ContextVar[float] = ContextVar("limit", default=math.inf)


@contextmanager
def weights_of_file(size: int) -> Iterator[None]:
    """Inside `with`, no weight may be larger than a file of `size` bytes can hold."""
    scope = _limit.set(MOST_EXPANSION * size)
    try:
        yield
    finally:
        _limit.reset(scope)


def check_memory(name: str, shape: Sequence[int], dtype: str) -> None:
    """Raise MemoryError if a weight takes more than the memory of this machine, or than its file can hold."""
    size = math.prod(shape) * np.dtype(dtype).itemsize
    if size > _limit.get():
        raise MemoryError(f"{name}: a weight must be in its file. Received: shape={tuple(shape)}, {size} bytes")
    if size > usable_memory():
        raise MemoryError(f"{name}: a weight must fit the memory. Received: shape={tuple(shape)}, {size} bytes")
