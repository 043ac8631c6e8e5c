"""Limits on the memory of a weight, checked before it is allocated, and weights whose first values nobody reads."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar

import numpy as np

from fastconv.memory import usable_memory
from fastconv.typing import DTypeLike

# Largest ratio of a weight's bytes to its file's: zlib compresses by at most 1032, and int8 may become float64.
MOST_EXPANSION = 1032 * 8

_limit: ContextVar[float] = ContextVar("limit", default=math.inf)
_assigned_later: ContextVar[bool] = ContextVar("assigned_later", default=False)


@contextmanager
def weights_of_file(size: int) -> Iterator[None]:
    """Inside `with`, reject weights that are too large to come from a file of `size` bytes."""
    scope = _limit.set(MOST_EXPANSION * size)
    try:
        yield
    finally:
        _limit.reset(scope)


@contextmanager
def weights_assigned_later() -> Iterator[None]:
    """Inside `with`, do not draw random weights, since all weights will be assigned before they are read."""
    scope = _assigned_later.set(True)
    try:
        yield
    finally:
        _assigned_later.reset(scope)


def are_weights_assigned_later() -> bool:
    """Return True inside `weights_assigned_later`."""
    return _assigned_later.get()


def check_memory(name: str, shape: Sequence[int], dtype: DTypeLike | None, advice: str = "") -> None:
    """Raise MemoryError if a weight exceeds the machine's memory, or is too large for its file.

    Args:
        name: the path of the weight.
        shape, dtype: of the weight.
        advice: added to the rule if the weight exceeds the memory.
    """
    size = math.prod(shape) * np.dtype(dtype).itemsize
    if size > _limit.get():
        raise MemoryError(f"{name}: a weight must fit in its file. Received: shape={tuple(shape)}, {size} bytes")
    if size > usable_memory():
        raise MemoryError(f"{name}: a weight must fit in memory{advice}. Received: shape={tuple(shape)}, {size} bytes")
