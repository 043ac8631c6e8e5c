"""The CPU backend: `Reference` with the compiled kernels in place of what they cover, which is float32."""

from __future__ import annotations

import functools
from collections.abc import Callable

import numpy as np

from fastconv import _conv
from fastconv.backends import algorithms
from fastconv.backends.cpu_stream import ACTIVATION_NUMBERS, CpuStream
from fastconv.backends.reference import Array, Reference, deliver, output_size


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


class Cpu(CpuStream):
    """NumPy arrays; float32 by the compiled kernels, float64 by plain array code."""

    def __init__(self) -> None:
        super().__init__(np)

    # ---- convolution and matrix product --------------------------------------------------------------------------

    @float32
    def conv(self, x, w, bias=None, *, strides, padding, dilation, activation=None, alpha=0.0, out=None):
        grown = (x.shape[1] + sum(padding[0]), x.shape[2] + sum(padding[1]))
        y = receiver((x.shape[0], *output_size(grown, w.shape[:2], strides, dilation), w.shape[3]), out)
        _conv.conv(x, w, bias, y, strides, padding, dilation, ACTIVATION_NUMBERS[activation], alpha)
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
        _conv.conv_backward_kernel(x, dy, dw, strides, padding, dilation)
        return dw

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
