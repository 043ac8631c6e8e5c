"""The CPU backend: `Reference` with the compiled kernels in place of what they cover, which is float32."""

from __future__ import annotations

import functools

import numpy as np

from fastconv import _image
from fastconv._stream import contiguous, is_float32, room
from fastconv.backends import algorithms
from fastconv.backends.cpu_conv import BACKWARD_INPUT, BACKWARD_KERNEL, FORWARD, MATMUL, matmul_transposed
from fastconv.backends.cpu_stream import ACTIVATION_NUMBERS, CpuStream, delivered, float32


class Cpu(CpuStream):
    """NumPy arrays; float32 by the compiled kernels, float64 by plain array code."""

    def __init__(self) -> None:
        super().__init__(np)

    # ---- convolution and matrix product --------------------------------------------------------------------------

    @float32
    def conv(self, x, w, bias=None, *, strides, padding, dilation, activation=None, alpha=0.0, out=None):
        c, algorithm, _ = algorithms.conv("forward", x.shape, w.shape, strides, padding, dilation)
        y = room(out, c.output_shape)
        return y, FORWARD[algorithm], (c, x, w, bias, y, ACTIVATION_NUMBERS[activation], alpha)

    @float32
    def conv_backward_input(
        self, dy, w, bias=None, *, input_shape, strides, padding, dilation, activation=None, alpha=0.0, out=None
    ):
        c, algorithm, _ = algorithms.conv("backward_input", input_shape, w.shape, strides, padding, dilation)
        dx = room(out, input_shape)
        return dx, BACKWARD_INPUT[algorithm], (c, dy, w, bias, dx, ACTIVATION_NUMBERS[activation], alpha)

    @float32
    def conv_backward_kernel(self, x, dy, *, kernel_shape, strides, padding, dilation, out=None):
        c, algorithm, _ = algorithms.conv("backward_kernel", x.shape, kernel_shape, strides, padding, dilation)
        dw = room(out, kernel_shape)
        return dw, BACKWARD_KERNEL[algorithm], (c, x, dy, dw)

    @float32
    def matmul(self, a, b, bias=None, *, transpose_a=False, transpose_b=False, activation=None, alpha=0.0, out=None):
        """A kernel where b is a matrix, and a one too if it is transposed, alone and unfused; else the reference."""
        fused = bias is not None or activation is not None
        algorithm = algorithms.matmul(a.shape, b.shape, transpose_a, transpose_b, fused)
        if algorithm == "reference":
            return None
        columns = b.shape[0] if transpose_b else b.shape[1]
        if algorithm == "transposed":
            y = room(out, (a.shape[1], columns))
            return y, matmul_transposed, (a, b, y)
        y = room(out, (*a.shape[:-1], columns))
        rows, products = a.reshape(-1, a.shape[-1]), y.reshape(-1, columns)
        number = ACTIVATION_NUMBERS[activation]
        return y, MATMUL[algorithm], (rows, b, bias, products, transpose_b, number, alpha)

    # ---- images --------------------------------------------------------------------------------------------------

    def affine_transform(self, x, transform, *, nearest, fill, value, out=None):
        if not is_float32(x):
            return super().affine_transform(x, transform, nearest=nearest, fill=fill, value=value, out=out)
        y = room(out, x.shape)
        _image.affine_transform(y, contiguous(x), np.ascontiguousarray(transform, np.float64), nearest, fill, value)
        return y if out is None else delivered(y, out)

    def flip_some(self, x, flips, *, axes, out=None):
        if not is_float32(x):
            return super().flip_some(x, flips, axes=axes, out=out)
        y = room(out, x.shape)
        _image.flip_some(y, contiguous(x), contiguous(flips), 1 in axes, 2 in axes)
        return y if out is None else delivered(y, out)

    @functools.partial(float32, seeds=2)
    def resample(self, x, w, back_w, first, back_first, *, out=None):
        y = room(out, (x.shape[0], len(first), x.shape[2]))
        return y, _image.resample, (y, x, w, first)

    @float32
    def stretch(self, x, scale, shift, *, low, high, out=None):
        y = room(out, x.shape)
        return y, _image.stretch, (y, x, scale, shift, low, high)
