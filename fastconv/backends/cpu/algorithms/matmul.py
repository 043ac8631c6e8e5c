"""Matrix products of float32: the choice of a kernel by shapes, and the kernels."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from math import ceil, prod

import numpy as np

import fastconv._core as _core
import fastconv._matmul as _matmul
from fastconv.backends.reference import Array
from fastconv.window import Shape

# With more rows of a, packing b into tiles costs less than reading it in place.
STREAM_ROWS = 8
# Shorter dot products spend their time on adding up the lanes. With more columns, half a vector is full.
DOT_DEPTH, DOT_COLUMNS = 32, 4
# The number of saved vector products that is worth moving an element of the result.
TRANSPOSE_GAIN = 8
# Packing b^T costs more; dot products of few elements spend their time on adding up the lanes.
DOT_ROWS = 64

# (a, b, bias or None, y, transpose_b, activation number, alpha): fills y
MATMUL: dict[str, Callable[..., None]] = {
    "stream": _matmul.matmul_stream,
    "dots": _matmul.matmul_dots,
    "tiles": _matmul.matmul,
}


def choose_matmul(a: Shape, b: Shape, transpose_a: bool, transpose_b: bool, fused: bool) -> str:
    """Return the algorithm of op(a) op(b) for these shapes.

    "stream" moves b past few rows of a, "dots" moves a past few columns of b, and "tiles" packs b. "transposed" sums
    over the rows of both, as the gradient of a dense layer's weights does; nothing can be fused with it. "reference" is
    NumPy.
    """
    if len(b) != 2 or 0 in a or 0 in b:
        return "reference"
    if transpose_a:
        return "transposed" if len(a) == 2 and not transpose_b and not fused else "reference"
    rows, columns = prod(a[:-1]), b[0] if transpose_b else b[1]
    most = dot_rows(a[-1]) if transpose_b else STREAM_ROWS
    if rows > most and a[-1] >= DOT_DEPTH and columns <= DOT_COLUMNS:
        return "dots"
    return "stream" if rows <= most else "tiles"


def dot_rows(depth: int) -> int:
    """Return the most rows of a for which dot products of `depth` elements cost less than packing b^T."""
    return max(1, min(depth // 8, max(STREAM_ROWS, depth // 32), DOT_ROWS))


def is_swapped(depth: int, rows: int, columns: int, lanes: int) -> bool:
    """Return True if a^T b, (rows, columns) sums, is computed as (b^T a)^T, whose rows fill vectors better."""
    vectors = rows * ceil(columns / lanes) - columns * ceil(rows / lanes)
    return depth * vectors > TRANSPOSE_GAIN * rows * columns


def fused_kernel(a: Array, b: Array, transpose_b: bool) -> Callable[..., None]:
    """Return the kernel of `MATMUL` for y = act(bias + a op(b)) of matrices."""
    return MATMUL[choose_matmul(a.shape, b.shape, transpose_a=False, transpose_b=transpose_b, fused=True)]


def matmul_transposed(a: Array, b: Array, y: Array) -> None:
    """y = a^T b, or the transpose of b^T a"""
    if is_swapped(a.shape[0], a.shape[1], b.shape[1], _core.vector_floats()):
        turned = np.empty((b.shape[1], a.shape[1]), np.float32)
        _matmul.matmul_transposed(b, a, turned)
        y.T[...] = turned
    else:
        _matmul.matmul_transposed(a, b, y)


def transposed_kernel(a: Array, b: Array, y: Array) -> partial[None] | None:
    """Return the compiled kernel that `matmul_transposed` calls, with its arguments; None if it does more."""
    is_compiled = not is_swapped(a.shape[0], a.shape[1], b.shape[1], _core.vector_floats())
    return partial(_matmul.matmul_transposed, a, b, y) if is_compiled else None
