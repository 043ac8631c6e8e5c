"""Reductions over axes: extremes, means and variances."""

from __future__ import annotations

import math

import numpy as np

from fastconv.backends.reference import Reference
from fastconv.engine import Primitive
from fastconv.engine.primitive import Gradients, Spec
from fastconv.ops.broadcast import axes_of, broadcast_to, position, reduced_shape, reshape, spread, sum
from fastconv.ops.convert import as_float, cast, convert_to_tensor
from fastconv.ops.elementwise import Binary, equal, isnan, logical_or, maximum, minimum, where
from fastconv.typing import Array, ArrayLike, Axis


def _extreme_gradient(dy: Array, y: Array, x: Array, *, axis: tuple[int, ...] | None, keepdims: bool) -> Gradients:
    """Return dx: equal extremes share dy, and if the extreme is NaN, all NaN share it."""
    hit = logical_or(equal(x, spread(y, x, axis)), isnan(x))
    return (where(hit, spread(dy / sum(cast(hit, dy.dtype), axis, keepdims), x, axis), 0.0),)


def _reduced(x: Array, *, axis: tuple[int, ...] | None, keepdims: bool) -> Spec:
    return reduced_shape(x, axis, keepdims), x.dtype


_mean = Primitive(
    Reference.mean,
    _reduced,
    lambda dy, y, x, *, axis, keepdims: (spread(dy * (y.size / (x.size or 1)), x, axis),),
)
_max = Primitive(Reference.max, _reduced, _extreme_gradient)
_min = Primitive(Reference.min, _reduced, _extreme_gradient)
_argmax = Primitive(Reference.argmax, lambda x, *, axis: (reduced_shape(x, axes_of(x, axis), False), np.dtype("int64")))

_argsort = Primitive(Reference.argsort, lambda x, *, axis: (x.shape, np.dtype("int64")))


def max(x: ArrayLike, axis: Axis | None = None, keepdims: bool = False, initial: float | None = None) -> Array:
    """Return the maximum of x over `axis`. Equal elements share the gradient; NaN propagates.

    Args:
        x: array of any shape.
        axis: int, ints, or None (default) for all axes.
        keepdims: if True, reduced axes stay with size 1. Default False.
        initial: number, a lower bound of the result, or None (default).

    Returns:
        Array with the shape of x without the reduced axes.

    Raises:
        ValueError: if there is no element along `axis` and `initial` is None.

    Example:
        >>> ops.max([[1.0, 4.0], [3.0, 2.0]], axis=1).tolist()
        [4.0, 3.0]
    """
    return _extreme(_max, maximum, x, axis, keepdims, initial)


def min(x: ArrayLike, axis: Axis | None = None, keepdims: bool = False, initial: float | None = None) -> Array:
    """Return the minimum of x over `axis`. Equal elements share the gradient; NaN propagates.

    Args:
        x: array of any shape.
        axis: int, ints, or None (default) for all axes.
        keepdims: if True, reduced axes stay with size 1. Default False.
        initial: number, an upper bound of the result, or None (default).

    Returns:
        Array with the shape of x without the reduced axes.

    Raises:
        ValueError: if there is no element along `axis` and `initial` is None.

    Example:
        >>> ops.min([[1.0, 4.0], [3.0, 2.0]], axis=1).tolist()
        [1.0, 2.0]
    """
    return _extreme(_min, minimum, x, axis, keepdims, initial)


def _extreme(
    primitive: Primitive, of_two: Binary, x: ArrayLike, axis: Axis | None, keepdims: bool, initial: float | None
) -> Array:
    x, keepdims = convert_to_tensor(x), bool(keepdims)
    axes = axes_of(x, axis)
    is_empty = 0 in (x.shape if axes is None else [x.shape[i] for i in axes])
    if initial is None:
        _check_not_empty(primitive.name, x, axis, is_empty)
        return primitive(x, axis=axes, keepdims=keepdims)
    if is_empty:
        return np.full(reduced_shape(x, axes, keepdims), initial, x.dtype)
    return of_two(primitive(x, axis=axes, keepdims=keepdims), initial)


def _check_not_empty(op: str, x: Array, axis: Axis | None, is_empty: bool) -> None:
    if is_empty:
        raise ValueError(f"{op}: x must have elements along axis. Received: x.shape={tuple(x.shape)}, axis={axis}")


def argmax(x: ArrayLike, axis: int | None = None, keepdims: bool = False) -> Array:
    """Return the position of the first maximum along `axis`.

    Args:
        x: array of any shape.
        axis: int, or None (default) for the flattened x.
        keepdims: if True, the reduced axis stays with size 1. Default False.

    Returns:
        int64 array with the shape of x without the reduced axis.

    Raises:
        ValueError: if there is no element along `axis`, or if `axis` has several axes.

    Example:
        >>> ops.argmax([[1.0, 4.0], [3.0, 2.0]], axis=1).tolist()
        [1, 0]
    """
    x = convert_to_tensor(x)
    at = None if axis is None else position(axis, x.ndim)
    _check_not_empty("argmax", x, axis, 0 in (x.shape if at is None else (x.shape[at],)))
    y = _argmax(x, axis=at)
    return reshape(y, reduced_shape(x, None if at is None else (at,), True)) if keepdims else y


def argsort(x: ArrayLike, axis: int | None = -1) -> Array:
    """Return the positions that sort x in ascending order along `axis`. Equal elements keep their order.

    Args:
        x: array of any shape.
        axis: int, default -1, or None for the flattened x.

    Returns:
        int64 array with the shape of x.

    Example:
        >>> ops.argsort([3.0, 1.0, 2.0]).tolist()
        [1, 2, 0]
    """
    x = convert_to_tensor(x)
    x, axis = (reshape(x, (-1,)), -1) if axis is None else (x, axis)
    at = position(axis, x.ndim)
    return _argsort(x, axis=at)


def mean(x: ArrayLike, axis: Axis | None = None, keepdims: bool = False) -> Array:
    """Return the arithmetic mean of x over `axis`.

    Args:
        x: array of any shape. Integers and booleans are averaged as `config.floatx()`.
        axis: int, ints, or None (default) for all axes.
        keepdims: if True, reduced axes stay with size 1. Default False.

    Returns:
        Array with the shape of x without the reduced axes.

    Example:
        >>> ops.mean([[1.0, 2.0], [3.0, 4.0]], axis=0).tolist()
        [2.0, 3.0]
    """
    x = as_float(x)
    return _mean(x, axis=axes_of(x, axis), keepdims=bool(keepdims))


def _moments_gradient(
    dys: tuple[Array, ...], ys: tuple[Array, ...], x: Array, *, axis: tuple[int, ...] | None
) -> Gradients:
    (dmean, dvariance), (mean, _) = dys, ys
    count = x.size // (mean.size or 1)
    dx = None if dmean is None else broadcast_to(dmean * (1 / count), x.shape)
    if dvariance is not None:
        part = (x - mean) * (dvariance * (2 / count))
        dx = part if dx is None else dx + part
    return (dx,)


_moments = Primitive(
    Reference.moments, lambda x, *, axis: [(reduced_shape(x, axis, True), x.dtype)] * 2, _moments_gradient
)


def moments(x: ArrayLike, axes: Axis | None, keepdims: bool = False, synchronized: bool = False) -> tuple[Array, Array]:
    """Return (mean, variance) of x over `axes`. The variance is the mean of (x - mean)^2.

    Args:
        x: array of any shape.
        axes: int, ints, or None for all axes.
        keepdims: if True, reduced axes stay with size 1. Default False.
        synchronized: must be False; statistics over several devices are not supported.

    Returns:
        Two arrays with the shape of x without the reduced axes.

    Raises:
        ValueError: if `synchronized` is True.

    Example:
        >>> mean, variance = ops.moments([1.0, 3.0], axes=0)
        >>> mean.tolist(), variance.tolist()
        (2.0, 1.0)
    """
    if synchronized:
        raise ValueError(f"moments: synchronized must be False. Received: {synchronized=}")
    x = as_float(x)
    axis = axes_of(x, axes)
    mean, variance = _moments(x, axis=axis)
    shape = reduced_shape(x, axis, keepdims)
    return reshape(mean, shape), reshape(variance, shape)


def var(x: ArrayLike, axis: Axis | None = None, keepdims: bool = False) -> Array:
    """Return the variance of x over `axis`: the mean of (x - mean)^2.

    Args:
        x: array of any shape.
        axis: int, ints, or None (default) for all axes.
        keepdims: if True, reduced axes stay with size 1. Default False.

    Returns:
        Array with the shape of x without the reduced axes.

    Example:
        >>> ops.var([1.0, 3.0]).tolist()
        1.0
    """
    return moments(x, axis, keepdims)[1]


# The square root, with derivative 0 instead of infinity at 0.
_deviation = Primitive(
    Reference.elementwise,
    lambda x, *, function: (x.shape, x.dtype),
    lambda dy, y, x, *, function: (dy * 0.5 / where(equal(y, 0), math.inf, y),),
    elementwise=True,
)


def std(x: ArrayLike, axis: Axis | None = None, keepdims: bool = False) -> Array:
    """Return the standard deviation of x over `axis`: the square root of `var`.

    If all elements are equal, the gradient is 0.

    Args:
        x: array of any shape.
        axis: int, ints, or None (default) for all axes.
        keepdims: if True, reduced axes stay with size 1. Default False.

    Returns:
        Array with the shape of x without the reduced axes.

    Example:
        >>> ops.std([1.0, 5.0]).tolist()
        2.0
    """
    return _deviation(var(x, axis, keepdims), function="sqrt")
