"""The matrix product."""

from __future__ import annotations

import math
from typing import Any

from fastconv.backends.reference import Reference
from fastconv.engine import Operand, Primitive, lift
from fastconv.engine.primitive import Gradients, Spec, broadcast
from fastconv.ops.broadcast import broadcast_shapes, reshape, sum_to
from fastconv.ops.convert import convert_to_tensor
from fastconv.ops.shape import expand_dims, squeeze
from fastconv.typing import Array, ArrayLike


def _shape(
    a: Array, b: Array, bias: Array = None, *, transpose_a: bool = False, transpose_b: bool = False, **_: Any
) -> Spec:
    rows = a.shape[-1 if transpose_a else -2]
    columns = b.shape[-2 if transpose_b else -1]
    return (*broadcast_shapes(a.shape[:-2], b.shape[:-2]), rows, columns), a.dtype


def _gradient(
    dy: Array, y: Array, a: Array, b: Array, *, transpose_a: bool = False, transpose_b: bool = False
) -> Gradients:
    """Return da = dy b^T and db = a^T dy for y = a b; if a factor is transposed, its gradient is transposed too."""
    if transpose_a:
        da = _matmul(b, dy, transpose_a=transpose_b, transpose_b=True)
    else:
        da = _matmul(dy, b, transpose_b=not transpose_b)
    if transpose_b:
        db = _matmul(dy, a, transpose_a=True, transpose_b=transpose_a)
    else:
        db = _matmul(a, dy, transpose_a=not transpose_a)
    return sum_to(da, a.shape), sum_to(db, b.shape)


_matmul = Primitive(Reference.matmul, _shape, _gradient)


def matmul(x1: ArrayLike, x2: ArrayLike) -> Array:
    """y[..., i, j] = sum over k of x1[..., i, k] x2[..., k, j].

    Leading axes broadcast, and vectors are treated as in numpy.matmul.

    Args:
        x1: (..., M, K), or (K,).
        x2: (..., K, N), or (K,), of the dtype of x1.

    Returns:
        (..., M, N), without M if x1 is a vector and without N if x2 is a vector.

    Raises:
        ValueError: if K differs, if leading axes do not broadcast, or if x1 or x2 is a scalar.
        TypeError: if the dtypes differ.

    Example:
        >>> ops.matmul([[1.0, 2.0], [3.0, 4.0]], [1.0, 1.0]).tolist()
        [3.0, 7.0]
    """
    a, b = convert_to_tensor(x1), convert_to_tensor(x2)
    if min(a.ndim, b.ndim) < 1 or a.shape[-1] != b.shape[0 if b.ndim == 1 else -2]:
        raise ValueError(
            "matmul: the last axis of x1 must have the size of the first axis of the matrix x2. "
            f"Received: x1.shape={tuple(a.shape)}, x2.shape={tuple(b.shape)}"
        )
    if a.dtype != b.dtype:
        raise TypeError(f"matmul: x1 and x2 must have the same dtype; cast them first. Received: {a.dtype}, {b.dtype}")
    if a.ndim == 1:
        return squeeze(matmul(expand_dims(a, 0), b), -2 if b.ndim > 1 else 0)
    if b.ndim == 1:
        return squeeze(matmul(a, expand_dims(b, 1)), -1)
    if a.ndim > 2 and b.ndim == 2:  # flatten the leading axes: one product
        return reshape(_matmul(reshape(a, (math.prod(a.shape[:-1]), a.shape[-1])), b), (*a.shape[:-1], b.shape[1]))
    try:
        return _matmul(a, b)
    except ValueError:
        if not broadcast(a.shape[:-2], b.shape[:-2]):
            raise ValueError(
                "matmul: the leading axes of x1 and x2 must be equal, or broadcast to each other. "
                f"Received: x1.shape={tuple(a.shape)}, x2.shape={tuple(b.shape)}"
            ) from None
        raise


setattr(Operand, "__matmul__", lift(matmul))  # noqa: B010
setattr(Operand, "__rmatmul__", lambda self, other: lift(matmul)(other, self))  # noqa: B010
