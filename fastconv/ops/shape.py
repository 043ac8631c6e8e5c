"""Functions that move elements without changing them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from fastconv import config
from fastconv.engine import KerasTensor, Operand, Primitive, lift
from fastconv.ops.broadcast import positions, reshape
from fastconv.ops.convert import cast, convert_to_tensor
from fastconv.ops.elementwise import equal

_transpose: Primitive = Primitive(
    "transpose",
    lambda x, *, axes: (tuple(x.shape[a] for a in axes), x.dtype),
    lambda dy, y, x, *, axes: (transpose(dy, np.argsort(axes).tolist()),),
    view=lambda x, *, axes: x.transpose(axes),
)


def shape(x: Any) -> tuple[int, ...]:
    """The sizes of the axes of x, None where a symbolic tensor's are unknown."""
    return tuple((x if isinstance(x, KerasTensor) else convert_to_tensor(x)).shape)


def transpose(x: Any, axes: Sequence[int] | None = None) -> Any:
    """x with its axes in the order of `axes`, reversed when it is None.

    Raises:
        ValueError: `axes` is not a permutation of the axes of x.
    """
    x = convert_to_tensor(x)
    order = tuple(range(x.ndim))[::-1] if axes is None else positions(axes, x.ndim)
    if len(order) != x.ndim:
        raise ValueError(f"transpose: axes must be a permutation of all axes. Received: x.shape={x.shape}, axes={axes}")
    return x if order == tuple(range(x.ndim)) else _transpose(x, axes=order)


def expand_dims(x: Any, axis: int | Sequence[int]) -> Any:
    """x with a new axis of size 1 at each position of `axis`, counted in the result."""
    x = convert_to_tensor(x)
    rank = x.ndim + (len(axis) if isinstance(axis, Sequence) else 1)
    new = positions(axis, rank)
    sizes = iter(x.shape)
    return reshape(x, [1 if i in new else next(sizes) for i in range(rank)])


def squeeze(x: Any, axis: int | Sequence[int] | None = None) -> Any:
    """x without the axes of size 1 (those of `axis`).

    Raises:
        ValueError: an axis of `axis` has another size.
    """
    x = convert_to_tensor(x)
    gone = [i for i, n in enumerate(x.shape) if n == 1] if axis is None else positions(axis, x.ndim)
    if any(x.shape[i] != 1 for i in gone):
        raise ValueError(f"squeeze: axes must have size 1. Received: x.shape={x.shape}, axis={axis}")
    return reshape(x, [n for i, n in enumerate(x.shape) if i not in gone])


def ravel(x: Any) -> Any:
    """x with one axis."""
    return reshape(x, (-1,))


# ---- parts -----------------------------------------------------------------------------------------------------------


def _parts(key: tuple) -> tuple:
    """A key as it is kept in a graph, where parameters must be comparable, back to what indexes an array."""
    return tuple(slice(*k) if isinstance(k, tuple) else k for k in key)


def _part_shape(x: Any, *, key: tuple) -> tuple:
    return np.broadcast_to(np.zeros((), x.dtype), x.shape)[_parts(key)].shape, x.dtype


_part: Primitive = Primitive(
    "part",
    _part_shape,
    lambda dy, y, x, *, key: (_part_backward(dy, key=key, input_shape=tuple(x.shape)),),
    view=lambda x, *, key: x[_parts(key)],
)
_part_backward: Primitive = Primitive(
    "part_backward",
    lambda dy, *, key, input_shape: (input_shape, dy.dtype),
    lambda ddy, dx, dy, *, key, input_shape: (_part(ddy, key=key),),
)


def part(x: Any, key: Any) -> Any:
    """x[key] for whole numbers, slices and Ellipsis; NumPy's rules.

    Raises:
        TypeError: other kinds of index; use `take` for arrays of positions.
    """
    x = convert_to_tensor(x)
    keys = key if isinstance(key, tuple) else (key,)
    plain: list[Any] = []
    for k in keys:
        if isinstance(k, slice):
            plain.append((k.start, k.stop, k.step))
        elif k is Ellipsis or k is None or (hasattr(k, "__index__") and not isinstance(k, bool)):
            plain.append(k if k is Ellipsis or k is None else int(k))
        else:
            raise TypeError(f"Tensors are indexed by ints, slices, None and Ellipsis; see ops.take. Received: {k!r}")
    return _part(x, key=tuple(plain))


def slice_(x: Any, start_indices: Sequence[int], shape: Sequence[int]) -> Any:
    """The block of x of size `shape` that begins at `start_indices`.

    Raises:
        ValueError: the block does not lie within x.
    """
    x = convert_to_tensor(x)
    fits = len(start_indices) == len(shape) == x.ndim
    if not fits or any(a < 0 or n < 0 or a + n > size for a, n, size in zip(start_indices, shape, x.shape)):
        raise ValueError(
            "slice: the block must lie within x. "
            f"Received: x.shape={x.shape}, start_indices={start_indices}, shape={shape}"
        )
    return part(x, tuple(slice(a, a + n) for a, n in zip(start_indices, shape)))


def split(x: Any, indices_or_sections: int | Sequence[int], axis: int = 0) -> list:
    """x cut along `axis` into equal sections, or before each of the given positions.

    Raises:
        ValueError: the sections would not be equal.
    """
    x = convert_to_tensor(x)
    (axis,) = positions(axis, x.ndim)
    n = x.shape[axis]
    if isinstance(indices_or_sections, int):
        if n % indices_or_sections:
            raise ValueError(
                "split: sections must be equal. "
                f"Received: x.shape={x.shape}, axis={axis}, indices_or_sections={indices_or_sections}"
            )
        step = n // indices_or_sections
        cuts = [i * step for i in range(1, indices_or_sections)]
    else:
        cuts = list(indices_or_sections)
    before = (slice(None),) * axis
    return [part(x, (*before, slice(a, b))) for a, b in zip([0, *cuts], [*cuts, n])]


def flip(x: Any, axis: int | Sequence[int] | None = None) -> Any:
    """x in reverse order along `axis` (all axes when None)."""
    x = convert_to_tensor(x)
    flipped = range(x.ndim) if axis is None else positions(axis, x.ndim)
    return part(x, tuple(slice(None, None, -1) if i in flipped else slice(None) for i in range(x.ndim)))


# ---- wholes ----------------------------------------------------------------------------------------------------------


def _concatenate_shape(*xs: Any, axis: int) -> tuple:
    sizes = list(xs[0].shape)
    sizes[axis] = sum(x.shape[axis] for x in xs)
    return tuple(sizes), np.result_type(*(x.dtype for x in xs))


def _concatenate_gradient(dy: Any, y: Any, *xs: Any, axis: int) -> tuple:
    cuts = np.cumsum([x.shape[axis] for x in xs])[:-1].tolist()
    return tuple(split(dy, cuts, axis))


_concatenate: Primitive = Primitive("concatenate", _concatenate_shape, _concatenate_gradient)


def concatenate(xs: Sequence[Any], axis: int = 0) -> Any:
    """The arrays of `xs` one behind another along `axis`; whole numbers take the float dtype beside them.

    Raises:
        ValueError: none are given, or their other axes differ.
    """
    xs = [convert_to_tensor(x) for x in xs]
    shapes = [tuple(x.shape) for x in xs]
    (axis,) = positions(axis, xs[0].ndim) if xs else (axis,)
    others = {(*s[:axis], None, *s[axis + 1 :]) for s in shapes}
    if len(others) != 1 or len({len(s) for s in shapes}) != 1:
        raise ValueError(f"concatenate: all axes but one must agree. Received: shapes={shapes}, axis={axis}")
    floats = [x.dtype for x in xs if x.dtype.kind == "f"]
    return _concatenate(*(cast(x, np.result_type(*floats)) if floats else x for x in xs), axis=axis)


def stack(xs: Sequence[Any], axis: int = 0) -> Any:
    """Arrays of one shape along a new axis."""
    return concatenate([expand_dims(x, axis) for x in xs], axis)


def take(x: Any, indices: Any, axis: int | None = None) -> Any:
    """The elements of x at `indices` along `axis` (of the flattened x when None).

    Raises:
        IndexError: a position outside x.
    """
    x = convert_to_tensor(x)
    indices = convert_to_tensor(indices)
    return _take(ravel(x), indices, axis=0) if axis is None else _take(x, indices, axis=positions(axis, x.ndim)[0])


_take: Primitive = Primitive(
    "take",
    lambda x, indices, *, axis: ((*x.shape[:axis], *indices.shape, *x.shape[axis + 1 :]), x.dtype),
    lambda dy, y, x, indices, *, axis: (_take_backward(dy, indices, axis=axis, input_shape=tuple(x.shape)), None),
)
_take_backward: Primitive = Primitive(
    "take_backward",
    lambda dy, indices, *, axis, input_shape: (input_shape, dy.dtype),
    lambda ddy, dx, dy, indices, *, axis, input_shape: (_take(ddy, indices, axis=axis), None),
)


def one_hot(x: Any, num_classes: int, dtype: str | None = None) -> Any:
    """y[..., k] = 1 where x[...] == k, else 0, for 0 <= k < num_classes."""
    x = convert_to_tensor(x)
    return cast(equal(expand_dims(x, -1), np.arange(num_classes)), dtype or config.floatx())


def zeros(shape: Sequence[int], dtype: str | None = None) -> np.ndarray:
    """An array of zeros."""
    return np.zeros(shape, dtype or config.floatx())


def ones(shape: Sequence[int], dtype: str | None = None) -> np.ndarray:
    """An array of ones."""
    return np.ones(shape, dtype or config.floatx())


def zeros_like(x: Any, dtype: str | None = None) -> np.ndarray:
    """Zeros in the shape of x."""
    x = convert_to_tensor(x)
    return np.zeros(x.shape, dtype or x.dtype)


def ones_like(x: Any, dtype: str | None = None) -> np.ndarray:
    """Ones in the shape of x."""
    x = convert_to_tensor(x)
    return np.ones(x.shape, dtype or x.dtype)


setattr(Operand, "__getitem__", lift(part))  # noqa: B010
