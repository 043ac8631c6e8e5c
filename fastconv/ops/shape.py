"""Functions that move or select elements, and arrays of constants."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

import fastconv.config as config
from fastconv.arguments import as_integer, as_integers
from fastconv.backends.gpu.transfer import native
from fastconv.backends.reference import Reference
from fastconv.engine import KerasTensor, Operand, Primitive, View, lift
from fastconv.engine.primitive import Gradients, Spec, broadcast
from fastconv.memory import check_fits
from fastconv.ops.broadcast import position, positions, reshape, sizes
from fastconv.ops.convert import as_indices, cast, convert_to_tensor
from fastconv.ops.elementwise import equal
from fastconv.typing import Array, ArrayLike, Axis, DTypeLike, IntOrInts

_transpose: Primitive = View(
    "transpose",
    lambda x, *, axes: x.transpose(axes),
    lambda x, *, axes: (tuple(x.shape[a] for a in axes), x.dtype),
    lambda dy, y, x, *, axes: (transpose(dy, np.argsort(axes).tolist()),),
)


def shape(x: ArrayLike) -> tuple[int, ...]:
    """Return the shape of x, with None for the unknown sizes of a symbolic tensor.

    Args:
        x: array or tensor.

    Returns:
        Tuple of ints and None.

    Example:
        >>> ops.shape(layers.Input((28, 28, 1)))
        (None, 28, 28, 1)
    """
    return tuple((x if isinstance(x, KerasTensor) else convert_to_tensor(x)).shape)


def transpose(x: ArrayLike, axes: Sequence[int] | None = None) -> Array:
    """Return x with its axes in the order of `axes`.

    Args:
        x: array of any shape.
        axes: ints, a permutation of the axes of x; None (default) reverses them.

    Returns:
        Array with permuted axes, a view if possible.

    Raises:
        ValueError: if `axes` is not a permutation of the axes of x.

    Example:
        >>> ops.transpose(np.zeros((2, 3, 4)), (0, 2, 1)).shape
        (2, 4, 3)
    """
    x = convert_to_tensor(x)
    order = tuple(range(x.ndim))[::-1] if axes is None else positions(axes, x.ndim)
    if len(order) != x.ndim:
        raise ValueError(f"transpose: axes must be a permutation of all axes. Received: x.shape={x.shape}, axes={axes}")
    return x if order == tuple(range(x.ndim)) else _transpose(x, axes=order)


def expand_dims(x: ArrayLike, axis: Axis) -> Array:
    """Return x with new axes of size 1.

    Args:
        x: array of any shape.
        axis: int or ints, the positions of the new axes in the result.

    Returns:
        Array with the elements of x.

    Example:
        >>> ops.expand_dims(np.zeros((2, 3)), 0).shape
        (1, 2, 3)
    """
    x = convert_to_tensor(x)
    new = positions(axis, x.ndim + np.size(axis))
    rank = x.ndim + len(new)
    kept = iter(x.shape)
    return reshape(x, [1 if i in new else next(kept) for i in range(rank)])


def squeeze(x: ArrayLike, axis: Axis | None = None) -> Array:
    """Return x without axes of size 1.

    Args:
        x: array of any shape.
        axis: int or ints, the axes to remove; None (default) for all axes of size 1.

    Returns:
        Array with the elements of x.

    Raises:
        ValueError: if an axis in `axis` does not have size 1.

    Example:
        >>> ops.squeeze(np.zeros((1, 3, 1))).shape
        (3,)
    """
    x = convert_to_tensor(x)
    removed = [i for i, n in enumerate(x.shape) if n == 1] if axis is None else positions(axis, x.ndim)
    if any(x.shape[i] != 1 for i in removed):
        raise ValueError(f"squeeze: axes must have size 1. Received: x.shape={x.shape}, axis={axis}")
    return reshape(x, [n for i, n in enumerate(x.shape) if i not in removed])


def ravel(x: ArrayLike) -> Array:
    """Return x flattened to a single axis.

    Args:
        x: array of any shape.

    Returns:
        Array with one axis, in row-major order.

    Example:
        >>> ops.ravel([[1, 2], [3, 4]]).tolist()
        [1, 2, 3, 4]
    """
    return reshape(x, (-1,))


# ---- parts -----------------------------------------------------------------------------------------------------------


def _parts(key: tuple[Any, ...]) -> tuple[Any, ...]:
    """Return the key that indexes an array from its hashable form in a graph's parameters."""
    return tuple(slice(*k) if isinstance(k, tuple) else k for k in key)


def _part_shape(x: Array, *, key: tuple[Any, ...]) -> Spec:
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


def part(x: ArrayLike, key: Any) -> Array:
    """Return x[key] for a key of integers, integer tensors without axes, slices, None and Ellipsis, by NumPy's rules.

    Raises:
        TypeError: if the key has other kinds of index; use `take` for arrays of positions.
    """
    x = convert_to_tensor(x)
    plain: list[Any] = []
    tensors: list[tuple[int, Any]] = []  # (place in the key, position)
    for k in key if isinstance(key, tuple) else (key,):
        if isinstance(k, slice):
            plain.append((k.start, k.stop, k.step))
        elif k is Ellipsis or k is None or (hasattr(k, "__index__") and not isinstance(k, bool)):
            plain.append(k if k is Ellipsis or k is None else int(k))
        elif _is_position(k):
            tensors.append((len(plain), k))
            plain.append((None, None, None))
        else:
            raise TypeError(
                "Tensors are indexed by ints, integer tensors without axes, slices, None and Ellipsis; see ops.take. "
                f"Received: {k!r}"
            )
    y = _part(x, key=tuple(plain))
    for place, k in reversed(tensors):
        y = _take(y, as_indices(k), axis=_axis_of_result(plain, place, x.ndim))
    return y


def _is_position(k: object) -> bool:
    """Whether k is an integer tensor without axes, whose value may be unknown."""
    if not isinstance(k, Operand):
        return False
    operand: Array = k  # each subclass of Operand has a shape and a dtype
    return tuple(operand.shape) == () and np.dtype(operand.dtype).kind in "iu"


def _axis_of_result(key: list[Any], place: int, ndim: int) -> int:
    """Return the axis of x[key] that the slice at `place` of the key selects; x has `ndim` axes."""
    others = ndim - sum(k is not None and k is not Ellipsis for k in key)  # the axes that an Ellipsis stands for
    return sum(others if k is Ellipsis else not isinstance(k, int) for k in key[:place])


def slice_(inputs: ArrayLike, start_indices: Sequence[int], shape: Sequence[int]) -> Array:
    """Return the block of `inputs` of size `shape` that begins at `start_indices`.

    Args:
        inputs: array of any shape.
        start_indices: ints, an int per axis.
        shape: ints, an int per axis.

    Returns:
        Array of shape `shape`.

    Raises:
        ValueError: if the block does not lie within `inputs`.

    Example:
        >>> ops.slice([[1, 2, 3], [4, 5, 6]], (0, 1), (2, 2)).tolist()
        [[2, 3], [5, 6]]
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


def split(x: ArrayLike, indices_or_sections: IntOrInts, axis: int = 0) -> list[Array]:
    """Return a list of parts of x along `axis`.

    Args:
        x: array of at least one axis.
        indices_or_sections: int, the number of equal sections, or ints, the positions at which to split.
        axis: int, default 0.

    Returns:
        List of arrays.

    Raises:
        ValueError: if there is no section, if sections would not be equal, or if positions are not integers.

    Example:
        >>> [part.tolist() for part in ops.split([1, 2, 3, 4], 2)]
        [[1, 2], [3, 4]]
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


def flip(x: ArrayLike, axis: Axis | None = None) -> Array:
    """Return x in reverse order along `axis`.

    Args:
        x: array of any shape.
        axis: int, ints, or None (default) for all axes.

    Returns:
        Array with the shape of x.

    Example:
        >>> ops.flip([1, 2, 3]).tolist()
        [3, 2, 1]
    """
    x = convert_to_tensor(x)
    flipped = range(x.ndim) if axis is None else positions(axis, x.ndim)
    return part(x, tuple(slice(None, None, -1) if i in flipped else slice(None) for i in range(x.ndim)))


# ---- joining ---------------------------------------------------------------------------------------------------------


def _concatenate_shape(*xs: Array, axis: int) -> Spec:
    whole = list(xs[0].shape)
    whole[axis] = sum(x.shape[axis] for x in xs)
    return tuple(whole), np.result_type(*(x.dtype for x in xs))


def _concatenate_gradient(dy: Array, y: Array, *xs: Array, axis: int) -> Gradients:
    cuts = np.cumsum([x.shape[axis] for x in xs])[:-1].tolist()
    return tuple(split(dy, cuts, axis))


_concatenate: Primitive = Primitive(Reference.concatenate, _concatenate_shape, _concatenate_gradient)


def concatenate(xs: Sequence[ArrayLike], axis: int = 0) -> Array:
    """Join the arrays of `xs` along `axis`. If any of them has floats, integers become floats.

    Args:
        xs: arrays that differ only in the size of `axis`.
        axis: int, default 0.

    Returns:
        Array whose size along `axis` is the sum of the arrays' sizes.

    Raises:
        ValueError: if there is no array, or if other axes differ.

    Example:
        >>> ops.concatenate([[1, 2], [3]]).tolist()
        [1, 2, 3]
    """
    arrays = [convert_to_tensor(x) for x in xs]
    shapes = [tuple(x.shape) for x in arrays]
    axis = position(axis, arrays[0].ndim) if arrays else axis
    others = {(*s[:axis], None, *s[axis + 1 :]) for s in shapes}
    if len(others) != 1 or len({len(s) for s in shapes}) != 1:
        raise ValueError(f"concatenate: all axes but one must agree. Received: shapes={shapes}, axis={axis}")
    floats = [x.dtype for x in arrays if x.dtype.kind == "f"]
    return _concatenate(*(cast(x, np.result_type(*floats)) if floats else x for x in arrays), axis=axis)


def stack(x: Sequence[ArrayLike], axis: int = 0) -> Array:
    """Join the arrays of `x` along a new axis.

    Args:
        x: arrays of the same shape.
        axis: int, the position of the new axis. Default 0.

    Returns:
        Array with one more axis.

    Raises:
        ValueError: if there is no array, or if the shapes differ.

    Example:
        >>> ops.stack([[1, 2], [3, 4]], axis=1).tolist()
        [[1, 3], [2, 4]]
    """
    arrays = [convert_to_tensor(a) for a in x]
    if len({tuple(a.shape) for a in arrays}) != 1:
        raise ValueError(f"stack: arrays must have the same shape. Received: shapes={[tuple(a.shape) for a in arrays]}")
    return concatenate([expand_dims(a, axis) for a in arrays], as_integer("stack", "axis", axis))


def take(x: ArrayLike, indices: ArrayLike, axis: int | None = None) -> Array:
    """Return the elements of x at `indices` along `axis`.

    Args:
        x: array of any shape.
        indices: integers of any shape.
        axis: int, or None (default) for the flattened x.

    Returns:
        Array with the axes of `indices` in place of `axis`.

    Raises:
        IndexError: if a position is outside x.
        ValueError: if a position is not an integer.

    Example:
        >>> ops.take([10, 20, 30], [2, 0]).tolist()
        [30, 10]
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


def take_along_axis(x: ArrayLike, indices: ArrayLike, axis: int | None = None) -> Array:
    """Return y with y[i, j, k] = x[i, indices[i, j, k], k], for 3 axes and `axis` 1.

    Args:
        x: array of any shape.
        indices: integers, with as many axes as x; the other axes are equal, or broadcast to each other.
        axis: int, or None (default) for the flattened x and `indices` with a single axis.

    Returns:
        Array with the dtype of x and the shape of `indices`, with broadcast axes.

    Raises:
        IndexError: if a position is outside x.
        ValueError: if the numbers of axes differ, if the shapes do not broadcast, or if a position is not an integer.

    Example:
        >>> ops.take_along_axis([[10, 20], [30, 40]], [[1], [0]], axis=1).tolist()
        [[20], [30]]
    """
    x, indices = convert_to_tensor(x), as_indices(indices)
    x, at = (ravel(x), 0) if axis is None else (x, position(axis, x.ndim))
    shapes = f"x.shape={tuple(x.shape)}, indices.shape={tuple(indices.shape)}, axis={axis}"
    if x.ndim != indices.ndim:
        raise ValueError(f"take_along_axis: indices must have the {x.ndim} axes of x. Received: {shapes}")
    try:
        return _take_along_axis(x, indices, axis=at)
    except (IndexError, ValueError):
        if not broadcast((*x.shape[:at], 1, *x.shape[at + 1 :]), indices.shape):
            raise ValueError(
                f"take_along_axis: axes besides `axis` must be equal, or broadcast to each other. Received: {shapes}"
            ) from None
        raise


_take_along_axis: Primitive = Primitive(
    Reference.take_along_axis,
    lambda x, indices, *, axis: (
        np.broadcast_shapes((*x.shape[:axis], 1, *x.shape[axis + 1 :]), indices.shape),
        x.dtype,
    ),
    lambda dy, y, x, indices, *, axis: (
        _take_along_axis_backward(dy, indices, axis=axis, input_shape=tuple(x.shape)),
        None,
    ),
)
_take_along_axis_backward: Primitive = Primitive(
    Reference.take_along_axis_backward,
    lambda dy, indices, *, axis, input_shape: (input_shape, dy.dtype),
    lambda ddy, dx, dy, indices, *, axis, input_shape: (_take_along_axis(ddy, indices, axis=axis), None),
)


def one_hot(
    x: ArrayLike, num_classes: int, axis: int = -1, dtype: DTypeLike | None = None, sparse: bool = False
) -> Array:
    """y[..., k] = 1 if x[...] == k, else 0, for 0 <= k < num_classes.

    Args:
        x: integers of any shape.
        num_classes: int, the size of the new axis.
        axis: int, the position of the new axis. Default -1.
        dtype: dtype of the result; None (default) for `config.floatx()`.
        sparse: must be False.

    Returns:
        Array with one more axis than x.

    Raises:
        ValueError: if `num_classes` is negative, if x is not integers, if the axis does not exist, or if `sparse` is
            True.

    Example:
        >>> ops.one_hot([0, 2], 3).tolist()
        [[1.0, 0.0, 0.0], [0.0, 0.0, 1.0]]
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


def zeros(shape: IntOrInts, dtype: DTypeLike | None = None) -> np.ndarray:
    """Return an array of zeros.

    Args:
        shape: int or ints.
        dtype: dtype of the result; None (default) for `config.floatx()`.

    Raises:
        ValueError: if `shape` is neither an integer nor integers.

    Example:
        >>> ops.zeros((2, 2)).tolist()
        [[0.0, 0.0], [0.0, 0.0]]
    """
    return native(np.zeros(sizes("zeros", "shape", shape), dtype or config.floatx()))


def ones(shape: IntOrInts, dtype: DTypeLike | None = None) -> np.ndarray:
    """Return an array of ones.

    Args:
        shape: int or ints.
        dtype: dtype of the result; None (default) for `config.floatx()`.

    Raises:
        ValueError: if `shape` is neither an integer nor integers.

    Example:
        >>> ops.ones((2, 2)).tolist()
        [[1.0, 1.0], [1.0, 1.0]]
    """
    wanted, dtype = sizes("ones", "shape", shape), dtype or config.floatx()
    check_fits("ones", wanted, dtype)
    return native(np.ones(wanted, dtype))


def zeros_like(x: ArrayLike, dtype: DTypeLike | None = None) -> np.ndarray:
    """Return zeros in the shape of x.

    Args:
        x: array of any shape.
        dtype: dtype of the result; None (default) for the dtype of x.

    Example:
        >>> ops.zeros_like([1.0, 2.0]).tolist()
        [0.0, 0.0]
    """
    x = convert_to_tensor(x)
    return native(np.zeros(x.shape, dtype or x.dtype))


def ones_like(x: ArrayLike, dtype: DTypeLike | None = None) -> np.ndarray:
    """Return ones in the shape of x.

    Args:
        x: array of any shape.
        dtype: dtype of the result; None (default) for the dtype of x.

    Example:
        >>> ops.ones_like([1.0, 2.0]).tolist()
        [1.0, 1.0]
    """
    x = convert_to_tensor(x)
    return native(np.ones(x.shape, dtype or x.dtype))


setattr(Operand, "__getitem__", lift(part))  # noqa: B010
setattr(KerasTensor, "reshape", lambda self, newshape: lift(reshape)(self, newshape))  # noqa: B010
setattr(KerasTensor, "squeeze", lambda self, axis=None: lift(squeeze)(self, axis))  # noqa: B010
