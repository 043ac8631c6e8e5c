"""Reshaping, broadcasting and summation: the three that are each other's gradients."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import numpy as np

from fastconv.arguments import LARGEST, as_integers, is_integer, plain
from fastconv.backends import backend_of
from fastconv.backends.reference import Reference
from fastconv.engine import Primitive, View
from fastconv.memory import check_fits
from fastconv.ops.convert import cast, convert_to_tensor
from fastconv.window import all_whole

Axis = int | Sequence[int] | None

_reshape = View(
    "reshape",
    lambda x, *, shape: x.reshape(shape),
    lambda x, *, shape: (shape, x.dtype),
    lambda dy, y, x, *, shape: (reshape(dy, x.shape),),
)


def reshape(x: Any, newshape: int | Sequence[int]) -> Any:
    """x with the same elements in the same (row-major) order and other axes; one size may be -1.

    Raises:
        ValueError: the number of elements would change.
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


def broadcast_to(x: Any, shape: Sequence[int]) -> Any:
    """x repeated along new axes and axes of size 1, without a copy.

    Raises:
        ValueError: x cannot be broadcast to `shape`.
    """
    x, shape = convert_to_tensor(x), sizes("broadcast_to", "shape", shape)
    if shape == tuple(x.shape):
        return x
    try:
        fits = np.broadcast_shapes(x.shape, shape) == shape
    except ValueError:
        fits = False
    if not fits:
        raise ValueError(
            f"broadcast_to: x does not broadcast to this shape. Received: x.shape={x.shape}, shape={shape}"
        )
    check_fits("broadcast_to", shape, x.dtype)
    return _broadcast_to(x, shape=shape)


def sizes(op: str, name: str, value: Any, least: int = 0) -> tuple[int, ...]:
    """`value`, an integer or several, as a tuple of ints. Raises ValueError for anything else, or one below `least`."""
    if type(value) is tuple and all_whole(value, least) and max(value, default=0) <= LARGEST:
        return value
    return as_integers(op, name, (value,) if is_integer(value) else value, least)


def positions(axis: int | Sequence[int], rank: int) -> tuple[int, ...]:
    """`axis`, one or several in any order, as numbers from 0 to rank - 1.

    Raises:
        ValueError: no integer, an axis that is not there, or one that is given twice.
    """
    axes = axis if type(axis) is tuple else (axis,)
    for one in axes:
        if type(one) is not int:
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
    """None where an axis is not there, or is given twice."""
    if not all(-rank <= a < rank for a in axes) or len({a % rank for a in axes}) != len(axes):
        return None
    return tuple(a % rank for a in axes)


def position(axis: int, rank: int) -> int:
    """`axis`, a single one, as a number from 0 to rank - 1. Raises ValueError as `positions` does, or for several."""
    found = positions(axis, rank)
    if len(found) != 1:
        raise ValueError(f"axis must be a single one. Received: axis={axis}")
    return found[0]


def axes_of(x: Any, axis: Axis) -> tuple[int, ...] | None:
    """`axis` as sorted positions >= 0, None for all of them. Raises ValueError as `positions` does."""
    return None if axis is None else tuple(sorted(positions(axis, x.ndim)))


def reduced_shape(x: Any, axis: tuple[int, ...] | None, keepdims: bool) -> tuple[int, ...]:
    """The shape of x after a reduction over `axis`."""
    gone = set(range(x.ndim)) if axis is None else set(axis)
    if keepdims:
        return tuple(1 if i in gone else n for i, n in enumerate(x.shape))
    return tuple(n for i, n in enumerate(x.shape) if i not in gone)


def spread(dy: Any, x: Any, axis: tuple[int, ...] | None) -> Any:
    """dy, of the reduced shape, repeated along the axes of x that were reduced."""
    return broadcast_to(reshape(dy, reduced_shape(x, axis, True)), x.shape)


_sum = Primitive(
    Reference.sum,
    lambda x, *, axis, keepdims: (reduced_shape(x, axis, keepdims), x.dtype),
    lambda dy, y, x, *, axis, keepdims: (spread(dy, x, axis),),
)


def sum(x: Any, axis: Axis = None, keepdims: bool = False) -> Any:
    """The sum over `axis`; whole numbers and booleans are summed as int64."""
    x = convert_to_tensor(x)
    x = cast(x, "int64") if x.dtype.kind in "biu" else x
    axes = axes_of(x, axis)
    return _sum(x, axis=axes, keepdims=bool(keepdims)) if x.ndim else x


def sum_to(d: Any, shape: tuple[int, ...]) -> Any:
    """d summed over the axes along which an array of `shape` was broadcast: the gradient of broadcasting."""
    if tuple(d.shape) == tuple(shape):
        return d
    extra = d.ndim - len(shape)
    axes = (*range(extra), *(extra + i for i, n in enumerate(shape) if n == 1 and d.shape[extra + i] != 1))
    return reshape(_sum(d, axis=axes, keepdims=False), shape)
