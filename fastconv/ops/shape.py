"""Functions that move elements without changing them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from fastconv import config
from fastconv.arguments import as_integer, as_integers
from fastconv.backends.gpu.transfer import native
from fastconv.backends.reference import Reference
from fastconv.engine import KerasTensor, Operand, Primitive, View, lift
from fastconv.memory import check_fits
from fastconv.ops.broadcast import position, positions, reshape, sizes
from fastconv.ops.convert import as_indices, cast, convert_to_tensor
from fastconv.ops.elementwise import equal

_transpose: Primitive = View(
    "transpose",
    lambda x, *, axes: x.transpose(axes),
    lambda x, *, axes: (tuple(x.shape[a] for a in axes), x.dtype),
    lambda dy, y, x, *, axes: (transpose(dy, np.argsort(axes).tolist()),),
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
    new = positions(axis, x.ndim + np.size(axis))
    rank = x.ndim + len(new)
    kept = iter(x.shape)
    return reshape(x, [1 if i in new else next(kept) for i in range(rank)])


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


_part: Primitive = View(
    "part",
    lambda x, *, key: x[_parts(key)],
    _part_shape,
    lambda dy, y, x, *, key: (_part_backward(dy, key=key, input_shape=tuple(x.shape)),),
)
_part_backward: Primitive = Primitive(
    Reference.part_backward,
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


def slice_(inputs: Any, start_indices: Sequence[int], shape: Sequence[int]) -> Any:
    """Return the block of `inputs` of size `shape` that begins at `start_indices`.

    Raises:
        ValueError: the block does not lie within `inputs`.
    """
    x = convert_to_tensor(inputs)
    starts, counts = sizes("slice", "start_indices", start_indices), sizes("slice", "shape", shape)
    fits = len(starts) == len(counts) == x.ndim
    if not fits or any(a + n > size for a, n, size in zip(starts, counts, x.shape)):
        raise ValueError(
            "slice: the block must lie within inputs. "
            f"Received: inputs.shape={x.shape}, start_indices={start_indices}, shape={shape}"
        )
    return part(x, tuple(slice(a, a + n) for a, n in zip(starts, counts)))


def split(x: Any, indices_or_sections: int | Sequence[int], axis: int = 0) -> list:
    """x cut along `axis` into equal sections, or before each of the given positions.

    Raises:
        ValueError: no section, sections that would not be equal, or positions that are no integers.
    """
    x = convert_to_tensor(x)
    axis = position(axis, x.ndim)
    n = x.shape[axis]
    if np.ndim(indices_or_sections) == 0:
        sections = as_integer("split", "indices_or_sections", indices_or_sections, 1)
        if n % sections:
            raise ValueError(
                "split: sections must be equal. "
                f"Received: x.shape={x.shape}, axis={axis}, indices_or_sections={indices_or_sections}"
            )
        step = n // sections
        cuts = [i * step for i in range(1, sections)]
    else:
        cuts = list(as_integers("split", "indices_or_sections", indices_or_sections))
    before = (slice(None),) * axis
    return [part(x, (*before, slice(a, b))) for a, b in zip([0, *cuts], [*cuts, n])]


def flip(x: Any, axis: int | Sequence[int] | None = None) -> Any:
    """x in reverse order along `axis` (all axes when None)."""
    x = convert_to_tensor(x)
    flipped = range(x.ndim) if axis is None else positions(axis, x.ndim)
    return part(x, tuple(slice(None, None, -1) if i in flipped else slice(None) for i in range(x.ndim)))


# ---- wholes ----------------------------------------------------------------------------------------------------------


def _concatenate_shape(*xs: Any, axis: int) -> tuple:
    whole = list(xs[0].shape)
    whole[axis] = sum(x.shape[axis] for x in xs)
    return tuple(whole), np.result_type(*(x.dtype for x in xs))


def _concatenate_gradient(dy: Any, y: Any, *xs: Any, axis: int) -> tuple:
    cuts = np.cumsum([x.shape[axis] for x in xs])[:-1].tolist()
    return tuple(split(dy, cuts, axis))


_concatenate: Primitive = Primitive(Reference.concatenate, _concatenate_shape, _concatenate_gradient)


def concatenate(xs: Sequence[Any], axis: int = 0) -> Any:
    """The arrays of `xs` one behind another along `axis`; whole numbers take the float dtype beside them.

    Raises:
        ValueError: none are given, or their other axes differ.
    """
    xs = [convert_to_tensor(x) for x in xs]
    shapes = [tuple(x.shape) for x in xs]
    axis = position(axis, xs[0].ndim) if xs else axis
    others = {(*s[:axis], None, *s[axis + 1 :]) for s in shapes}
    if len(others) != 1 or len({len(s) for s in shapes}) != 1:
        raise ValueError(f"concatenate: all axes but one must agree. Received: shapes={shapes}, axis={axis}")
    floats = [x.dtype for x in xs if x.dtype.kind == "f"]
    return _concatenate(*(cast(x, np.result_type(*floats)) if floats else x for x in xs), axis=axis)


def stack(x: Sequence[Any], axis: int = 0) -> Any:
    """Return the arrays of x along a new axis.

    Raises:
        ValueError: none are given, or their shapes differ.
    """
    arrays = [convert_to_tensor(one) for one in x]
    if len({tuple(one.shape) for one in arrays}) != 1:
        raise ValueError(f"stack: arrays must have one shape. Received: shapes={[tuple(a.shape) for a in arrays]}")
    return concatenate([expand_dims(one, axis) for one in arrays], as_integer("stack", "axis", axis))


def take(x: Any, indices: Any, axis: int | None = None) -> Any:
    """The elements of x at `indices` along `axis` (of the flattened x when None).

    Raises:
        IndexError: a position outside x.
        ValueError: a position that is no integer.
    """
    x, indices = convert_to_tensor(x), as_indices(indices)
    return _take(ravel(x), indices, axis=0) if axis is None else _take(x, indices, axis=position(axis, x.ndim))


_take: Primitive = Primitive(
    Reference.take,
    lambda x, indices, *, axis: ((*x.shape[:axis], *indices.shape, *x.shape[axis + 1 :]), x.dtype),
    lambda dy, y, x, indices, *, axis: (_take_backward(dy, indices, axis=axis, input_shape=tuple(x.shape)), None),
)
_take_backward: Primitive = Primitive(
    Reference.take_backward,
    lambda dy, indices, *, axis, input_shape: (input_shape, dy.dtype),
    lambda ddy, dx, dy, indices, *, axis, input_shape: (_take(ddy, indices, axis=axis), None),
)


def one_hot(x: Any, num_classes: int, axis: int = -1, dtype: Any = None, sparse: bool = False) -> Any:
    """Return y[..., k] = 1 where x[...] == k, else 0, for 0 <= k < num_classes, which are counted along a new `axis`.

    Raises:
        ValueError: fewer than 0 classes, an x that is no integer, an axis that is not there, or `sparse` is True.
    """
    if sparse:
        raise ValueError(f"one_hot: sparse must be False. Received: {sparse=}")
    x = as_indices(x)
    count = as_integer("one_hot", "num_classes", num_classes, 0)
    check_fits("one_hot", (*x.shape, count), dtype or config.floatx(), 2)
    check_fits("one_hot", (count,), "int64", 2)
    classes = np.arange(count)
    at = position(axis, x.ndim + 1)
    hits = equal(expand_dims(x, at), classes.reshape((-1, *(1,) * (x.ndim - at))))
    return cast(hits, dtype or config.floatx())


def zeros(shape: int | Sequence[int], dtype: Any = None) -> np.ndarray:
    """Return an array of zeros. Raises ValueError for a shape that is no integer and no integers."""
    return native(np.zeros(sizes("zeros", "shape", shape), dtype or config.floatx()))


def ones(shape: int | Sequence[int], dtype: Any = None) -> np.ndarray:
    """Return an array of ones. Raises ValueError for a shape that is no integer and no integers."""
    wanted, dtype = sizes("ones", "shape", shape), dtype or config.floatx()
    check_fits("ones", wanted, dtype)
    return native(np.ones(wanted, dtype))


def zeros_like(x: Any, dtype: str | None = None) -> np.ndarray:
    """Zeros in the shape of x."""
    x = convert_to_tensor(x)
    return native(np.zeros(x.shape, dtype or x.dtype))


def ones_like(x: Any, dtype: str | None = None) -> np.ndarray:
    """Ones in the shape of x."""
    x = convert_to_tensor(x)
    return native(np.ones(x.shape, dtype or x.dtype))


setattr(Operand, "__getitem__", lift(part))  # noqa: B010
setattr(KerasTensor, "reshape", lambda self, newshape: lift(reshape)(self, newshape))  # noqa: B010
setattr(KerasTensor, "squeeze", lambda self, axis=None: lift(squeeze)(self, axis))  # noqa: B010
