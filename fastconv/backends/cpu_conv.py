"""The algorithms of convolution by the names of `algorithms.RULES`: each fills an output with a compiled kernel.

Arrays are float32 in C order, of shapes that fit together.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from fastconv import _conv, _core, _grouped, _matmul, _winograd, config
from fastconv.backends import algorithms, cpu_fourier
from fastconv.backends.algorithms import Convolution
from fastconv.backends.reference import Array, Shape

# ---- few channels of the result: neighbouring pixels are computed as one ---------------------------------------------


def fold_pixels(y: Array, n: int) -> Array:
    """(.., OW, CO) as (.., OW/n, n CO): a view."""
    return y.reshape(*y.shape[:-2], y.shape[-2] // n, n * y.shape[-1])


def fold_kernel(w: Array, n: int, stride: int) -> Array:
    """(.., KW + (n - 1) SW, CI, n CO): n copies of w, each a stride to the right of the one before, between zeros."""
    kw, ci, co = w.shape[-3:]
    folded = np.zeros((*w.shape[:-3], kw + (n - 1) * stride, ci, n, co), np.float32)
    for i in range(n):
        folded[..., i * stride : i * stride + kw, :, i, :] = w
    return folded.reshape(*folded.shape[:-2], n * co)


def fold_strides(strides: Shape, n: int) -> Shape:
    return (*strides[:-1], n * strides[-1])


def unfold_kernel(dw: Array, shape: Shape, n: int, stride: int, out: Array) -> Array:
    """The adjoint of fold_kernel: the sum of the n copies, written to `out`."""
    copies = dw.reshape(*dw.shape[:-1], n, shape[-1])
    return np.sum([copies[..., i * stride : i * stride + shape[-3], :, i, :] for i in range(n)], axis=0, out=out)


def conv_folded(
    c: Convolution, x: Array, w: Array, bias: Array | None, y: Array, activation: int, alpha: float
) -> None:
    n = algorithms.neighbours(c, _core.vector_floats())
    bias = bias if bias is None else np.tile(bias, n)
    kernel, pixels, strides = fold_kernel(w, n, c.strides[-1]), fold_pixels(y, n), fold_strides(c.strides, n)
    _conv.conv(x, kernel, bias, pixels, strides, c.padding, c.dilation, activation, alpha)


def conv_folded_backward_kernel(c: Convolution, x: Array, dy: Array, dw: Array) -> None:
    n = algorithms.neighbours(c, _core.vector_floats())
    *outer, kw, ci, co = c.kernel_shape
    folded = np.empty((*outer, kw + (n - 1) * c.strides[-1], ci, n * co), np.float32)
    _conv.conv_backward_kernel(x, fold_pixels(dy, n), folded, fold_strides(c.strides, n), c.padding, c.dilation)
    unfold_kernel(folded, c.kernel_shape, n, c.strides[-1], dw)


def fold_kernel_backward(w: Array, n: int, stride: int, before: int) -> tuple[Array, int]:
    """The kernel (.., T, n CI, CO) with which n neighbours of dx read dy, and where in dy their window begins.

    Neighbour p reads dy at q through the tap p + before - q SW of w.
    """
    kw, ci, co = w.shape[-3:]
    first, last = algorithms.span(n, kw, stride, before)
    folded = np.zeros((*w.shape[:-3], last + 1 - first, n, ci, co), np.float32)
    for q in range(first, last + 1):
        tap = max(before - q * stride, 0)
        p = tap + q * stride - before
        taps = w[..., tap : tap + n - p, :, :]
        folded[..., q - first, p : p + taps.shape[-3], :, :] = taps
    return folded.reshape(*folded.shape[:-3], n * ci, co), first


def conv_folded_backward_input(
    c: Convolution, dy: Array, w: Array, bias: Array | None, dx: Array, activation: int, alpha: float
) -> None:
    n, stride = algorithms.neighbours_backward(c, _core.vector_floats()), c.strides[-1]
    bias = bias if bias is None else np.tile(bias, n)
    kernel, first = fold_kernel_backward(w, n, stride, c.padding[-1][0])
    strides, padding = (*c.strides[:-1], n // stride), (*c.padding[:-1], (-first, 0))
    _conv.conv_backward_input(
        dy, kernel, bias, fold_pixels(dx, n), strides, padding, c.dilation, activation, alpha, folded=True
    )


def fourier_points(c: Convolution, outputs: Shape) -> Shape:
    """The tiles that `algorithms.conv` has chosen the spectra for."""
    return algorithms.fourier_points(c, outputs, config.max_workspace())


# ---- one matrix product, where windows are as large as the inputs or as a pixel --------------------------------------

# (a, b, bias or None, y, whether b is transposed, activation number, alpha): fills y
MATMUL: dict[str, Callable[..., None]] = {
    "stream": _matmul.matmul_stream,
    "dots": _matmul.matmul_dots,
    "tiles": _matmul.matmul,
}


def matmul_transposed(a: Array, b: Array, y: Array) -> None:
    """y = a^T b, or the transpose of b^T a"""
    if algorithms.swapped(a.shape[0], a.shape[1], b.shape[1], _core.vector_floats()):
        turned = np.empty((b.shape[1], a.shape[1]), np.float32)
        _matmul.matmul_transposed(b, a, turned)
        y.T[...] = turned
    else:
        _matmul.matmul_transposed(a, b, y)


def conv_product(
    c: Convolution, x: Array, w: Array, bias: Array | None, y: Array, activation: int, alpha: float
) -> None:
    a, b = x.reshape(c.pixels, -1), w.reshape(-1, w.shape[-1])
    algorithm = algorithms.matmul(a.shape, b.shape, transpose_a=False, transpose_b=False, fused=True)
    MATMUL[algorithm](a, b, bias, y.reshape(c.pixels, -1), False, activation, alpha)


def conv_product_backward_input(
    c: Convolution, dy: Array, w: Array, bias: Array | None, dx: Array, activation: int, alpha: float
) -> None:
    bias = bias if bias is None else np.tile(bias, dx.size // (c.images * bias.size))
    a, b = dy.reshape(c.images, -1), w.reshape(-1, w.shape[-1])
    algorithm = algorithms.matmul(a.shape, b.shape, transpose_a=False, transpose_b=True, fused=True)
    MATMUL[algorithm](a, b, bias, dx.reshape(c.images, -1), True, activation, alpha)


def conv_product_backward_kernel(c: Convolution, x: Array, dy: Array, dw: Array) -> None:
    matmul_transposed(x.reshape(c.pixels, -1), dy.reshape(c.pixels, -1), dw.reshape(-1, dw.shape[-1]))


# ---- the algorithms --------------------------------------------------------------------------------------------------

# (c, x, w, bias or None, y, activation number, alpha): fills y
FORWARD: dict[str, Callable[..., None]] = {
    "product": conv_product,
    "grouped": lambda c, x, w, bias, y, activation, alpha: _grouped.conv(
        x, w, bias, y, c.strides, c.padding, c.dilation, activation, alpha
    ),
    "fourier": lambda c, x, w, bias, y, activation, alpha: cpu_fourier.conv(
        x, w, bias, y, c.padding, fourier_points(c, c.outputs), activation, alpha
    ),
    "winograd": lambda c, x, w, bias, y, activation, alpha: _winograd.conv(
        x, w, bias, y, c.padding, c.dilation, activation, alpha
    ),
    "dots": lambda c, x, w, bias, y, activation, alpha: _conv.conv(
        x, w, bias, y, c.strides, c.padding, c.dilation, activation, alpha, dots=True
    ),
    "fold": conv_folded,
    "direct": lambda c, x, w, bias, y, activation, alpha: _conv.conv(
        x, w, bias, y, c.strides, c.padding, c.dilation, activation, alpha
    ),
}

# (c, dy, w, bias or None, dx, activation number, alpha): fills dx
BACKWARD_INPUT: dict[str, Callable[..., None]] = {
    "product": conv_product_backward_input,
    "grouped": lambda c, dy, w, bias, dx, activation, alpha: _grouped.conv_backward_input(
        dy, w, bias, dx, c.strides, c.padding, c.dilation, activation, alpha
    ),
    "fourier": lambda c, dy, w, bias, dx, activation, alpha: cpu_fourier.conv_backward_input(
        dy, w, bias, dx, c.padding, fourier_points(c, c.inputs), activation, alpha
    ),
    "winograd": lambda c, dy, w, bias, dx, activation, alpha: _winograd.conv_backward_input(
        dy, w, bias, dx, c.padding, c.dilation, activation, alpha
    ),
    "dots": lambda c, dy, w, bias, dx, activation, alpha: _conv.conv_backward_input(
        dy, w, bias, dx, c.strides, c.padding, c.dilation, activation, alpha, dots=True
    ),
    "fold": conv_folded_backward_input,
    "spread": lambda c, dy, w, bias, dx, activation, alpha: _conv.conv_backward_input_spread(
        dy, w, bias, dx, c.strides, c.padding, c.dilation, activation, alpha
    ),
    "direct": lambda c, dy, w, bias, dx, activation, alpha: _conv.conv_backward_input(
        dy, w, bias, dx, c.strides, c.padding, c.dilation, activation, alpha
    ),
}

# (c, x, dy, dw): fills dw
BACKWARD_KERNEL: dict[str, Callable[..., None]] = {
    "product": conv_product_backward_kernel,
    "grouped": lambda c, x, dy, dw: _grouped.conv_backward_kernel(x, dy, dw, c.strides, c.padding, c.dilation),
    "fourier": lambda c, x, dy, dw: cpu_fourier.conv_backward_kernel(
        x, dy, dw, c.padding, fourier_points(c, c.outputs)
    ),
    "winograd": lambda c, x, dy, dw: _winograd.conv_backward_kernel(x, dy, dw, c.padding, c.dilation),
    "fold": conv_folded_backward_kernel,
    "direct": lambda c, x, dy, dw: _conv.conv_backward_kernel(x, dy, dw, c.strides, c.padding, c.dilation),
}
