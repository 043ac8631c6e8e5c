"""Random masks that are functions of a seed and a position, so that a gradient can draw them again."""

from __future__ import annotations

from typing import Any

from fastconv.engine import Primitive
from fastconv.ops.convert import as_float

_dropout: Primitive = Primitive(
    "dropout",
    lambda x, seed, *, rate: (x.shape, x.dtype),
    lambda dy, y, x, seed, *, rate: (_dropout(dy, seed, rate=rate), None),
)


def dropout(x: Any, seed: Any, rate: float) -> Any:
    """y[i] = x[i] / (1 - rate) with probability 1 - rate, else 0; Srivastava et al. 2014.

    Args:
        x: any shape.
        seed: (1,) uint64; the same seed draws the same mask.
        rate: 0 <= rate < 1.

    Returns:
        An array like x.

    Raises:
        ValueError: a rate outside [0, 1).
    """
    if not 0 <= rate < 1:
        raise ValueError(f"dropout: rate must be at least 0 and less than 1. Received: rate={rate}")
    return _dropout(as_float(x), seed, rate=float(rate)) if rate else x
