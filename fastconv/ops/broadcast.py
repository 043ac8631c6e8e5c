"""Reshaping, broadcasting and summation. Each is part of the gradient of another."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache

import numpy as np

from fastconv.arguments import LARGEST, as_integers, is_integer, plain
from fastconv.backends import backend_of
from fastconv.backends.reference import Reference
from fastconv.engine import Primitive, View
from fastconv.memory import check_fits
from fastconv.ops.convert import cast, convert_to_tensor
from fastconv.typing import Array, ArrayLike, Axis, IntOrInts, Shape
from fastconv.window import are_integers

_reshape = View(
    "reshape",
    lambda x, *, shape: x.reshape(shape),
    lambda x, *, shape: (shape, x.dtype),
    lambda dy, y, x, *, shape: (reshape(dy, x.shape),),
)


def broadcast_shapes(*shapes: Shape) -> Shape:
    """Return the shape to which `shapes` broadcast: the first, in 0.2 instead of 3 us, if all are equal."""
    return shapes[0] if shapes.count(shapes[0]) == len(shapes) else np.broadcast_shapes(*shapes)


def reshape(x: ArrayLike, newshape: IntOrInts) -> Array:
    """Return x with the same elements in row-major order and another shape.

    Args:
        x: array of any shape.
        newshape: int or ints. One size may be -1; it follows from the number of elements.

    Returns:
        Array of shape `newshape`.

    Raises:
        ValueError: if the number of elements would change.

    Example:
        >>> ops.reshape(np.zeros((2, 6)), (3, -1)).shape
        (3, 4)
    """
    x = convert_to_tensor(x)
    shape = sizes("reshape", "newshape", newshape, -1)
    if shape == tuple(x.shape):
        return x
    size, known = math.prod(x.shape), math.prod(n for n in shape if n != -1)
    if shape.count(-1) == 1 and known and size % known == 0:
        shape = tuple(size // known if n == -1 else n for n in shape)
    if any(n < 0 for n in shape) or math.prod(shape) != size:
        raise ValueError(f"reshape: the number of elements must stay. Received: x.shape={x.shape}, newshape={newshape}")
    return _reshape(x, shape=shape)


_broadcast_to = View(
    "broadcast_to",
    lambda x, *, shape: backend_of(x).xp.broadcast_to(x, shape),
    lambda x, *, shape: (shape, x.dtype),
    lambda dy, y, x, *, shape: (sum_to(dy, x.shape),),
)


def broadcast_to(x: ArrayLike, shape: Sequence[int]) -> Array:
    """Return x broadcast to `shape`, without a copy.

    Args:
        x: array of any shape.
        shape: ints. Axes of size 1 are repeated; new axes are added at the front.

    Returns:
        Array of shape `shape`.

    Raises:
        ValueError: if x cannot be broadcast to `shape`.

    Example:
        >>> ops.broadcast_to([1.0, 2.0], (2, 2)).tolist()
        [[1.0, 2.0], [1.0, 2.0]]
    """
    x, shape = convert_to_tensor(x), sizes("broadcast_to", "shape", shape)
    if shape == tuple(x.shape):
        return x
    try:
        fits = broadcast_shapes(x.shape, shape) == shape
    except ValueError:
        fits = False
    if not fits:
        raise ValueError(
            f"broadcast_to: x does not broadcast to this shape. Received: x.shape={x.shape}, shape={shape}"
        )
    check_fits("broadcast_to", shape, x.dtype)
    return _broadcast_to(x, shape=shape)


def sizes(op: str, name: str, value: object, least: int = 0) -> tuple[int, ...]:
    """Return `value`, an integer or integers, as a tuple of ints. Raises ValueError if one is below `least`."""
    if type(value) is tuple and are_integers(value, least) and max(value, default=0) <= LARGEST:
        return value
    return as_integers(op, name, (value,) if is_integer(value) else value, least)


def positions(axis: Axis, rank: int) -> tuple[int, ...]:
    """Return `axis`, an axis or several in any order, as integers from 0 to rank - 1.

    Raises:
        ValueError: if `axis` has a value that is not an integer, an axis that does not exist, or an axis twice.
    """
    axes = axis if type(axis) is tuple else (axis,)
    for a in axes:
        if type(a) is not int:
            found = plain(axis)
            axes = tuple(found) if isinstance(found, (list, tuple)) else (found,)
            if not all(map(is_integer, axes)):
                raise ValueError(f"axis must be an int, or ints in a tuple. Received: axis={axis!r}")
            break
    found = _positions(axes, rank)
    if found is None:
        raise ValueError(f"axis must lie within the {rank} axes of the array, each once at most. Received: axis={axis}")
    return found


@lru_cache(maxsize=1024)
def _positions(axes: tuple[int, ...], rank: int) -> tuple[int, ...] | None:
    """Return the axes as integers from 0 to rank - 1, or None if an axis does not exist or is given twice."""
    if not all(-rank <= a < rank for a in axes) or len({a % rank for a in axes}) != len(axes):
        return None
    return tuple(a % rank for a in axes)


def position(axis: int, rank: int) -> int:
    """Return a single axis as an integer from 0 to rank - 1. Raises ValueError as `positions` does, or for several."""
    found = positions(axis, rank)
    if len(found) != 1:
        raise ValueError(f"axis must be a single int. Received: axis={axis}")
    return found[0]


def axes_of(x: Array, axis: Axis | None) -> tuple[int, ...] | None:
    """Return `axis` as sorted positions >= 0, or None for all axes. Raises ValueError as `positions` does."""
    return None if axis is None else tuple(sorted(positions(axis, x.ndim)))


def reduced_shape(x: Array, axis: tuple[int, ...] | None, keepdims: bool) -> tuple[int, ...]:
    """Return the shape of x after a reduction over `axis`."""
    reduced = set(range(x.ndim)) if axis is None else set(axis)
    if keepdims:
        return tuple(1 if i in reduced else n for i, n in enumerate(x.shape))
    return tuple(n for i, n in enumerate(x.shape) if i not in reduced)


def spread(dy: Array, x: Array, axis: tuple[int, ...] | None) -> Array:
    """Return dy, of the reduced shape, repeated along the reduced axes of x."""
    return broadcast_to(reshape(dy, reduced_shape(x, axis, True)), x.shape)


_sum = Primitive(
    Reference.sum,
    lambda x, *, axis, keepdims: (reduced_shape(x, axis, keepdims), x.dtype),
    lambda dy, y, x, *, axis, keepdims: (spread(dy, x, axis),),
)


def sum(x: ArrayLike, axis: Axis | None = None, keepdims: bool = False) -> Array:
    """Return the sum of x over `axis`.

    Args:
        x: array of any shape. Integers and booleans are summed as int64.
        axis: int, ints, or None (default) for all axes.
        keepdims: if True, reduced axes stay with size 1. Default False.

    Returns:
        Array with the shape of x without the reduced axes.

    Example:
        >>> ops.sum([[1.0, 2.0], [3.0, 4.0]], axis=0).tolist()
        [4.0, 6.0]
    """
    x = convert_to_tensor(x)
    x = cast(x, "int64") if x.dtype.kind in "biu" else x
    axes = axes_of(x, axis)
    return _sum(x, axis=axes, keepdims=bool(keepdims)) if x.ndim else x


def sum_to(d: Array, shape: tuple[int, ...]) -> Array:
    """Return d summed to `shape`: the gradient of broadcasting an array of `shape` to the shape of d."""
    if tuple(d.shape) == tuple(shape):
        return d
    extra = d.ndim - len(shape)
    axes = (*range(extra), *(extra + i for i, n in enumerate(shape) if n == 1 and d.shape[extra + i] != 1))
    return reshape(_sum(d, axis=axes, keepdims=False), shape)
