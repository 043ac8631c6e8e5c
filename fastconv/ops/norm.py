"""Batch normalization (Ioffe and Szegedy 2015), and the standardization that other normalizations share."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from fastconv.arguments import as_number
from fastconv.backends.reference import Reference
from fastconv.engine import Primitive
from fastconv.ops.broadcast import broadcast_to, position, reshape, sum, sum_to
from fastconv.ops.convert import as_float, convert_to_tensor
from fastconv.ops.elementwise import rsqrt, square
from fastconv.ops.layout import floats
from fastconv.ops.reduce import mean
from fastconv.ops.shape import transpose


def _batch_norm_gradient(dys: tuple, ys: tuple, x: Any, gamma: Any, beta: Any, *, epsilon: float) -> tuple:
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
    dy: Any, y: Any, x: Any, mean: Any, variance: Any, gamma: Any, beta: Any, *, epsilon: float
) -> tuple:
    inverse = rsqrt(variance + epsilon)
    dbeta, product = sum_to(dy, beta.shape), sum_to(dy * (x - mean), gamma.shape) * inverse
    factor = gamma * inverse
    return dy * factor, -dbeta * factor, product * factor * inverse * -0.5, product, dbeta


_normalize = Primitive(
    Reference.normalize,
    lambda x, *others, **_: (x.shape, np.result_type(x.dtype, *[array.dtype for array in others])),
    _normalize_gradient,
)


def _standardize_gradient(dys: tuple, ys: tuple, x: Any, *, epsilon: float) -> tuple:
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


def standardize(x: Any, axes: Sequence[int], epsilon: float) -> Any:
    """Return (x - mean) / sqrt(variance + epsilon) over `axes`, sorted positions."""
    x = as_float(x)
    rest = [i for i in range(x.ndim) if i not in axes]
    order = [*rest, *axes]
    last = transpose(x, order)
    rows = (*last.shape[: len(rest)], math.prod(last.shape[len(rest) :]))
    y = reshape(_standardize(reshape(last, rows), epsilon=float(epsilon))[0], last.shape)
    return transpose(y, [order.index(i) for i in range(x.ndim)])


def batch_norm(x: Any, gamma: Any = None, beta: Any = None, axis: int = -1, epsilon: float = 1e-3) -> tuple:
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
        return _batch_norm(x, gamma, beta, epsilon=float(epsilon))
    order = [i for i in range(x.ndim) if i != axis] + [axis]
    y, mean, variance = _batch_norm(transpose(x, order), gamma, beta, epsilon=float(epsilon))
    return transpose(y, [order.index(i) for i in range(x.ndim)]), mean, variance


def batch_normalization(
    x: Any, mean: Any, variance: Any, axis: int, offset: Any = None, scale: Any = None, epsilon: float = 1e-3
) -> Any:
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
    mean, variance, offset, scale = (
        None
        if array is None and name in ("offset", "scale")
        else _of_channels("batch_normalization", name, array, shape)
        for name, array in given.items()
    )
    if axis == x.ndim - 1:
        scale = np.ones(shape, x.dtype) if scale is None else scale
        offset = np.zeros(shape, x.dtype) if offset is None else offset
        return _normalize(x, mean, variance, scale, offset, epsilon=float(epsilon))
    factor = rsqrt(variance + epsilon)
    factor = factor if scale is None else factor * scale
    shift = -mean * factor if offset is None else offset - mean * factor
    ones = [1] * (x.ndim - axis - 1)
    return x * reshape(factor, (*shape, *ones)) + reshape(shift, (*shape, *ones))


def _of_channels(op: str, name: str, value: Any, shape: tuple[int, ...]) -> Any:
    """Return `value`, which has a number for each channel, as an array. Raises ValueError unless it has this shape."""
    array = convert_to_tensor(value)
    if tuple(array.shape) != shape:
        raise ValueError(f"{op}: {name} must have the shape {shape}. Received: {name} of shape {tuple(array.shape)}")
    return array
