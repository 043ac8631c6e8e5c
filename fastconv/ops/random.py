"""Random numbers that are functions of a seed and a position, so that a gradient can draw them again."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from fastconv.engine import Primitive
from fastconv.ops.convert import as_float, cast
from fastconv.ops.elementwise import cos, log, sqrt

_dropout: Primitive = Primitive(
    "dropout",
    lambda x, seed, *, rate: (x.shape, x.dtype),
    lambda dy, y, x, seed, *, rate: (_dropout(dy, seed, rate=rate), None),
)
_uniform: Primitive = Primitive(
    "uniform", lambda seed, *, shape: (shape, "float32"), lambda dy, y, seed, *, shape: (None,)
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


def _check_float(op: str, dtype: Any) -> None:
    if np.dtype(dtype).kind != "f":
        raise ValueError(f"{op}: numbers are drawn in a float dtype. Received: dtype={dtype!r}")


def random_uniform(
    shape: Sequence[int], seed: Any, minval: float = 0.0, maxval: float = 1.0, dtype: Any = "float32"
) -> Any:
    """Numbers from `minval`, inclusive, to `maxval`, in steps of 2^-24 of their distance.

    Args:
        shape: of the result.
        seed: (1,) uint64; the same seed draws the same numbers.
        minval, maxval: the ends of the range.
        dtype: a float dtype.

    Raises:
        ValueError: another dtype.
    """
    _check_float("random_uniform", dtype)
    numbers = cast(_uniform(seed, shape=tuple(int(n) for n in shape)), dtype)
    return numbers if (minval, maxval) == (0.0, 1.0) else numbers * (maxval - minval) + minval


def random_normal(
    shape: Sequence[int], seed: Any, mean: float = 0.0, stddev: float = 1.0, dtype: Any = "float32"
) -> Any:
    """Normally distributed numbers, at most 5.8 standard deviations from the mean: Box and Muller 1958.

    Args:
        shape: of the result.
        seed: (1,) uint64; the same seed draws the same numbers.
        mean, stddev: of the distribution.
        dtype: a float dtype.

    Raises:
        ValueError: another dtype, or a negative deviation.
    """
    _check_float("random_normal", dtype)
    if not stddev >= 0:
        raise ValueError(f"random_normal: stddev must not be negative. Received: stddev={stddev}")
    u, v = random_uniform((2, *shape), seed)
    numbers = cast(sqrt(-2 * log(1 - u)) * cos(2 * math.pi * v), dtype)
    return numbers if (mean, stddev) == (0.0, 1.0) else numbers * stddev + mean
