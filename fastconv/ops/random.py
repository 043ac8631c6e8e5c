"""Random numbers as functions of a seed and a position, so that a gradient can draw them again."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from fastconv.arguments import as_integer, as_number
from fastconv.backends.reference import Reference
from fastconv.engine import Primitive
from fastconv.memory import check_fits
from fastconv.ops.broadcast import position, sizes
from fastconv.ops.convert import as_float, cast, convert_to_tensor
from fastconv.ops.elementwise import cos, floor, log, maximum, sqrt
from fastconv.ops.reduce import argmax, argsort
from fastconv.ops.shape import expand_dims, take
from fastconv.typing import Array, ArrayLike, DTypeLike

_dropout: Primitive = Primitive(
    Reference.dropout,
    lambda x, seed, *, rate: (x.shape, x.dtype),
    lambda dy, y, x, seed, *, rate: (_dropout(dy, seed, rate=rate), None),
)
_uniform: Primitive = Primitive(
    Reference.uniform, lambda seed, *, shape: (shape, "float32"), lambda dy, y, seed, *, shape: (None,)
)


def dropout(x: ArrayLike, seed: ArrayLike, rate: float) -> Array:
    """y[i] = x[i] / (1 - rate) with probability 1 - rate, else 0; Srivastava et al. 2014.

    Args:
        x: array of any shape.
        seed: int, or (1,) uint64. The same seed draws the same mask.
        rate: float, 0 <= rate < 1.

    Returns:
        Array with the shape of x.

    Raises:
        ValueError: if `rate` is outside [0, 1).

    Example:
        >>> y = ops.dropout(np.ones(1000, "float32"), 7, rate=0.5)
        >>> sorted(set(y.tolist()))
        [0.0, 2.0]
    """
    rate = as_number("dropout", "rate", rate, 0, below=1)
    return _dropout(as_float(x), _as_seed(seed), rate=float(rate)) if rate else x


def _as_seed(seed: Array) -> Array:
    """Return `seed`, an integer or (1,) uint64, as an array. Raises ValueError for anything else."""
    if getattr(seed, "dtype", None) == np.uint64 and seed.shape == (1,):
        return seed
    return np.array([as_integer("random", "seed", seed, 0)], np.uint64)


def _check_float(op: str, dtype: DTypeLike) -> None:
    if np.dtype(dtype).kind != "f":
        raise ValueError(f"{op}: numbers are drawn in a float dtype. Received: dtype={dtype!r}")


def random_uniform(
    shape: Sequence[int], seed: ArrayLike, minval: float = 0.0, maxval: float = 1.0, dtype: DTypeLike = "float32"
) -> Array:
    """Return random numbers, minval <= y < maxval, in steps of 2^-24 (maxval - minval).

    Args:
        shape: ints, the shape of the result.
        seed: int, or (1,) uint64. The same seed draws the same numbers.
        minval, maxval: floats, default 0 and 1.
        dtype: float dtype, default "float32".

    Returns:
        Array of shape `shape`.

    Raises:
        ValueError: if `dtype` is not a float dtype.

    Example:
        >>> ops.random_uniform((2, 3), 7).shape
        (2, 3)
    """
    _check_float("random_uniform", dtype)
    minval = as_number("random_uniform", "minval", minval, below=math.inf)
    maxval = as_number("random_uniform", "maxval", maxval, below=math.inf)
    wanted = sizes("random_uniform", "shape", shape)
    check_fits("random_uniform", wanted, "float32", 2)
    numbers = cast(_uniform(_as_seed(seed), shape=wanted), dtype)
    return numbers if (minval, maxval) == (0.0, 1.0) else numbers * (maxval - minval) + minval


def random_normal(
    shape: Sequence[int], seed: ArrayLike, mean: float = 0.0, stddev: float = 1.0, dtype: DTypeLike = "float32"
) -> Array:
    """Return normally distributed random numbers, at most 5.8 standard deviations from the mean; Box and Muller 1958.

    Args:
        shape: ints, the shape of the result.
        seed: int, or (1,) uint64. The same seed draws the same numbers.
        mean, stddev: floats, default 0 and 1.
        dtype: float dtype, default "float32".

    Returns:
        Array of shape `shape`.

    Raises:
        ValueError: if `dtype` is not a float dtype, or if `stddev` is negative.

    Example:
        >>> ops.random_normal((2, 3), 7).shape
        (2, 3)
    """
    _check_float("random_normal", dtype)
    mean = as_number("random_normal", "mean", mean, below=math.inf)
    stddev = as_number("random_normal", "stddev", stddev, 0, below=math.inf)
    u, v = random_uniform((2, *sizes("random_normal", "shape", shape)), seed)
    numbers = cast(sqrt(-2 * log(1 - u)) * cos(2 * math.pi * v), dtype)
    return numbers if (mean, stddev) == (0.0, 1.0) else numbers * stddev + mean


def random_integers(
    shape: Sequence[int], seed: ArrayLike, minval: int, maxval: int, dtype: DTypeLike = "int32"
) -> Array:
    """Return random integers, minval <= y < maxval, of 48 random bits each.

    Args:
        shape: ints, the shape of the result.
        seed: int, or (1,) uint64. The same seed draws the same numbers.
        minval, maxval: ints.
        dtype: integer dtype, default "int32".

    Returns:
        Array of shape `shape`.

    Raises:
        ValueError: if `dtype` is not an integer dtype, or if minval >= maxval.

    Example:
        >>> y = ops.random_integers((100,), 7, 1, 4)
        >>> sorted(set(y.tolist()))
        [1, 2, 3]
    """
    if np.dtype(dtype).kind not in "iu":
        raise ValueError(f"random_integers: numbers are drawn in an integer dtype. Received: dtype={dtype!r}")
    minval, maxval = (as_integer("random_integers", n, v) for n, v in (("minval", minval), ("maxval", maxval)))
    if not minval < maxval:
        raise ValueError(f"random_integers: minval must be less than maxval. Received: {minval=}, {maxval=}")
    high, low = random_uniform((2, *sizes("random_integers", "shape", shape)), seed, dtype="float64")
    return cast(floor((high + low * 2.0**-24) * (maxval - minval)) + minval, dtype)


# The inverse of the error function over x for |x| < 0.996, as polynomial in -log(1 - x^2) - 2.5, highest power first:
# Giles 2010, "Approximating the erfinv function".
ERFINV = (
    2.81022636e-08, 3.43273939e-07, -3.5233877e-06, -4.39150654e-06, 0.00021858087, -0.00125372503, -0.00417768164,
    0.246640727, 1.50140941,
)  # fmt: skip
WITHIN_TWO = math.erf(math.sqrt(2))  # probability of at most two deviations from the mean


def random_truncated_normal(
    shape: Sequence[int], seed: ArrayLike, mean: float = 0.0, stddev: float = 1.0, dtype: DTypeLike = "float32"
) -> Array:
    """Return normally distributed random numbers at most two standard deviations from the mean.

    Args:
        shape: ints, the shape of the result.
        seed: int, or (1,) uint64. The same seed draws the same numbers.
        mean, stddev: floats, default 0 and 1: of the distribution before it is truncated.
        dtype: float dtype, default "float32".

    Returns:
        Array of shape `shape`.

    Raises:
        ValueError: if `dtype` is not a float dtype, or if `stddev` is negative.

    Example:
        >>> y = ops.random_truncated_normal((1000,), 7)
        >>> bool((abs(y) <= 2).all())
        True
    """
    _check_float("random_truncated_normal", dtype)
    mean = as_number("random_truncated_normal", "mean", mean, below=math.inf)
    stddev = as_number("random_truncated_normal", "stddev", stddev, 0, below=math.inf)
    x = random_uniform(shape, seed, -WITHIN_TWO, WITHIN_TWO, dtype)
    w = -log(1 - x * x) - 2.5
    y = ERFINV[0]
    for coefficient in ERFINV[1:]:
        y = y * w + coefficient
    return x * y * (math.sqrt(2) * stddev) + mean


def random_categorical(logits: ArrayLike, num_samples: int, seed: ArrayLike, dtype: DTypeLike = "int32") -> Array:
    """Return random classes, with probabilities proportional to exp(logits).

    The class with the largest logit + noise is drawn, with Gumbel noise -log(-log u) of a uniform u; Gumbel 1954.

    Args:
        logits: (N, K).
        num_samples: int, the number of classes drawn for each row.
        seed: int, or (1,) uint64. The same seed draws the same classes.
        dtype: dtype of the result, default "int32".

    Returns:
        (N, num_samples).

    Raises:
        ValueError: if `logits` does not have 2 axes.

    Example:
        >>> ops.random_categorical([[0.0, 100.0]], 3, 7).tolist()
        [[1, 1, 1]]
    """
    logits = as_float(logits)
    if logits.ndim != 2:
        raise ValueError(f"random_categorical: logits must have 2 axes. Received: shape={tuple(logits.shape)}")
    count = as_integer("random_categorical", "num_samples", num_samples, 0)
    u = random_uniform((logits.shape[0], count, logits.shape[1]), seed)
    gumbel = -log(-log(maximum(u, 2.0**-25)))
    return cast(argmax(expand_dims(logits, 1) + gumbel, -1), dtype)


def random_shuffle(x: ArrayLike, seed: ArrayLike, axis: int = 0) -> Array:
    """Return x with its slices along `axis` in random order.

    Args:
        x: array of at least one axis.
        seed: int, or (1,) uint64. The same seed gives the same order.
        axis: int, default 0.

    Returns:
        Array with the shape of x.

    Example:
        >>> y = ops.random_shuffle([1, 2, 3], 7)
        >>> sorted(y.tolist())
        [1, 2, 3]
    """
    x = convert_to_tensor(x)
    at = position(axis, x.ndim)
    return take(x, argsort(random_uniform((x.shape[at],), seed)), at)
