"""The CPU backend: `Reference` with the compiled kernels in place of what they cover, which is float32."""

from __future__ import annotations

import functools
from collections.abc import Callable

import numpy as np

from fastconv import _conv, _core
from fastconv.backends import algorithms
from fastconv.backends.cpu_stream import ACTIVATION_NUMBERS, CpuStream
from fastconv.backends.reference import Array, Pair, Reference, deliver, output_size


def float32(kernel: Callable[..., Array]) -> Callable[..., Array]:
    """A method of Cpu: `kernel` for float32 arrays, made dense by a copy where they are not; else the reference.

    Empty arrays go to the reference, too, so that no kernel has to think of them.

    The kernel receives an `out` that is either None or dense float32; any other `out` gets a copy of its result.
    """
    reference = getattr(Reference, kernel.__name__)

    @functools.wraps(reference)
    def method(self, *arrays, out=None, **parameters):
        for a in arrays:
            if a is not None and (a.dtype != np.float32 or a.size == 0):
                return reference(self, *arrays, out=out, **parameters)
        direct = out is not None and out.dtype == np.float32 and out.flags.c_contiguous
        dense = [a if a is None or a.flags.c_contiguous else np.ascontiguousarray(a) for a in arrays]
        y = kernel(self, *dense, out=out if direct else None, **parameters)
        return y if out is None or direct else deliver(y, out)

    return method


def receiver(shape: tuple[int, ...], out: Array | None) -> Array:
    """Where a kernel writes its result."""
    return np.empty(shape, np.float32) if out is None else out


def folding(x: Array, kernel_shape: tuple[int, ...], y: Array, strides: Pair, dilation: Pair) -> int:
    """How many neighbouring pixels of y are computed as one."""
    _, kw, ci, co = kernel_shape
    if dilation[1] > 1 or ci < x.shape[3]:
        return 1
    return algorithms.fold(y.size // co, y.shape[2], co, kw, strides[1], _core.vector_floats())


def fold_pixels(y: Array, n: int) -> Array:
    """(N, OH, OW, CO) as (N, OH, OW/n, n CO): a view."""
    return y.reshape(y.shape[0], y.shape[1], y.shape[2] // n, n * y.shape[3])


def fold_kernel(w: Array, n: int, stride: int) -> Array:
    """(KH, KW + (n - 1) SW, CI, n CO): n copies of w, each a stride to the right of the one before, between zeros."""
    kh, kw, ci, co = w.shape
    folded = np.zeros((kh, kw + (n - 1) * stride, ci, n, co), np.float32)
    for i in range(n):
        folded[:, i * stride : i * stride + kw, :, i] = w
    return folded.reshape(*folded.shape[:3], n * co)


def unfold_kernel(dw: Array, shape: tuple[int, ...], n: int, stride: int, out: Array) -> Array:
    """The adjoint of fold_kernel: the sum of the n copies, written to `out`."""
    copies = dw.reshape(*dw.shape[:3], n, shape[3])
    return np.sum([copies[:, i * stride : i * stride + shape[1], :, i] for i in range(n)], axis=0, out=out)


class Cpu(CpuStream):
    """NumPy arrays; float32 by the compiled kernels, float64 by plain array code."""

    def __init__(self) -> None:
        super().__init__(np)

    # ---- convolution and matrix product --------------------------------------------------------------------------

    @float32
    def conv(self, x, w, bias=None, *, strides, padding, dilation, activation=None, alpha=0.0, out=None):
        grown = (x.shape[1] + sum(padding[0]), x.shape[2] + sum(padding[1]))
        y = receiver((x.shape[0], *output_size(grown, w.shape[:2], strides, dilation), w.shape[3]), out)
        n = folding(x, w.shape, y, strides, dilation)
        if n == 1:
            _conv.conv(x, w, bias, y, strides, padding, dilation, ACTIVATION_NUMBERS[activation], alpha)
            return y
        bias = bias if bias is None else np.tile(bias, n)
        kernel, pixels, steps = fold_kernel(w, n, strides[1]), fold_pixels(y, n), (strides[0], n * strides[1])
        _conv.conv(x, kernel, bias, pixels, steps, padding, dilation, ACTIVATION_NUMBERS[activation], alpha)
        return y

    @float32
    def conv_backward_input(self, dy, w, *, input_shape, strides, padding, dilation, out=None):
        dx = receiver(input_shape, out)
        if algorithms.conv_backward_input(len(dy), w.shape, dilation, input_shape[3] // w.shape[2]) == "spread":
            _conv.conv_backward_input_spread(dy, w, dx, strides, padding, dilation)
        else:
            _conv.conv_backward_input(dy, w, dx, strides, padding, dilation)
        return dx

    @float32
    def conv_backward_kernel(self, x, dy, *, kernel_shape, strides, padding, dilation, out=None):
        dw = receiver(kernel_shape, out)
        n = folding(x, kernel_shape, dy, strides, dilation)
        if n == 1:
            _conv.conv_backward_kernel(x, dy, dw, strides, padding, dilation)
            return dw
        kh, kw, ci, co = kernel_shape
        folded = np.empty((kh, kw + (n - 1) * strides[1], ci, n * co), np.float32)
        _conv.conv_backward_kernel(x, fold_pixels(dy, n), folded, (strides[0], n * strides[1]), padding, dilation)
        return unfold_kernel(folded, kernel_shape, n, strides[1], dw)

    @float32
    def matmul(self, a, b, bias=None, *, transpose_a=False, transpose_b=False, activation=None, alpha=0.0, out=None):
        number = ACTIVATION_NUMBERS[activation]
        if b.ndim != 2 or (transpose_a and (a.ndim != 2 or transpose_b or bias is not None or number)):
            return super().matmul(
                a,
                b,
                bias,
                transpose_a=transpose_a,
                transpose_b=transpose_b,
                activation=activation,
                alpha=alpha,
                out=out,
            )
        columns = b.shape[0] if transpose_b else b.shape[1]
        if transpose_a:
            y = receiver((a.shape[1], columns), out)
            _conv.matmul_transposed(a, b, y)
            return y
        y = receiver((*a.shape[:-1], columns), out)
        rows, products = a.reshape(-1, a.shape[-1]), y.reshape(-1, columns)
        if algorithms.matmul(len(rows), transpose_b) == "thin":
            _conv.matmul_thin(rows, b, bias, products, number, alpha)
        else:
            _conv.matmul(rows, b, bias, products, transpose_b, number, alpha)
        return y
