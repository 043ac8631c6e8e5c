"""Functions that make one number of many along some axes."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from fastconv.backends.reference import Reference
from fastconv.engine import Primitive
from fastconv.ops.broadcast import Axis, axes_of, broadcast_to, position, reduced_shape, reshape, spread, sum
from fastconv.ops.convert import as_float, cast, convert_to_tensor
from fastconv.ops.elementwise import equal, isnan, logical_or, maximum, minimum, where


def _extreme_gradient(dy: Any, y: Any, x: Any, *, axis: Any, keepdims: bool) -> tuple:
    """Elements that are equally extreme share dy; where the extreme is NaN, all NaN do."""
    hit = logical_or(equal(x, spread(y, x, axis)), isnan(x))
    return (where(hit, spread(dy / sum(cast(hit, dy.dtype), axis, keepdims), x, axis), 0.0),)


def _reduced(x: Any, *, axis: Any, keepdims: bool) -> tuple:
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


def max(x: Any, axis: Axis = None, keepdims: bool = False, initial: Any = None) -> Any:
    """Return the largest element over `axis`, and at least `initial`; ties share the gradient, NaN propagates.

    Raises:
        ValueError: an empty array without `initial`.
    """
    return _extreme(_max, maximum, x, axis, keepdims, initial)


def min(x: Any, axis: Axis = None, keepdims: bool = False, initial: Any = None) -> Any:
    """Return the smallest element over `axis`, and at most `initial`; ties share the gradient, NaN propagates.

    Raises:
        ValueError: an empty array without `initial`.
    """
    return _extreme(_min, minimum, x, axis, keepdims, initial)


def _extreme(primitive: Primitive, of_two: Any, x: Any, axis: Axis, keepdims: bool, initial: Any) -> Any:
    x, keepdims = convert_to_tensor(x), bool(keepdims)
    axes = axes_of(x, axis)
    is_empty = 0 in (x.shape if axes is None else [x.shape[i] for i in axes])
    if initial is None:
        _check_not_empty(primitive.name, x, axis, is_empty)
        return primitive(x, axis=axes, keepdims=keepdims)
    if is_empty:
        return np.full(reduced_shape(x, axes, keepdims), initial, x.dtype)
    return of_two(primitive(x, axis=axes, keepdims=keepdims), initial)


def _check_not_empty(op: str, x: Any, axis: Any, is_empty: bool) -> None:
    if is_empty:
        raise ValueError(f"{op}: x must have elements along axis. Received: x.shape={tuple(x.shape)}, axis={axis}")


def argmax(x: Any, axis: int | None = None, keepdims: bool = False) -> Any:
    """Return the position, int64, of the first largest element along `axis`, or in all of x if it is None.

    Raises:
        ValueError: no element along `axis`, or several axes.
    """
    x = convert_to_tensor(x)
    at = None if axis is None else position(axis, x.ndim)
    _check_not_empty("argmax", x, axis, 0 in (x.shape if at is None else (x.shape[at],)))
    y = _argmax(x, axis=at)
    return reshape(y, reduced_shape(x, None if at is None else (at,), True)) if keepdims else y


def argsort(x: Any, axis: int | None = -1) -> Any:
    """The positions, int64, that put x in ascending order along `axis`, or flattened when None; ties keep theirs."""
    x = convert_to_tensor(x)
    x, axis = (reshape(x, (-1,)), -1) if axis is None else (x, axis)
    at = position(axis, x.ndim)
    return _argsort(x, axis=at)


def mean(x: Any, axis: Axis = None, keepdims: bool = False) -> Any:
    """The arithmetic mean over `axis`; whole numbers and booleans are averaged as `config.floatx()`."""
    x = as_float(x)
    return _mean(x, axis=axes_of(x, axis), keepdims=bool(keepdims))


def _moments_gradient(dys: tuple, ys: tuple, x: Any, *, axis: Any) -> tuple:
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


def moments(x: Any, axes: Axis, keepdims: bool = False, synchronized: bool = False) -> tuple[Any, Any]:
    """Return (mean, variance) over `axes`; the variance is the mean squared distance from the mean.

    Raises:
        ValueError: `synchronized`, among devices, is True.
    """
    if synchronized:
        raise ValueError(f"moments: synchronized must be False. Received: {synchronized=}")
    x = as_float(x)
    axis = axes_of(x, axes)
    mean, variance = _moments(x, axis=axis)
    shape = reduced_shape(x, axis, keepdims)
    return reshape(mean, shape), reshape(variance, shape)


def var(x: Any, axis: Axis = None, keepdims: bool = False) -> Any:
    """The mean squared distance from the mean over `axis`."""
    return moments(x, axis, keepdims)[1]


# The square root, with slope 0 instead of infinity at 0.
_deviation = Primitive(
    Reference.elementwise,
    lambda x, *, function: (x.shape, x.dtype),
    lambda dy, y, x, *, function: (dy * 0.5 / where(equal(y, 0), math.inf, y),),
    elementwise=True,
)


def std(x: Any, axis: Axis = None, keepdims: bool = False) -> Any:
    """The square root of `var`; its gradient is 0 for elements that are all equal."""
    return _deviation(var(x, axis, keepdims), function="sqrt")
