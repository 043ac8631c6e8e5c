"""Batch normalization (Ioffe and Szegedy 2015), and the standardization that other normalizations share."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from fastconv.arguments import as_number
from fastconv.backends.reference import Reference
from fastconv.engine import Primitive
from fastconv.engine.primitive import Gradients
from fastconv.ops.broadcast import broadcast_to, position, reshape, sum, sum_to
from fastconv.ops.convert import as_float, convert_to_tensor
from fastconv.ops.elementwise import add, multiply, rsqrt, square
from fastconv.ops.layout import floats
from fastconv.ops.reduce import mean
from fastconv.ops.shape import transpose
from fastconv.typing import Array, ArrayLike


def _batch_norm_gradient(
    dys: tuple[Array, ...], ys: tuple[Array, ...], x: Array, gamma: Array, beta: Array, *, epsilon: float
) -> Gradients:
    dy, dmean, dvariance = dys
    _, mean, variance = ys
    count = math.prod(x.shape[:-1])
    dx = dgamma = dbeta = None
    if dy is not None:
        dx, dgamma, dbeta = _batch_norm_backward(dy, x, mean, variance, gamma, epsilon=epsilon)
    if dmean is not None:
        part = broadcast_to(dmean / count, x.shape)
        dx = part if dx is None else dx + part
    if dvariance is not None:
        part = dvariance * (x - mean) * (2.0 / count)
        dx = part if dx is None else dx + part
    return dx, dgamma, dbeta


_batch_norm = Primitive(
    Reference.batch_norm,
    lambda x, gamma, beta, *, epsilon: [(x.shape, x.dtype), (gamma.shape, x.dtype), (gamma.shape, x.dtype)],
    _batch_norm_gradient,
)
_batch_norm_backward = Primitive(
    Reference.batch_norm_backward,
    lambda dy, x, mean, variance, gamma, *, epsilon: [
        (x.shape, x.dtype),
        (gamma.shape, x.dtype),
        (gamma.shape, x.dtype),
    ],
)


def _normalize_gradient(
    dy: Array, y: Array, x: Array, mean: Array, variance: Array, gamma: Array, beta: Array, *, epsilon: float
) -> Gradients:
    inverse = rsqrt(variance + epsilon)
    dbeta, product = sum_to(dy, beta.shape), sum_to(dy * (x - mean), gamma.shape) * inverse
    factor = gamma * inverse
    return dy * factor, -dbeta * factor, product * factor * inverse * -0.5, product, dbeta


_normalize = Primitive(
    Reference.normalize,
    lambda x, *others, **_: (x.shape, np.result_type(x.dtype, *[array.dtype for array in others])),
    _normalize_gradient,
)


def _standardize_gradient(dys: tuple[Array, ...], ys: tuple[Array, ...], x: Array, *, epsilon: float) -> Gradients:
    (dy, dinverse), (y, inverse) = dys, ys
    dx = None if dy is None else _standardize_backward(dy, y, inverse)
    if dinverse is not None:
        part = y * (dinverse * square(inverse) * (-1 / x.shape[-1]))
        dx = part if dx is None else dx + part
    return (dx,)


_standardize = Primitive(
    Reference.standardize,
    lambda x, *, epsilon: [(x.shape, x.dtype), ((*x.shape[:-1], 1), x.dtype)],
    _standardize_gradient,
)
_standardize_backward: Primitive = Primitive(
    Reference.standardize_backward,
    lambda dy, y, inverse: (y.shape, y.dtype),
    lambda ddx, dx, dy, y, inverse: (
        _standardize_backward(ddx, y, inverse),
        -inverse * (ddx * mean(dy * y, -1, True) + dy * mean(ddx * y, -1, True)),
        sum(ddx * dx, -1, True) / inverse,
    ),
)


def standardize(x: ArrayLike, axes: Sequence[int], epsilon: float) -> Array:
    """Return (x - mean) / sqrt(variance + epsilon) over `axes`, sorted positions."""
    x = as_float(x)
    rest = [i for i in range(x.ndim) if i not in axes]
    order = [*rest, *axes]
    last = transpose(x, order)
    rows = (*last.shape[: len(rest)], math.prod(last.shape[len(rest) :]))
    y = reshape(_standardize(reshape(last, rows), epsilon=float(epsilon))[0], last.shape)
    return transpose(y, [order.index(i) for i in range(x.ndim)])


def batch_norm(
    x: ArrayLike, gamma: ArrayLike | None = None, beta: ArrayLike | None = None, axis: int = -1, epsilon: float = 1e-3
) -> tuple[Array, Array, Array]:
    """y = gamma (x - mean) / sqrt(variance + epsilon) + beta, with mean and variance of x over all axes but `axis`.

    Args:
        x: (..., C), or with C at `axis`.
        gamma, beta: (C,), or None (default) for 1 and 0.
        axis: int, the axis of the channels. Default -1.
        epsilon: float, added to the variance. Default 1e-3.

    Returns:
        (y, mean, variance), with y like x and (C,) statistics. The variance is biased: divided by the count.

    Raises:
        ValueError: if `gamma` or `beta` does not have the shape (C,).
        TypeError: if the dtypes differ, or are neither float32 nor float64.

    Example:
        >>> y, mean, variance = ops.batch_norm(np.array([[0.0], [2.0]]), epsilon=0.0)
        >>> y.tolist(), mean.tolist(), variance.tolist()
        ([[-1.0], [1.0]], [1.0], [1.0])
    """
    x = as_float(x)
    axis = position(axis, x.ndim)
    shape = (x.shape[axis],)
    gamma = np.ones(shape, x.dtype) if gamma is None else _of_channels("batch_norm", "gamma", gamma, shape)
    beta = np.zeros(shape, x.dtype) if beta is None else _of_channels("batch_norm", "beta", beta, shape)
    floats("batch_norm", x, gamma, beta)
    epsilon = as_number("batch_norm", "epsilon", epsilon, 0, below=math.inf)
    if axis == x.ndim - 1:
        results: tuple[Array, Array, Array] = _batch_norm(x, gamma, beta, epsilon=float(epsilon))
        return results
    order = [i for i in range(x.ndim) if i != axis] + [axis]
    y, mean, variance = _batch_norm(transpose(x, order), gamma, beta, epsilon=float(epsilon))
    return transpose(y, [order.index(i) for i in range(x.ndim)]), mean, variance


def batch_normalization(
    x: ArrayLike,
    mean: ArrayLike,
    variance: ArrayLike,
    axis: int,
    offset: ArrayLike | None = None,
    scale: ArrayLike | None = None,
    epsilon: float = 1e-3,
) -> Array:
    """y = scale (x - mean) / sqrt(variance + epsilon) + offset, with given statistics.

    Args:
        x: array with C channels at `axis`.
        mean, variance: (C,).
        axis: int, the axis of the channels.
        offset, scale: (C,), or None (default) for 0 and 1.
        epsilon: float, added to the variance. Default 1e-3.

    Returns:
        Array with the shape of x.

    Raises:
        ValueError: if a statistic does not have the shape (C,).

    Example:
        >>> x, mean, variance = np.array([[3.0, 6.0]]), np.array([1.0, 2.0]), np.array([4.0, 4.0])
        >>> ops.batch_normalization(x, mean, variance, axis=-1, epsilon=0.0).tolist()
        [[1.0, 2.0]]
    """
    x = as_float(x)
    axis = position(axis, x.ndim)
    epsilon = as_number("batch_normalization", "epsilon", epsilon, 0, below=math.inf)
    shape = (x.shape[axis],)
    given = {"mean": mean, "variance": variance, "offset": offset, "scale": scale}
    arrays: list[Array] = [
        None
        if array is None and name in ("offset", "scale")
        else _of_channels("batch_normalization", name, array, shape)
        for name, array in given.items()
    ]
    mean, variance, offset, scale = arrays
    if axis == x.ndim - 1:
        scale = np.ones(shape, x.dtype) if scale is None else scale
        offset = np.zeros(shape, x.dtype) if offset is None else offset
        return _normalize(x, mean, variance, scale, offset, epsilon=float(epsilon))
    factor = rsqrt(variance + epsilon)
    factor = factor if scale is None else factor * scale
    shift = -mean * factor if offset is None else offset - mean * factor
    ones = [1] * (x.ndim - axis - 1)
    return add(multiply(x, reshape(factor, (*shape, *ones))), reshape(shift, (*shape, *ones)))


def _of_channels(op: str, name: str, value: Any, shape: tuple[int, ...]) -> Array:
    """Return `value`, which has a number for each channel, as an array. Raises ValueError unless it has this shape."""
    array = convert_to_tensor(value)
    if tuple(array.shape) != shape:
        raise ValueError(f"{op}: {name} must have the shape {shape}. Received: {name} of shape {tuple(array.shape)}")
    return array
